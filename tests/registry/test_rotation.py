"""In which order a server tries the endpoints of a registry."""

from understudy.registry.rotation import nearest_first

MEMBERS = ("10.0.0.1:7400", "10.0.0.2:7400", "[fd00::3]:7400")


def test_a_server_tries_its_own_member_first() -> None:
    """Which is lost only with it; in IPv6, too."""
    assert nearest_first(MEMBERS, ("10.1.0.2", "10.0.0.2"), 0)[0] == "10.0.0.2:7400"
    assert nearest_first(MEMBERS, ("fd00::3",), 0)[0] == "[fd00::3]:7400"


def test_who_has_none_begins_with_another_one_on_each_server() -> None:
    """So that not all lose theirs at once; each still has all of them."""
    orders = [nearest_first(MEMBERS, ("10.0.0.9",), number) for number in range(6)]
    assert [order[0] for order in orders] == [*MEMBERS, *MEMBERS]
    assert all(sorted(order) == sorted(MEMBERS) for order in orders)


def test_there_may_be_one_or_none() -> None:
    """A registry of one process; and settings that name none."""
    assert nearest_first(("127.0.0.1:7400",), (), 3) == ["127.0.0.1:7400"]
    assert nearest_first((), (), 3) == []
