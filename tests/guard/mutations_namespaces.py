"""The clauses that make network namespaces mute at the end of a lease, taken out one at a time; tried by `test_namespaces.py`."""

from cutting import Patch, cut, exchange, exchange_value
from understudy.guard.core import ending
from understudy.guard.core.ending import EndStep
from understudy.guard.means import Means
from understudy.holdings.listing import KillList
from understudy.linux import namespaces


def forget_the_namespaces(patch: Patch) -> None:
    """They are not found on the kill list."""
    exchange(patch, KillList.namespaces)(lambda self: ())


def leave_the_namespaces_alone(patch: Patch) -> None:
    """A lapse ends processes and addresses; what answers in a namespace needs neither."""
    order = tuple(part._replace(steps=tuple(step for step in part.steps if step is not EndStep.MUTE_NAMESPACES)) for part in ending.ORDER)
    exchange_value(patch, ending, "ORDER", order)


def mute_the_namespaces_only_at_first(patch: Patch) -> None:
    """Not once more when nobody is left who could have made another."""
    strike, *rest = ending.ORDER
    later = (part._replace(steps=tuple(step for step in part.steps if step is not EndStep.MUTE_NAMESPACES)) for part in rest)
    exchange_value(patch, ending, "ORDER", (strike, *later))


def end_what_was_seen_before(patch: Patch) -> None:
    """Who ends everything goes by the list as it was when nothing was pressing."""
    exchange(patch, Means.look_at_list)(lambda self: None)


def take_a_name_for_the_namespace(patch: Patch) -> None:
    """By force their names are taken away, and whoever is left in one talks on."""
    cut(patch, namespaces.remove, "muted = door.mute(wanted, within_s=within_s, folder=folder)", "muted = Muted(0, ())")
