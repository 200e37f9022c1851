"""What a change of definitions would do to what runs now.

Not by rules of its own: the leader's decision is made of the View before and of the View after the change, and what differs for something
that runs is an impact; then the lanes' rule for whoever stands on that (a hard stop dependency that is not up any more stops it).
Called by the verbs before they write a change. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from understudy.model.cardinality import apart
from understudy.model.categories import category_members
from understudy.model.maps import differing, with_changes
from understudy.model.membership import has_instance
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Internal, State, Target
from understudy.model.view import Assignment, Holder, Report, View
from understudy.policy.decide import decide
from understudy.policy.eligibility import joint_standing
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import groups
from understudy.policy.plan import Memory

_UP = (State.ONLINE, State.INTERMEDIATE)
_ROUNDS = 4
"""Of decisions that follow from one another, each carried out before the next: who was kept away by what moved, and who by that."""
_ANY_TIME = 0.0
"""When the two decisions are made: with an empty memory nothing is due, whatever the time."""


class Fate(StrEnum):
    """What becomes of something that runs."""

    STOPS = "stops"
    """and stays down for now, although its TARGET is what it was."""
    MOVES = "moves"
    RESTARTS = "restarts"
    """on the same server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What becomes of one resource where it runs."""

    resource: ResourceName
    server: ServerName
    """Where it runs now."""
    fate: Fate
    to: ServerName | None = None
    """Where it moves."""
    why: Reason | None = None
    """Of a place: the rule that refuses it here, or calls it elsewhere."""
    by: ResourceName | None = None
    """What it stands on and will not find up here; None: the change is about its place, or itself."""


ResourceAt = tuple[ResourceName, ServerName]
Found = Mapping[ResourceAt, Impact]


def impact(before: View, after: View, restarting: Collection[ResourceName] = ()) -> tuple[Impact, ...]:
    """What runs now and would stop, move or restart, by name. `restarting` are those that the change itself restarts where they are."""
    before, after = apart(before), apart(after)
    restarting = [instance for name in restarting if name in before.resources for instance in before.resources[name].siblings or (name,)]
    matters = _matters(before, after)
    if not restarting and not matters:
        return ()
    found = {**_replaced(before, after), **_without_instance(before, after)} if matters else {}
    for name in restarting:
        for server in _places(before, name):
            found.setdefault((name, server), Impact(resource=name, server=server, fate=Fate.RESTARTS))
    _spread(before, after, found)
    return tuple(found[key] for key in sorted(found))


def runs_at(view: View, name: ResourceName) -> ServerName | None:
    """The server of its owner, if anything of it runs there, or is being started or stopped."""
    assignment = view.assignments.get(name)
    if name not in view.resources or assignment is None or assignment.owner is None:
        return None
    report = view.report(name, assignment.owner.server)
    if report is None or report.incarnation != assignment.owner.incarnation:
        return None
    return assignment.owner.server if report.state is not State.OFFLINE or report.internal is not Internal.STABLE else None


def _matters(before: View, after: View) -> bool:
    """Whether anything differs that a decision, or a lane's rule about neighbours, looks at: most changes are of timeouts and intervals."""
    if before.pools != after.pools or before.types != after.types or before.servers != after.servers:
        return True
    if before.categories != after.categories:
        return True
    changed = differing(before.resources, after.resources)
    if any(name not in before.resources or name not in after.resources for name in changed):
        return True
    return any(is_placed_otherwise(before.resources[name], after.resources[name]) for name in changed)


def is_placed_otherwise(before: Resource, after: Resource) -> bool:
    """Whether a decision about places, or a lane's rule about neighbours, may come out otherwise for a changed resource."""
    return _placed_by(before) != _placed_by(after)


def _placed_by(resource: Resource) -> Resource:
    """Without what neither a decision nor a rule about neighbours looks at; whatever is new counts until it stands here."""
    return replace(
        resource, attributes={}, check_interval_s=0.0, offline_check_interval_s=0.0, check_failures=0, restart_attempts=0,
        start_timeout_s=0.0, stop_timeout_s=0.0, check_timeout_s=0.0, clean_timeout_s=0.0, uptime_threshold_s=0.0, user="",
    )  # fmt: skip


# --- what the leader would decide -----------------------------------------------------------------------------------


def _replaced(before: View, after: View) -> dict[ResourceAt, Impact]:
    """Those whose owner changes because of the change: not those that are on their way elsewhere anyhow."""
    then, now = _decided(before), _decided(after)
    ground = survey(after)
    member_of = {name: members for members in groups(after) for name in members}
    found: dict[ResourceAt, Impact] = {}
    for name in after.resources:
        server, to = runs_at(before, name), _owner(now, name)
        if server is None or to in (server, _owner(then, name)):
            continue
        fate = Fate.STOPS if to is None else Fate.MOVES
        found[name, server] = Impact(resource=name, server=server, fate=fate, to=to, why=_why(ground, now[name], member_of[name], server))
    return found


def _without_instance(before: View, after: View) -> dict[ResourceAt, Impact]:
    """Instances of local resources that are to be nowhere any more."""
    return {
        (name, server): Impact(resource=name, server=server, fate=Fate.STOPS, why=_why_none(after, name, server))
        for name in sorted(with_trait(after.resources, Trait.LOCAL))
        for server in _places(before, name)
        if not has_instance(after, after.resources[name], server)
        and name in before.resources
        and has_instance(before, before.resources[name], server)
    }


def _why_none(view: View, name: ResourceName, server: ServerName) -> Reason:
    """Why a local resource has no instance there."""
    resource = view.resources[name]
    if resource.server_category is not None and not category_members(view).holds(resource.server_category, server):
        return Reason(Why.NOT_IN_CATEGORY, (resource.server_category,))
    return Reason(Why.NOT_IN_POOL, tuple(resource.server_pools))


def _decided(view: View) -> Mapping[ResourceName, Assignment]:
    """Every assignment once the leader has nothing more to decide: what one group leaves or takes may move another. That a server has
    come up meanwhile is nothing that the change does."""
    if any(record.coming_up for record in view.incarnations.values()):
        view = replace(view, incarnations={name: replace(record, coming_up=False) for name, record in view.incarnations.items()})
    for _ in range(_ROUNDS):
        steps = decide(view, _ANY_TIME, Memory()).steps
        changed = {assignment.resource: assignment for step in steps for assignment in step.assignments}
        if not changed:
            break
        answered = {id for step in steps for id in step.fulfilled}
        requests = tuple(request for request in view.requests if request.id not in answered)
        view = _carried_out(replace(view, requests=requests), changed)
    return view.assignments


def _carried_out(view: View, changed: Mapping[ResourceName, Assignment]) -> View:
    """As if whatever was given to another place had been stopped where it was, released, and started there."""
    assignments, reports = dict(changed), dict[ResourceName, Mapping[ServerName, Report]]()
    for name, now in changed.items():
        if _owner(view.assignments, name) == _owner(changed, name):
            continue
        left = [holder for holder in now.holders if holder != now.owner]
        assignments[name] = replace(now, holders=() if now.owner is None else (now.owner,))
        there = {**view.reports.get(name, {})}
        there |= {holder.server: _report(now, holder, State.OFFLINE) for holder in left}
        if now.owner is not None:
            there[now.owner.server] = _report(now, now.owner, State.ONLINE)
        reports[name] = there
    return replace(view, assignments=with_changes(view.assignments, assignments), reports=with_changes(view.reports, reports))


def _report(assignment: Assignment, holder: Holder, state: State) -> Report:
    return Report(resource=assignment.resource, server=holder.server, incarnation=holder.incarnation, epoch=assignment.epoch, state=state)


def _owner(assignments: Mapping[ResourceName, Assignment], name: ResourceName) -> ServerName | None:
    assignment = assignments.get(name)
    return None if assignment is None or assignment.owner is None else assignment.owner.server


def _why(ground: Ground, now: Assignment, members: Sequence[ResourceName], server: ServerName) -> Reason | None:
    """What refuses it, with its group, where it runs; if nothing does, why it goes elsewhere."""
    wanted = [member for member in members if ground.view.target(member) is Target.ONLINE]
    here = joint_standing(ground, wanted or [now.resource], server)
    return now.reason if here.admitted else here.reason


# --- what the lanes would do about it -------------------------------------------------------------------------------


def _spread(before: View, after: View, found: dict[ResourceAt, Impact]) -> None:
    """Adds to `found` who stands on something that is not up any more, over any number of steps."""
    was, now = survey(before), survey(after)
    leaning = [
        (name, server)
        for name, resource in sorted(after.resources.items())
        if not resource.local and _stop_dependencies(after, name)  # a local resource is not stopped with what it stands on
        for server in _places(before, name)
    ]
    while True:
        fresh = {place: broken for place in leaning if place not in found and (broken := _broken(was, now, place, found)) is not None}
        if not fresh:
            return
        found |= fresh


def _broken(was: Ground, now: Ground, place: ResourceAt, found: Found) -> Impact | None:
    """What becomes of what runs there when something that it stops with will not be up; what was broken before is not reported."""
    name, server = place
    for stop_dependency in _stop_dependencies(now.view, name):
        if _is_up(now, stop_dependency, server, found):
            continue
        if stop_dependency in _stop_dependencies(was.view, name) and not _is_up(was, stop_dependency, server, {}):
            continue
        meant = now.meant(stop_dependency)
        by = next((other for other in meant if any(key[0] == other for key in found)), ResourceName(stop_dependency.entity))
        fate = Fate.RESTARTS if any(_comes_back(found, other, server, stop_dependency) for other in meant) else Fate.STOPS
        return Impact(resource=name, server=server, fate=fate, by=by)
    return None


def _stop_dependencies(view: View, name: ResourceName) -> tuple[Dependency, ...]:
    resource = view.resources.get(name)
    found = () if resource is None else resource.stop
    return tuple(dependency for dependency in found if dependency.kind is DependencyKind.HARD and "shutdown" not in dependency.modifiers)


def _is_up(ground: Ground, dependency: Dependency, server: ServerName, found: Found) -> bool:
    """Whether any of what is meant is up where it counts, and stays so."""
    anywhere = "global" in dependency.modifiers
    return any(
        (other, place) not in found
        for other in ground.meant(dependency)
        if other in ground.view.resources
        for place in ground.view.reports.get(other, {})
        if (anywhere or place == server) and ground.online_here(other, place)
    )


def _comes_back(found: Found, name: ResourceName, server: ServerName, dependency: Dependency) -> bool:
    """Whether what goes down is soon up again where that counts."""
    anywhere = "global" in dependency.modifiers
    own = [each for key, each in found.items() if key[0] == name and (anywhere or key[1] == server)]
    return any(each.fate is Fate.RESTARTS or (each.fate is Fate.MOVES and anywhere) for each in own)


def _places(view: View, name: ResourceName) -> tuple[ServerName, ...]:
    """Where it runs: a local resource on every server that says so, any other where it belongs."""
    resource = view.resources.get(name)
    if resource is not None and resource.local:
        reports = ((server, view.report(name, server)) for server in sorted(view.reports.get(name, {})))
        return tuple(server for server, report in reports if report is not None and report.state in _UP)
    server = runs_at(view, name)
    return () if server is None else (server,)
