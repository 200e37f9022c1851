"""Which instances of resources a command means (`-k`, `-n`, or all), by the names that policy knows them by. Pure.

A command names resources; what it writes, waits for and judges are instances. Of a resource with one instance that is the resource itself.
"""

from collections.abc import Iterable, Iterator

from understudy.intent.facts import RUNNING, holders_of, instances
from understudy.intent.refusal import Declined
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName, number_of
from understudy.model.state import State
from understudy.model.view import View
from understudy.policy.ground import survey


def meant(view: View, names: Iterable[ResourceName], number: int | None = None) -> tuple[ResourceName, ...]:
    """All instances of these resources, or of each the one of this number. Declined: one has none of it."""
    each = apart(view)
    return tuple(found for name in names for found in _meant(each, name, number))


def _meant(view: View, name: ResourceName, number: int | None) -> tuple[ResourceName, ...]:
    wanted = siblings_of(view, name)
    if number is None:
        return wanted
    found = tuple(each for each in wanted if number_of(each) == number)
    if not found:
        raise Declined(20640, name, number, ", ".join(str(number_of(each)) for each in wanted))
    return found


def siblings_of(view: View, name: ResourceName) -> tuple[ResourceName, ...]:
    """All instances that a resource shall have, by number; of one that is not registered its name."""
    resource = view.resources.get(name)
    wanted = () if resource is None else tuple(each for each in resource.siblings if not view.resources[each].beyond)
    return wanted or (name,)


def on_server(view: View, name: ResourceName, server: ServerName) -> tuple[ResourceName, ...]:
    """Those of a resource that run, or may be running, on a server; also more than there shall be."""
    each = apart(view)
    resource = each.resources[name]
    return tuple(found for found in resource.siblings or (name,) if is_on(each, found, server))


def is_on(view: View, name: ResourceName, server: ServerName) -> bool:
    """Whether an instance runs, or may be running, on a server."""
    if any(holder.server == server for holder in holders_of(view, name)):
        return True
    return any(found.server == server and found.state is not State.OFFLINE for found in instances(view, view.resources[name]))


def to_start_on(view: View, names: Iterable[ResourceName], server: ServerName) -> tuple[ResourceName, ...]:
    """Of each resource the instance that is there, else the first that belongs to nobody. Declined: all have servers."""
    each = apart(view)
    return tuple(_to_start_on(each, name, server) for name in names)


def _to_start_on(view: View, name: ResourceName, server: ServerName) -> ResourceName:
    siblings = siblings_of(view, name)
    if len(siblings) == 1:
        return siblings[0]
    if there := [found for found in siblings if is_on(view, found, server)]:
        return there[0]
    free = [found for found in siblings if not holders_of(view, found) and not _runs(view, found)]
    if not free:
        raise Declined(20641, name, len(siblings), server)
    return free[0]


def _runs(view: View, name: ResourceName) -> bool:
    return any(found.state in RUNNING for found in instances(view, view.resources[name]))


def without_server(view: View, names: Iterable[ResourceName]) -> Iterator[ResourceName]:
    """Those that are wanted and belong to nobody while others of their resource do: no server is left for them."""
    ground = survey(view)
    for name in names:
        resource = ground.view.resources.get(name)
        siblings = () if resource is None else resource.siblings
        if name not in ground.owners and any(each in ground.owners for each in siblings):
            yield name
