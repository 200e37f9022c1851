"""`crsctl restart resource`: what a restart must bring back, whether it could, and what stays wanted if it goes wrong. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import running_on, stop_dependents
from understudy.intent.operator import Operator
from understudy.intent.places import check_place
from understudy.intent.refusal import Declined
from understudy.intent.targets import aimed, is_aimed, said
from understudy.model import events
from understudy.model.cardinality import apart, whole_resources
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.policy.waits import waits

NOWHERE: Mapping[ResourceName, TargetRecord] = MappingProxyType({})
"""No local resource was wanted on some servers only."""
RestartPlaces = Mapping[ResourceName, ServerName | None]
"""What is to be started again, each with the server it is to be on; None: on any."""


def places_of(view: View, names: tuple[ResourceName, ...]) -> dict[ResourceName, ServerName | None]:
    """The names and their wanted dependents, each with the server it runs on: what a restart must bring back."""
    view = apart(view)
    affected = (*names, *stop_dependents(view, names))
    return {name: running_on(view, name) for name in affected if view.target(name) is Target.ONLINE or name in names}


def check_that_it_can_start(view: View, places: RestartPlaces) -> None:
    """What would not come up again where it is is not stopped: a restart is no stop. Declined, with what it would wait for."""
    view = apart(view)
    asked = waits(view)
    for name, place in places.items():
        if place is None or view.resources[name].local:
            continue
        check_place(asked.ground, [name], place, places)
        missing = asked.missing(name, place, places)
        if missing is not None and not missing.passing:
            raise Declined(20165, name, place, missing.text)


def by_server(view: View, places: RestartPlaces) -> tuple[tuple[tuple[ResourceName, ...], ServerName | None], ...]:
    """What is started together, in order: server by server, local resources before those that stand on them; what had no place comes
    last, and may be up by then with the others. What was deleted meanwhile is left out."""
    view = apart(view)
    places = {name: place for name, place in places.items() if name in view.resources}
    found: list[tuple[tuple[ResourceName, ...], ServerName | None]] = []
    for server in sorted({place or "" for place in places.values()}, key=lambda place: (not place, place)):
        names = tuple(sorted(name for name, place in places.items() if (place or "") == server))
        local = tuple(name for name in names if view.resources[name].local)
        moving = tuple(name for name in names if name not in local)
        found += [(group, place) for group, place in ((local, None), (moving, ServerName(server) if server else None)) if group]
    return tuple(found)


def partly_wanted(view: View, names: Iterable[ResourceName]) -> dict[ResourceName, TargetRecord]:
    """Local resources that are wanted on some servers only: so they are to be wanted again."""
    view = apart(view)
    found = {name: view.targets[name] for name in names if name in view.targets and view.resources[name].local}
    return {name: record for name, record in found.items() if record.otherwise}


def wanted_again(
    view: View, names: Iterable[ResourceName], operator: Operator, before: Mapping[ResourceName, TargetRecord] = NOWHERE
) -> Edit:
    """A restart went wrong half way: what it has stopped is wanted as before. `before`: on these servers only."""
    view = apart(view)
    down = [name for name in names if name in view.resources and not is_aimed(view, name, Target.ONLINE)]
    again = {name: replace(before[name], by=operator.by, era=view.era) for name in down if name in before}
    targets = whole_resources(view, {name: again.get(name) or aimed(view, name, Target.ONLINE, operator) for name in down})
    return Edit(
        targets=targets,
        history=tuple(
            HistoryEntry(kind=events.TARGET_SET, resource=name, text=said(view, name, record)) for name, record in targets.items()
        ),
    )
