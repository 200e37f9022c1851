"""What a resource waits for, in words, and whether anybody is at work on it: asked of the rules that make it wait.

Called by `explain.py` and by the commands that wait (`daemon/verbs/patience.py`): the same words in both. The leader's rules are asked for
a place and for proof (`eligibility.py`, `eras.py`, `liveness.py`), the server's lane for what comes next there (`lane/seen.py`). Pure.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from understudy.lane.neighbours import meant, missing_to_start
from understudy.lane.seen import Seen, seen
from understudy.lane.steps import Check, Release, Wait, WaitsFor
from understudy.model.cardinality import instance_here
from understudy.model.dependencies import print_entity
from understudy.model.failures import exhausted_text, unavailable
from understudy.model.names import ResourceName, ServerName, registered_name, short
from understudy.model.reasons import Why
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import ALIVE, Internal, Life, State, Target
from understudy.model.view import Assignment, Failure, Holder, Report, View
from understudy.policy.eligibility import group_standings, missing_looks
from understudy.policy.eras import UNREPORTED_S, must_wait, unreported
from understudy.policy.ground import Ground, survey
from understudy.policy.groups import group_of
from understudy.policy.instances import WAITS_FOR_ITS_SERVER
from understudy.policy.liveness import unended
from understudy.policy.sentences import no_candidate

_ACTIONS = {Internal.STARTING: "start", Internal.STOPPING: "stop"}
DEEPEST = 4
"""Over how many steps a wait for another's wait is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that is waited for: `... waits for TEXT`."""

    text: str
    passing: bool = True
    """Somebody is at work on it, and it has an end; else it stays until an operator, or a change from outside, ends it."""
    under_way: bool = False
    """No more than an action that has begun and has not ended: whoever follows has been shown its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """A View, with what the questions about it have in common."""

    ground: Ground
    lanes: Seen

    def of(self, name: ResourceName) -> tuple[Cause, ...]:
        """Everything that the resource waits for, be it to come up or to go; empty: nothing, it is as it is wanted."""
        resource = self.ground.view.resources[name]
        if resource.local:
            return tuple(self._of_instances(resource))
        assignment = self.ground.view.assignments.get(name, Assignment(resource=name, epoch=0))
        return tuple(dict.fromkeys((*self._of_place(assignment), *self._of_proof(assignment), *self._of_lanes(assignment))))

    # --- a place, by the leader's rules -----------------------------------------------------------------------------

    def _of_place(self, assignment: Assignment) -> Iterator[Cause]:
        view, name = self.ground.view, assignment.resource
        if view.target(name) is not Target.ONLINE or not view.resources[name].enabled:
            return
        if unavailable(view, view.resources[name]):
            yield Cause(text=f"somebody to start it: {exhausted_text(view.resources[name])}", passing=False)
            return
        looks = tuple(self._looks_to_come(assignment))
        yield from looks
        if view.requests_about(name):
            yield Cause(text=self._the_leader("to decide about what was asked for"))
        elif assignment.owner is None and not looks and not must_wait(view, name):
            yield self._no_owner(assignment)

    def _no_owner(self, assignment: Assignment) -> Cause:
        view, name = self.ground.view, assignment.resource
        wanted = [member for member in group_of(view, name) if view.target(member) is Target.ONLINE]
        if (reason := assignment.reason) is not None and reason.why in WAITS_FOR_ITS_SERVER:
            passing = reason.why is Why.FAILOVER_DELAYED
            attribute = f"FAILOVER_DELAY={reason.of[1]}, then for another" if passing else "INSTANCE_FAILOVER=0"
            others = (each.server for each in group_standings(self.ground, wanted) if each.admitted)
            at_once = next((f"; at once elsewhere: crsctl start resource {name} -n {server}" for server in others), "")
            return Cause(text=f"{reason.of[0]} to come back ({attribute}){at_once}", passing=passing)
        if any(group_standing.admitted for group_standing in group_standings(self.ground, wanted)):
            return Cause(text=self._the_leader("to say where it belongs"))
        return Cause(text=f"a server that may run it: {no_candidate(view, name, self.ground)}", passing=False)

    def _the_leader(self, what: str) -> str:
        leader = self.ground.view.leader
        return f"a leader {what}: there is none" if leader is None else f"the leader ({leader.server}) {what}"

    def _looks_to_come(self, assignment: Assignment) -> Iterator[Cause]:
        """Checks without which it may not be started anywhere (S6)."""
        view, name = self.ground.view, assignment.resource
        resource = view.resources[name]
        if assignment.owner is not None:
            return
        for server in missing_looks(self.ground, resource, never_placed=assignment.epoch == 0):
            if view.could_not_tell(server, self.ground.present[server].incarnation, resource):
                text = (
                    f"{server} to tell whether it runs there: its check does not answer. It was never started by the cluster, so it could "
                    f"be running there by hand; fix what the check waits for there, or let PLACEMENT leave {server} out"
                )
                yield Cause(text=text, passing=False)
            else:
                yield Cause(text=f"{server} to check whether it runs there")

    # --- proof that nobody else runs it -----------------------------------------------------------------------------

    def _of_proof(self, assignment: Assignment) -> Iterator[Cause]:
        view, owner, name = self.ground.view, assignment.owner, assignment.resource
        if must_wait(view, name):
            for record in unreported(view, name):
                who = f"{record.server}/{short(record.incarnation)}"
                yield Cause(
                    text=f"{who} to tell whether it runs there, or to be proved gone: the registry went back and does not know it "
                    f"(for {UNREPORTED_S:g} s, then it is evicted)"
                )
        for holder in assignment.holders:
            if (failure := unended(view, name, holder)) is not None:
                yield Cause(text=_to_be_seen_gone(holder, failure), passing=False)
            elif owner is None or holder.incarnation != owner.incarnation:
                life = view.life(holder.incarnation)
                text = f"{holder.server}/{short(holder.incarnation)} to be proved gone: it is {life.value if life else 'unknown'}"
                own = self.lane(name, holder.server) if life in ALIVE else None
                if own is not None and not own.passing:
                    continue  # it waits for what that lane waits for, which is said
                passing, under_way = own is None or own.passing, life in ALIVE and (own is None or own.under_way)
                yield Cause(text=f"{text} and may still be running it", passing=passing, under_way=under_way)

    # --- the lanes --------------------------------------------------------------------------------------------------

    def _of_lanes(self, assignment: Assignment) -> Iterator[Cause]:
        view, name = self.ground.view, assignment.resource
        for holder in assignment.holders:
            if view.life(holder.incarnation) in ALIVE and unended(view, name, holder) is None:
                cause = self.lane(name, holder.server)
                if cause is not None:
                    yield cause

    def _of_instances(self, resource: Resource) -> Iterator[Cause]:
        for server, record in self.ground.present.items():
            if record.life is Life.ONLINE and (cause := self.lane(resource.name, server)) is not None:
                yield cause

    def lane(self, name: ResourceName, server: ServerName, *, deep: int = DEEPEST) -> Cause | None:
        """What the resource's lane on this server waits for; None: for nothing, or for nothing that it was asked for."""
        view, name = self.ground.view, self._instance(name, server)
        resource, report = view.resources[name], view.report(name, server)
        step = self.lanes.step(name, server)
        if not isinstance(step, Wait):
            settled = isinstance(step, Check) and not (report is not None and report.state is State.UNKNOWN)
            what = "to write that nothing of it runs there" if isinstance(step, Release) else "to begin its next action"
            return None if settled else Cause(text=f"{server} {what}", under_way=True)
        match step.why:
            case WaitsFor.IN_FLIGHT:
                internal = Internal.CLEANING if report is None else report.internal
                return Cause(text=f"its {_ACTIONS.get(internal, 'clean')} on {server} to end", under_way=True)
            case WaitsFor.FIRST_LOOK | WaitsFor.LOOKED_AT_AGAIN:
                return Cause(text=f"{server} to check whether it runs there")
            case WaitsFor.DEPENDENTS_STOP_FIRST:
                return self._dependents(step.of, server, deep)
            case WaitsFor.DEPENDENCIES:
                return self._dependencies(resource, step.of, server, deep)
            case WaitsFor.COMING_UP:
                return Cause(text=self._the_leader(f"to say what AUTO_START makes of it, as {server} has come up"))
            case WaitsFor.OTHER_SERVERS_FIRST:
                return Cause(text=self._turn(resource, step.servers, server))
            case WaitsFor.EXCLUDED_STOPS_FIRST:
                return self._rival(step.of[0], server, deep)
            case WaitsFor.PREEMPTED:
                return Cause(text=f"'{step.of[0]}' on {server} to come up, in whose place it is stopped then (preempt_post)")
            case WaitsFor.STILL_THE_OWNER:
                return Cause(text=self._the_leader(f"to take it back from {server}"), under_way=True)
            case WaitsFor.REGISTRY_WENT_BACK:
                return Cause(text="it to be known again what runs where: the registry went back")
            case WaitsFor.DISABLED if view.target_on(name, server) is Target.ONLINE and (report is None or report.state is State.OFFLINE):
                return Cause(text=f"ENABLED=1: it is disabled, and nothing is done about it on {server}", passing=False)
            case WaitsFor.UNAVAILABLE:
                return Cause(text=f"somebody to start it: on {server} {exhausted_text(resource)}", passing=False)
            case WaitsFor.STUCK | WaitsFor.GAVE_UP_HERE | WaitsFor.RETRY_LATER:
                return self._failed(step.why, name, server)
            case _:
                return None

    def _instance(self, name: ResourceName, server: ServerName) -> ResourceName:
        """Of a resource with several instances: that for which the server works, if it has one."""
        record = self.ground.present.get(server)
        if record is None or not self.ground.view.resources[name].siblings:
            return name
        return instance_here(self.lanes.view, registered_name(name), record.incarnation) or name

    def _rival(self, name: ResourceName, server: ServerName, deep: int) -> Cause:
        """What it excludes stops first. One that cannot holds it up without end."""
        own = self.lane(name, server, deep=deep - 1) if deep else None
        text = f"'{name}' on {server} to stop first: the two exclude each other"
        if own is None or own.passing:
            return Cause(text=text)
        return Cause(text=f"{text}; '{name}' waits for {own.text}", passing=False)

    def _turn(self, resource: Resource, first: tuple[ServerName, ...], server: ServerName) -> str:
        """On these servers its instances start, or stop, before."""
        report = self.ground.view.report(resource.name, server)
        stops = report is not None and report.state is not State.OFFLINE
        most = f"STOP_CONCURRENCY={resource.stop_concurrency}" if stops else f"START_CONCURRENCY={resource.start_concurrency}"
        return f"{', '.join(first)} to {'stop' if stops else 'start'} it before {server}: {most}"

    def missing(self, name: ResourceName, server: ServerName, besides: Collection[ResourceName]) -> Cause | None:
        """What would keep it from starting on this server if it were down; what is `besides` comes up with it."""
        here, resource = self.lanes.here(server), self.lanes.view.resources[registered_name(name)]
        names = () if here is None else tuple(member for member in missing_to_start(here, resource) if member not in besides)
        return self._dependencies(resource, names, server, DEEPEST) if names else None

    def _failed(self, why: WaitsFor, name: ResourceName, server: ServerName) -> Cause:
        report = self.ground.view.report(name, server)
        said = report.failure.text if report is not None and report.failure is not None else ""
        because = f" ({' / '.join(said.splitlines())})" if said else ""
        if why is WaitsFor.STUCK and self.ground.view.resources[name].stop_failure_fences:
            who = self._the_leader(f"to evict {server}, where it cannot be stopped{because}: its STOP_FAILURE is fence")
            return Cause(text=f"{who}; that needs another server that may run it, and enough voters", passing=False)
        if why is WaitsFor.STUCK:
            text = (
                f"an operator to make sure that it is down on {server}, where it is UNKNOWN{because}; "
                f"it is tried again with growing pauses; once it is down: crsctl stop resource {name}"
            )
            return Cause(text=text, passing=False)
        if why is WaitsFor.GAVE_UP_HERE:
            return Cause(text=self._the_leader(f"to choose another server: it failed on {server}{because}"))
        assignment = self.ground.view.assignments.get(name)
        reason = None if assignment is None else assignment.reason
        failed = f"it failed {'there' if self.ground.view.resources[name].local else 'on every candidate'}"
        if reason is not None and reason.why is Why.ONLY_ASKED_FOR:
            failed = "it failed where it was asked for"
        elif reason is not None and reason.why is Why.KEPT_HERE:
            failed = f"{reason.of[0]} has failed, and {reason.of[1]}=0 of {reason.of[2]} keeps it"
        return Cause(text=f"the next try on {server}, with growing pauses: {failed}{because}", passing=False)

    def _dependents(self, names: tuple[ResourceName, ...], server: ServerName, deep: int) -> Cause:
        """Who depends on it stops first. One that is to go on running holds it up without end."""
        first, view = names[0], self.ground.view
        own = self.lane(first, server, deep=deep - 1) if deep else None
        wanted = view.target_on(first, server) is Target.ONLINE
        also = "" if len(names) == 1 else f" (and {len(names) - 1} more)"
        text = f"'{first}'{also} on {server} to stop first, which depends on it"
        if own is None and wanted:
            return Cause(text=f"{text} and is wanted there: crsctl stop resource {first}", passing=False)
        if own is None or own.under_way:
            return Cause(text=text, under_way=own is not None)
        return Cause(text=f"{text}; '{first}' waits for {own.text}", passing=own.passing)

    def _dependencies(self, resource: Resource, names: tuple[ResourceName, ...], server: ServerName, deep: int) -> Cause:
        """The first of those that are missing: it names what has to come next."""
        for dependency in (*resource.start, *resource.stop):
            entities = meant(self.ground.view, dependency)
            named = any(name in names for name in entities) or ResourceName(dependency.entity) in names
            if named and dependency.kind in (DependencyKind.HARD, DependencyKind.WEAK) and "shutdown" not in dependency.modifiers:
                return self._dependency(dependency, entities, server, deep)
        return Cause(text=f"{', '.join(names)} on {server}")

    def _dependency(self, dependency: Dependency, entities: tuple[ResourceName, ...], server: ServerName, deep: int) -> Cause:
        view = self.ground.view
        where = "" if "global" in dependency.modifiers else f" on {server}"
        what = f"something of type {dependency.entity}" if dependency.is_type else f"'{dependency.entity}'"
        text = (
            f"{what} to be {'up' if 'intermediate' in dependency.modifiers or dependency.kind is DependencyKind.WEAK else 'ONLINE'}{where}"
        )
        if len(entities) != 1 or entities[0] not in view.resources:
            missing = "it is not registered" if not entities or not dependency.is_type else ""
            return Cause(text=f"{text}{f': {missing}' if missing else ''}", passing=not missing)
        return self._why_down(text, dependency, entities[0], server, deep)

    def _why_down(self, text: str, dependency: Dependency, name: ResourceName, server: ServerName, deep: int) -> Cause:
        view, resource = self.ground.view, self.ground.view.resources[name]
        up = [report for report in _reports(self.lanes.view, name) if report.state in (State.ONLINE, State.INTERMEDIATE)]
        here = next((report for report in up if "global" in dependency.modifiers or report.server == server), None)
        if here is not None and here.state is State.INTERMEDIATE and "intermediate" not in dependency.modifiers:
            details = f" ({here.details})" if here.details else ""
            wide = print_entity(replace(dependency, modifiers=dependency.modifiers | {"intermediate"}))
            why = f"it is INTERMEDIATE on {here.server}{details}; {dependency.kind.value}({wide}) would be satisfied by that"
            return Cause(text=f"{text}: {why}", passing=False)
        if not resource.enabled:
            return Cause(text=f"{text}: it is disabled (crsctl modify resource {name} -attr ENABLED=1)", passing=False)
        if view.target_on(name, server) is not Target.ONLINE:
            there = f" -n {server}" if view.target(name) is Target.ONLINE else ""
            return Cause(text=f"{text}: its TARGET is OFFLINE (crsctl start resource {name}{there})", passing=False)
        if unavailable(view, resource, server):
            return Cause(text=f"{text}: {exhausted_text(resource)}", passing=False)
        own = self._of_other(name, server, deep)
        if own is None and up and here is None:
            return Cause(text=f"{text}: it runs on {up[0].server}", passing=False)
        if own is None:
            return Cause(text=text, under_way=True)
        return Cause(text=text if own.under_way else f"{text}, which waits for {own.text}", passing=own.passing, under_way=own.under_way)

    def _of_other(self, name: ResourceName, server: ServerName, deep: int) -> Cause | None:
        if not deep:
            return None
        if self.ground.view.resources[name].local:
            return self.lane(name, server, deep=deep - 1)
        found: list[Cause] = []
        for instance in self.ground.view.resources[name].siblings or (name,):
            assignment = self.ground.view.assignments.get(instance, Assignment(resource=instance, epoch=0))
            lanes = (self.lane(instance, holder.server, deep=deep - 1) for holder in assignment.holders)
            found += [*self._of_place(assignment), *(lane for lane in lanes if lane is not None), *self._of_proof(assignment)]
        # what nobody is at work on is what has to be shown
        return min(found, key=lambda cause: (cause.passing, cause.under_way), default=None)


def waits(view: View, ground: Ground | None = None) -> Waits:
    """To be asked about this View."""
    return Waits(ground=ground or survey(view), lanes=seen(view.plain or view))


def _reports(view: View, name: ResourceName) -> Iterator[Report]:
    for server in sorted(view.reports.get(name, {})):
        if (report := view.report(name, server)) is not None:
            yield report


def _to_be_seen_gone(holder: Holder, failure: Failure) -> str:
    server = holder.server
    return (
        f"{server}/{short(holder.incarnation)} to be proved gone: it said that something of it could not be ended"
        f"{f' ({failure.text})' if failure.text else ''}, and has only been silent since. It is gone when {server} joins again; "
        f"if {server} is off, confirm it: understudy server confirm-off {server}"
    )
