"""`pullup:always`: when what it names comes ONLINE, the TARGET of a resource becomes ONLINE, whatever it was. Pure; asked by `decide.py`.

Each start counts once, so that what an operator stops afterwards stays down: which starts were taken into account is kept with the
assignment of the resource (`Assignment.pulled`), and the next leader goes on from there. A plain `pullup` needs no decision: what is wanted
is started again anyhow, and its lane only waits no longer (`lane/driver.py`).
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from understudy.model import events
from understudy.model.cardinality import with_targets
from understudy.model.maps import with_changes
from understudy.model.names import ResourceName, registered_name
from understudy.model.reasons import Reason, Why
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import State, Target
from understudy.model.view import Assignment, TargetRecord, View
from understudy.policy.ground import Ground
from understudy.policy.plan import Note, Step

MOST = 64
"""So many instances of what pulls a resource up are looked at: the first by name."""
PULLED_BY = "pullup:always of "
"""How the author of such a TARGET begins."""
_NONE_YET = "-"
"""Nothing was ONLINE when it was looked at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What is pulled up now, by the first resource of each."""

    assignments: Mapping[ResourceName, Assignment] = field(default_factory=dict)
    """With what was taken into account."""
    targets: Mapping[ResourceName, TargetRecord] = field(default_factory=dict)
    pulls: Mapping[ResourceName, tuple[ResourceName, ...]] = field(default_factory=dict)
    """Whose TARGETs come from the `pullup:always` of each."""
    notes: tuple[Note, ...] = ()

    def in_view(self, view: View) -> View:
        """The View once it is written."""
        return with_targets(replace(view, assignments=with_changes(view.assignments, dict(self.assignments))), self.targets)

    def with_step(self, step: Step, members: tuple[ResourceName, ...]) -> Step:
        """The step of a group together with what is written for what pulls its members up: also the TARGETs of what they need elsewhere,
        for what is taken into account as a start and what follows from it are one."""
        decided = {assignment.resource for assignment in step.assignments}
        marks = tuple(self.assignments[name] for name in members if name in self.assignments and name not in decided)
        pulled = dict.fromkeys(name for member in members for name in self.pulls.get(member, ()))
        targets = tuple((name, self.targets[name]) for name in pulled)
        notes = tuple(note for note in self.notes if note.resource in pulled)
        return replace(step, assignments=(*step.assignments, *marks), targets=(*step.targets, *targets), notes=(*notes, *step.notes))


def pulled_up(ground: Ground, groups: tuple[tuple[ResourceName, ...], ...]) -> Pulled:
    """What of these groups is pulled up now."""
    view = ground.view
    assignments: dict[ResourceName, Assignment] = {}
    targets: dict[ResourceName, TargetRecord] = {}
    pulls: dict[ResourceName, tuple[ResourceName, ...]] = {}
    notes: list[Note] = []
    for resource in (view.resources[name] for members in groups for name in members):
        always = [dependency for dependency in resource.start if is_always(dependency)]
        if resource.number > 1:  # the first stands for all instances
            continue
        if not always or not resource.enabled or view.recovering:
            continue
        before = view.assignments.get(resource.name) or Assignment(resource=resource.name, epoch=0, era=view.era)
        known, now = set(before.pulled.split()), _starts(ground, always)
        up = all(_is_up(ground, dependency) for dependency in resource.start if dependency.kind is DependencyKind.PULLUP)
        if not known:  # registered just now, or by a leader of an older version: what is up already pulls nothing
            assignments[resource.name] = replace(before, pulled=" ".join(now) if up and now else _NONE_YET)
        elif up and not set(now) <= known:
            assignments[resource.name] = replace(before, pulled=" ".join(now))
            cause = Reason(Why.PULLED_UP, (resource.name, always[0].entity)).code()
            pulls[resource.name] = tuple(dict.fromkeys(map(registered_name, _down(ground, resource))))
            for name in (name for name in pulls[resource.name] if name not in targets):
                targets[name] = TargetRecord(target=Target.ONLINE, by=f"{PULLED_BY}{resource.name}", era=view.era)
                notes.append(Note(kind=events.TARGET_SET, resource=name, cause=cause))
    return Pulled(assignments=assignments, targets=targets, pulls=pulls, notes=tuple(notes))


def is_always(dependency: Dependency) -> bool:
    """Whether it is `pullup:always`."""
    return dependency.kind is DependencyKind.PULLUP and "always" in dependency.modifiers


def _down(ground: Ground, resource: Resource) -> list[ResourceName]:
    """It and all that it needs to start, as far as that is not wanted yet; nothing where it is, or one of them may not be started."""
    view, found, ahead = ground.view, dict.fromkeys([resource.name]), [resource]
    if all(view.target(name) is Target.ONLINE for name in resource.siblings or (resource.name,)):
        return []
    while ahead:
        for dependency in ahead.pop().start:
            meant = [name for name in ground.meant(dependency) if name in view.resources]
            if dependency.kind is not DependencyKind.HARD or any(view.target(name) is Target.ONLINE for name in meant):
                continue
            fresh = [name for name in meant[:1] if name not in found]
            found |= dict.fromkeys(fresh)
            ahead += [view.resources[name] for name in fresh]
    if not all(view.resources[name].enabled for name in found):
        return []
    return list(found)


def _starts(ground: Ground, always: list[Dependency]) -> list[str]:
    """Each start of what pulls it up, of what is up now: another start has another word."""
    found = {word for dependency in always for name in ground.meant(dependency)[:MOST] for word in _words(ground, dependency, name)}
    return sorted(found)[:MOST]


def _words(ground: Ground, dependency: Dependency, name: ResourceName) -> Iterator[str]:
    for server in sorted(ground.view.reports.get(name, {})):
        report = ground.view.report(name, server)
        if report is not None and report.state in _good(dependency):
            yield f"{zlib.crc32(f'{registered_name(name)} {report.incarnation}'.encode()):x}.{report.starts}"


def _is_up(ground: Ground, dependency: Dependency) -> bool:
    """Any of those that it means, on any server: the resource may start where it can."""
    return any(True for name in ground.meant(dependency) for _ in _words(ground, dependency, name))


def _good(dependency: Dependency) -> tuple[State, ...]:
    return (State.ONLINE, State.INTERMEDIATE) if "intermediate" in dependency.modifiers else (State.ONLINE,)
