"""An image is named by its recipe: what is asked for on top of the usual packages makes another one, and leaves the usual one alone."""

from understudy.lab import image


def test_extra_packages_make_an_image_of_their_own() -> None:
    assert image.path(("corosync", "pacemaker")) != image.path()


def test_the_order_of_extra_packages_does_not_matter() -> None:
    assert image.path(("corosync", "pacemaker")) == image.path(("pacemaker", "corosync", "pacemaker"))


def test_what_every_image_has_is_not_extra() -> None:
    assert image.path(image.PACKAGES[:2]) == image.path()
