"""What a resource needs to start, over any number of steps. Pure."""

from collections.abc import Iterable

from understudy.intent.facts import registered, running_on
from understudy.intent.instances import siblings_of
from understudy.model.cardinality import apart
from understudy.model.conditions import BEGINNING
from understudy.model.dependencies import Registered, targets
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Why
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Life
from understudy.model.view import View
from understudy.policy.eligibility import group_standings, standing
from understudy.policy.ground import survey


def needed(view: View, names: Iterable[ResourceName], *, weak: bool = True) -> tuple[ResourceName, ...]:
    """The names with everything they need by hard (and, if asked for, weak) start dependencies, needed ones first."""
    view = apart(view)
    known = registered(view)
    ordered: list[ResourceName] = []
    seen: set[ResourceName] = set()

    def visit(name: ResourceName) -> None:
        if name in seen or name not in view.resources:
            return
        seen.add(name)
        for dependency in view.resources[name].start:
            if dependency.kind is DependencyKind.HARD or (weak and dependency.kind is DependencyKind.WEAK):
                for other in _meant(view, view.resources[name], dependency, known):
                    visit(other)
        ordered.append(name)

    for name in names:
        visit(name)
    return tuple(ordered)


def unlooked(view: View, names: Iterable[ResourceName], server: ServerName | None = None) -> bool:
    """Whether a candidate (this server, or any) is refused only because it has not looked yet at one of the names (S6)."""
    view = apart(view)
    places = [record for place, record in view.present().items() if record.life is Life.ONLINE and server in (place, None)]
    missing = [
        (view.resources[name], place.server)
        for name in names
        if name in view.resources
        for place in places
        if not view.looked(place.server, place.incarnation, view.resources[name])
    ]
    ground = survey(view)
    return any(standing(ground, resource, place).reason.why is Why.NOT_LOOKED for resource, place in missing)


def beginning(view: View, names: Iterable[ResourceName], server: ServerName | None = None) -> bool:
    """Whether one of the names has no candidate (this server, or any) but such as are refused only because their daemon has just begun: in
    a moment it proves that it can act."""
    view = apart(view)
    if all(said.why != BEGINNING for said in view.unable.values()):
        return False
    ground = survey(view)
    for name in names:
        found = [standing for standing in group_standings(ground, [name]) if server in (standing.server, None)]
        passing = any(standing.reason.why is Why.CANNOT_ACT and BEGINNING in standing.reason.of for standing in found)
        if passing and not any(standing.admitted for standing in found):
            return True
    return False


def _meant(view: View, by: Resource, dependency: Dependency, known: Registered) -> tuple[ResourceName, ...]:
    """Of a type, or of several instances, one that runs is enough; if none does, the first is meant. `uniform:` means all; and so does who
    has several instances itself and needs one on each of its servers."""
    found = targets(dependency, known)
    if not dependency.is_type:
        found = tuple(each for name in found for each in siblings_of(view, name))
    all_of = "uniform" in dependency.modifiers or (bool(by.siblings) and dependency.same_server)
    if all_of or not (dependency.is_type or len(found) > 1):
        return found
    if any(running_on(view, name) for name in found):
        return ()
    return found[:1]
