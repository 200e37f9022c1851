"""The language of policy stories: stimuli that build a View, and a Plan in an operator's words.

A stimulus is one line; `_VERBS` at the end lists them all. Servers look at resources as soon as these exist (S6) unless the resource is
introduced as a `new` one. What the leader decides is applied to the View as the registry would; what servers do about it is said by the
next stimuli (`ctr1 releases db`, `db runs on ctr2`).
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace

from policy import saidservers
from policy.carried import carried_out, only_forgets
from policy.spoken_eras import SpokenEras
from understudy.model.failures import counted_after, with_earlier
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, TypeName, registered_name
from understudy.model.profile import resolve
from understudy.model.reasons import parse_reason
from understudy.model.servers import ServerHardware
from understudy.model.state import ALIVE, Internal, Life, State, Target
from understudy.model.types import find
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    Failure,
    Holder,
    IncarnationRecord,
    Look,
    Pool,
    Report,
    Request,
    TargetRecord,
    TypeRecord,
    Unable,
    View,
)
from understudy.policy.decide import decide
from understudy.policy.explain import render
from understudy.policy.failover import DelaySeen, delays_seen
from understudy.policy.groups import group_of
from understudy.policy.plan import Memory, Note, Step
from understudy.policy.sentences import sentence

QUIET_S = 0.1
LIVES = {
    "is online": Life.ONLINE,
    "leaves": Life.LEAVING,
    "is evicted": Life.EVICTED,
    "is lost": Life.LOST,
    "is fenced by power": Life.FENCED,
    "is confirmed off": Life.FENCED,
    "said farewell": Life.LEFT,
}


class SpokenCluster(SpokenEras):
    """A View that stimuli change, and the leader that decides about it."""

    def __init__(self) -> None:
        self.view = View()
        self.now = 0.0
        self._quiet: dict[Incarnation, float] = {}
        self._unseen: set[tuple[ServerName, ResourceName]] = set()
        self._untold: set[tuple[ServerName, ResourceName]] = set()
        self._count = 0
        self._asked: list[str] = []
        self._unheard: set[Incarnation] = set()
        self._delays: DelaySeen = {}
        self.hardware: dict[ServerName, ServerHardware] = {}
        self._acting_since: float | None = float("-inf")
        self._evicted_at = float("-inf")

    def do(self, line: str) -> None:
        """One stimulus, perhaps with `at 3.1s` before it."""
        if found := re.match(r"at ([\d.]+)s\s*", line):
            self.now, line = float(found[1]), line[found.end() :]
        for pattern, verb in _VERBS:
            if line and (match := re.fullmatch(pattern, line)):
                verb(self, **match.groupdict())
                return
        if line:
            raise ValueError("no such stimulus")

    def answer(self) -> list[str]:
        """What the leader decides now, carried out; then it must have nothing left to decide."""
        memory = self._memory()
        plan = decide(self.view, self.now, memory)
        told = [line for step in plan.steps for line in self._step(step)]
        if any(record.life is Life.EVICTED for step in plan.steps for record in step.incarnations):
            self._evicted_at = self.now
            memory = self._memory()
        coming = {record.incarnation for record in self.view.incarnations.values() if record.coming_up}
        self.view = carried_out(self.view, plan)
        if any(step.targets for step in plan.steps) or coming - {record.incarnation for record in self._coming_up()}:
            more = decide(self.view, self.now, memory)  # what is wanted since a server came up is placed next
            told += [line for step in more.steps for line in self._step(step)]
            self.view, memory = carried_out(self.view, more), self._memory()
            plan = more
        again = decide(self.view, self.now, self._memory())
        if not only_forgets(again):
            told += ["NOT SETTLED, it goes on deciding:", *(line for step in again.steps for line in self._step(step))]
        self.view = carried_out(self.view, again)
        if plan.wake_at is not None:
            told.append(f"decide again at {plan.wake_at:g}s")
        asked, self._asked = self._asked, []
        return [*(told or ["nothing to decide"]), *(line for name in asked for line in render(self.view, ResourceName(name)))]

    def _memory(self) -> Memory:
        self._delays = delays_seen(self.view, self._delays, self.now)
        return Memory(
            quiet_until=self._quiet, acting_since=self._acting_since, evicted_at=self._evicted_at, unheard=frozenset(self._unheard),
            delays=self._delays,
        )  # fmt: skip

    def _coming_up(self) -> list[IncarnationRecord]:
        return [record for record in self.view.incarnations.values() if record.coming_up]

    def another_leader(self) -> None:
        """What the leader before has witnessed is not known any more."""
        self._delays = {}

    def unheard(self, names: str) -> None:
        """A new leader asks all voters, and none grants these servers."""
        self._unheard |= {self.incarnation(word) for word in names.split()}

    # --- servers ----------------------------------------------------------------------------------------------------

    def incarnation(self, server: str) -> Incarnation:
        """The newest incarnation of a server."""
        return self.view.present()[ServerName(server)].incarnation

    def servers(self, names: str) -> None:
        """They have been ONLINE for long."""
        for name in names.split():
            self.join(name)
            self.live(name, "is online")

    def join(self, server: str) -> None:
        """A new incarnation, which has looked at nothing."""
        name = ServerName(server)
        order = 1 + sum(1 for known in self.view.incarnations.values() if known.server == name)
        incarnation = Incarnation(f"{server}/i{order}")
        record = IncarnationRecord(incarnation=incarnation, server=name, life=Life.JOINING, order=order)
        self.change(incarnations={**self.view.incarnations, incarnation: record}, looks={**self.view.looks, name: self._look(name)})

    def come_up(self, server: str) -> None:
        """Its clusterware has come up: a new incarnation, which has looked at everything."""
        self.join(server)
        record = replace(self.view.present()[ServerName(server)], coming_up=True)
        self.change(incarnations={**self.view.incarnations, record.incarnation: record})
        self.live(server, "is online")

    def live(self, server: str, what: str) -> None:
        """The server's newest incarnation goes on to another life."""
        before = self.view.present()[ServerName(server)]
        proof = what.removeprefix("is ")
        proof = "" if LIVES[what] in ALIVE else f"{before.proof}; {proof}" if before.proof else proof
        record = replace(before, life=LIVES[what], proof=proof)
        self.change(incarnations={**self.view.incarnations, record.incarnation: record})
        if record.life is Life.LOST:
            self._quiet[record.incarnation] = self.now + QUIET_S
        if record.life is Life.ONLINE:
            self.look_again()

    def voters(self, names: str) -> None:
        """Whose guards grant leases."""
        self.change(cluster=ClusterRecord(name="lab", voters=tuple(ServerName(word) for word in names.split())))

    def unable(self, server: str, why: str) -> None:
        """Its guard says so from now on."""
        said = Unable(server=ServerName(server), why=why, since=self.now)
        self.change(unable={**self.view.unable, self.incarnation(server): said})

    def able(self, server: str) -> None:
        """Its guard says that all is well."""
        self.change(unable={key: unable for key, unable in self.view.unable.items() if unable.server != server})

    def leader(self, what: str) -> None:
        """The server that decides cannot act, or can from now on."""
        self._acting_since = self.now if what == "can act again" else None

    def look(self, server: str, resource: str) -> None:
        """The server has checked a new resource."""
        names = self.view.present() if server == "everybody" else [ServerName(server)]
        self._untold -= {(name, ResourceName(resource)) for name in names}
        self._unseen -= {(name, ResourceName(resource)) for name in names}
        self.look_again()

    def tell_nothing(self, server: str, resource: str) -> None:
        """The server's check of a resource has not answered."""
        self._untold.add((ServerName(server), ResourceName(resource)))
        self.look_again()

    def _look(self, server: ServerName) -> Look:
        if not self._is_online(server):
            return self._blind(server)
        told = [resource for resource in self.view.resources.values() if (server, resource.name) not in self._unseen | self._untold]
        silent = [resource for resource in self.view.resources.values() if (server, resource.name) in self._untold]
        looked, untold = ({resource.name: resource.uid for resource in found} for found in (told, silent))
        own = self.hardware.get(server)
        return Look(
            server=server, incarnation=self.incarnation(server), looked=looked, untold=untold, era=self.view.era, hardware=own
        )  # fmt: skip

    def _blind(self, server: ServerName) -> Look:
        present = self.view.present().get(server)
        incarnation = Incarnation("") if present is None else present.incarnation
        return Look(server=server, incarnation=incarnation, hardware=self.hardware.get(server))

    def _is_online(self, server: ServerName) -> bool:
        present = self.view.present().get(server)
        return present is not None and present.life is Life.ONLINE

    def look_again(self) -> None:
        """Whoever is ONLINE says in its look what it knows now."""
        online = [name for name in self.view.present() if self._is_online(name)]
        self.change(looks={**self.view.looks, **{name: self._look(name) for name in online}})

    # --- what is registered -----------------------------------------------------------------------------------------

    def pool(self, name: str, servers: str, size: str | None, category: str | None) -> None:
        """A pool below Generic, or with a size one of the top; of a category, if it has one."""
        parents = () if size else (PoolName("Generic"),)
        names = tuple(ServerName(word) for word in servers.split())
        own = {} if category is None else {"SERVER_CATEGORY": category}
        pool = Pool(name=PoolName(name), server_names=names, parent_pools=parents, max_size=int(size) if size else -1, attributes=own)
        self.change(pools={**self.view.pools, pool.name: pool})

    def type(self, name: str, base: str) -> None:
        """A registered resource type."""
        record = TypeRecord(name=TypeName(name), base=TypeName(base))
        self.change(types={**self.view.types, record.name: record})

    def resource(self, name: str, attributes: str | None, new: str | None = None, type: str | None = None) -> None:
        """A definition, resolved as the daemon does it."""
        type_name = TypeName(type or "cluster_resource")
        if find(type_name, self.view.types) is None:
            raise LookupError(type_name)
        self._count += 1
        given = dict(word.split("=", 1) for word in shlex.split(attributes or ""))
        self._define(Definition(name=ResourceName(name), type=type_name, uid=f"uid{self._count}", attributes=given))
        if new:
            self._unseen |= {(server, ResourceName(name)) for server in self.view.present()}
        self.look_again()

    def modify(self, name: str, attributes: str) -> None:
        """Some attributes are changed."""
        before = self.view.definitions[ResourceName(name)]
        given = dict(word.split("=", 1) for word in shlex.split(attributes))
        self._define(replace(before, attributes={**before.attributes, **given}))

    def delete(self, name: str) -> None:
        """The definition, the TARGET and the reports are gone; the assignment is the leader's."""
        gone = ResourceName(name)
        self.change(
            definitions={key: definition for key, definition in self.view.definitions.items() if key != gone},
            resources={key: resource for key, resource in self.view.resources.items() if key != gone},
            targets={key: target for key, target in self.view.targets.items() if key != gone},
            reports={key: report for key, report in self.view.reports.items() if key != gone},
        )

    def _define(self, definition: Definition) -> None:
        resource = resolve(definition, self.view.types)
        self.change(
            definitions={**self.view.definitions, definition.name: definition},
            resources={**self.view.resources, definition.name: resource},
        )

    # --- what operators want ----------------------------------------------------------------------------------------

    def want(self, names: str) -> None:
        """TARGET ONLINE, without a request (as after a power loss)."""
        self._aim(names, Target.ONLINE)

    def stop(self, names: str) -> None:
        """crsctl stop resource."""
        self._aim(names, Target.OFFLINE)

    def start(self, names: str, server: str | None) -> None:
        """crsctl start resource."""
        self._aim(names, Target.ONLINE, start_id=f"start{self._count}")
        self._request("start", names, server, within=() if server is None else (ServerName(server),))

    def relocate(self, names: str, server: str | None) -> None:
        """crsctl relocate resource."""
        self._request("relocate", names, server)

    def _aim(self, names: str, target: Target, start_id: str = "") -> None:
        record = TargetRecord(target=target, start_id=start_id)
        self.change(targets={**self.view.targets, **{registered_name(ResourceName(word)): record for word in names.split()}})

    def want_but(self, names: str, how: str, server: str) -> None:
        """A local resource is wanted on every server but one, or on one alone."""
        base = Target.ONLINE if how == "except" else Target.OFFLINE
        record = TargetRecord(target=base, otherwise=(ServerName(server),))
        self.change(targets={**self.view.targets, **{ResourceName(word): record for word in names.split()}})

    def _request(self, verb: str, names: str, server: str | None, within: tuple[ServerName, ...] = ()) -> None:
        self._count += 1
        first = ResourceName(names.split()[0])
        group = group_of(self.view, first) if first in self.view.resources else (first,)
        place = None if server is None else ServerName(server)
        request = Request(id=f"r{self._count}", verb=verb, resources=group, server=place, by="root@ctr1", within=within)
        self.change(requests=(*self.view.requests, request))

    # --- what servers report ----------------------------------------------------------------------------------------

    def belong(self, names: str, server: str) -> None:
        """They were assigned to the server and run there."""
        for name in names.split():
            holder = Holder(server=ServerName(server), incarnation=self.incarnation(server), epoch=1)
            assignment = Assignment(resource=ResourceName(name), epoch=1, owner=holder, holders=(holder,))
            self.change(assignments={**self.view.assignments, assignment.resource: assignment})
        self.want(names)
        self.run(names, server)

    def run(self, names: str, server: str, long: str | None = None) -> None:
        """The server reports them ONLINE (for longer than UPTIME_THRESHOLD)."""
        for name in names.split():
            self._report(name, server, State.ONLINE, proven=long is not None)

    def partly(self, names: str, server: str) -> None:
        """The server reports them INTERMEDIATE."""
        for name in names.split():
            self._report(name, server, State.INTERMEDIATE)

    def begin(self, names: str, server: str) -> None:
        """The server reports that it starts them."""
        for name in names.split():
            self._report(name, server, State.OFFLINE, internal=Internal.STARTING)

    def down(self, names: str, server: str) -> None:
        """The server reports them OFFLINE."""
        for name in names.split():
            self._report(name, server, State.OFFLINE)

    def fail(self, name: str, server: str, how: str) -> None:
        """The lane there has given up."""
        kind = {"cannot be started": "start", "has used up its restarts": "restarts", "cannot be stopped": "stop"}[how]
        self._report(name, server, State.UNKNOWN if kind == "stop" else State.OFFLINE, kind=kind)

    def failed_at(self, name: str, server: str, times: str) -> None:
        """The server reports when it failed there, as far as that counts."""
        resource, place = ResourceName(name), ServerName(server)
        before = self.view.reports.get(resource, {}).get(place)
        if before is None:
            self._report(name, server, State.OFFLINE)
            before = self.view.reports[resource][place]
        after = counted_after(self.view, self.view.resources[resource])
        report = replace(before, failed_after=after, failed_at=tuple(float(word.rstrip("s")) for word in times.split()))
        self.change(reports={**self.view.reports, resource: {**self.view.reports[resource], place: report}})

    def release(self, server: str, names: str) -> None:
        """The server proves that it does not run them."""
        for name in names.split():
            before = self.view.assignments[ResourceName(name)]
            incarnation = self.incarnation(server)
            if incarnation not in {holder.incarnation for holder in before.holders}:
                raise ValueError(f"{server} does not hold {name}")
            after = replace(before, holders=tuple(holder for holder in before.holders if holder.incarnation != incarnation))
            self.change(assignments={**self.view.assignments, after.resource: after})
            if registered_name(after.resource) in self.view.resources:
                self._report(name, server, State.OFFLINE)

    def _report(
        self, name: str, server: str, state: State, *, kind: str = "", proven: bool = False, internal: Internal = Internal.STABLE
    ) -> None:
        instance, place = ResourceName(name), ServerName(server)
        resource = registered_name(instance)
        if resource not in self.view.resources:
            raise LookupError(name)
        assignment = self.view.assignments.get(instance)
        epoch = 0 if assignment is None else assignment.epoch
        before = self.view.report(resource, place)
        same = before is not None and before.incarnation == self.incarnation(server)
        starts = before.starts if before is not None and same else 0
        up = (State.ONLINE, State.INTERMEDIATE)
        begun = state in up and not (before is not None and same and before.state in up)
        report = Report(
            resource=resource,
            server=place,
            incarnation=self.incarnation(server),
            epoch=epoch,
            state=state,
            internal=internal,
            starts=starts + begun,
            tried=epoch if begun or internal is Internal.STARTING or before is None else before.tried,
            failure=Failure(kind=kind, epoch=epoch, text="the script said so") if kind else None,
            proven=proven,
        )
        report = with_earlier(report, self.view.reports.get(resource, {}).get(place))
        self.change(reports={**self.view.reports, resource: {**self.view.reports.get(resource, {}), place: report}})

    def ask(self, name: str) -> None:
        """understudy explain, after the decision."""
        self._asked.append(name)

    def change(self, **fields: object) -> None:
        """The registry says this of these parts of the View."""
        self.view = replace(self.view, revision=self.view.revision + 1, **fields)  # type: ignore[arg-type]

    # --- a Plan in words --------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> list[str]:
        """One commit: its first line is marked."""
        lines = [f"{record.server} is {record.life.value}: {record.proof or 'it has come up'}" for record in step.incarnations]
        lines += [f"{name}: TARGET {record.target.value}{_otherwise(record)} ({record.by})" for name, record in step.targets]
        lines += [self._assignment(assignment) for assignment in step.assignments if self._is_seen(assignment)]
        lines += [f"{note.resource} could not be ended on {note.on}: {note.cause}" for note in step.notes if note.kind == "unended"]
        lines += [self._refused(note) for note in step.notes if note.kind == "refused"]
        lines += [f"TARGET of {note.resource}: {self._words(note.cause)}" for note in step.notes if note.kind == "target-set"]
        if not lines and step.fulfilled:
            lines = ["nothing to do for the request"]
        return [("- " if number == 0 else "  ") + line for number, line in enumerate(lines)]

    def _assignment(self, assignment: Assignment) -> str:
        before = self.view.assignments.get(assignment.resource)
        why = "" if assignment.reason is None else sentence(assignment.reason)
        if assignment.owner is None:
            head = f"{assignment.resource} belongs to nobody"
        elif before is not None and before.owner == assignment.owner:
            head = f"{assignment.resource} stays on {assignment.owner.server}"
        else:
            head = f"{assignment.resource} -> {assignment.owner.server}, epoch {assignment.epoch}"
        notes = [why] if before is None or (before.reason, before.owner) != (assignment.reason, assignment.owner) else []
        held = {holder.incarnation for holder in assignment.holders}
        notes += [f"{holder.server} is proved gone" for holder in (before.holders if before else ()) if holder.incarnation not in held]
        notes += [
            f"{holder.server} ({self.view.incarnations[holder.incarnation].life}) may still be running it"
            for holder in assignment.holders
            if assignment.owner is None or holder.incarnation != assignment.owner.incarnation
        ]
        if before is not None and before.last_resort and not assignment.last_resort:
            notes.append("no longer a last resort")
        if before is not None and before.tried and not assignment.tried:
            notes.append("earlier failures are forgiven")
        return f"{head}: {'; '.join(notes)}" if notes else head

    def _is_seen(self, assignment: Assignment) -> bool:
        """Not what differs only in what the leader remembers of it."""
        before = self.view.assignments.get(assignment.resource, Assignment(resource=assignment.resource, epoch=0, era=assignment.era))
        return replace(before, pulled=assignment.pulled, spread=assignment.spread) != assignment

    def _refused(self, note: Note) -> str:
        return f"refused for {note.resource}{f' on {note.on}' if note.on else ''}: {self._words(note.cause)}"

    def _words(self, cause: str) -> str:
        reason = parse_reason(cause)
        return cause if reason is None else sentence(reason)


def _otherwise(record: TargetRecord) -> str:
    return f", otherwise on {', '.join(record.otherwise)}" if record.otherwise else ""


NAME, NAMES, SERVER = r"(?P<name>\w[\w.@-]*)", r"(?P<names>\w[\w.@-]*(?: \w[\w.@-]*)*)", r"(?P<server>\w[\w.-]*)"
_VERBS: list[tuple[str, Callable[..., None]]] = [
    (rf"servers {NAMES}", SpokenCluster.servers),
    (rf"{SERVER} joins", SpokenCluster.join),
    (rf"{SERVER} comes up", SpokenCluster.come_up),
    (rf"nobody grants {NAMES}", SpokenCluster.unheard),
    (r"another leader", SpokenCluster.another_leader),
    (rf"voters {NAMES}", SpokenCluster.voters),
    (r"the leader itself (?P<what>can act again|cannot act)", SpokenCluster.leader),
    (rf"{SERVER} cannot act: (?P<why>.+)", SpokenCluster.unable),
    (rf"{SERVER} can act again", SpokenCluster.able),
    (rf"{SERVER} (?P<what>{'|'.join(LIVES)})", SpokenCluster.live),
    (rf"pool {NAME}(?: of at most (?P<size>\d+))?(?: of category (?P<category>\w+))?:(?P<servers>[\w .-]*)", SpokenCluster.pool),
    (rf"category {NAME}: (?P<expression>.+)", saidservers.category),
    (rf"{SERVER} has (?P<cpus>\d+) processors", saidservers.processors),
    (rf"modify server {SERVER} (?P<key>[A-Z_]+)=(?P<value>.*)", saidservers.say_of_server),
    (rf"type {NAME} like (?P<base>[\w.-]+)", SpokenCluster.type),
    (rf"(?P<new>new )?resource {NAME}(?: of type (?P<type>[\w.-]+))?(?: (?P<attributes>\w+=.*))?", SpokenCluster.resource),
    (rf"modify {NAME} (?P<attributes>.+)", SpokenCluster.modify),
    (rf"delete {NAME}", SpokenCluster.delete),
    (r"(?P<server>everybody|[\w.-]+) (?:looks|look|has looked) at (?P<resource>[\w.-]+)", SpokenCluster.look),
    (rf"{SERVER} cannot tell whether (?P<resource>[\w.-]+) runs", SpokenCluster.tell_nothing),
    (rf"(?P<how>want|stop) number (?P<number>\d+) of {NAME}", saidservers.want_number),
    (r"the registry is set back to this copy", SpokenCluster.set_back),
    (r"(?P<servers>[\w .-]+) (?:has|have) reported anew", SpokenCluster.report_anew),
    (rf"the guard of {SERVER} remembers epoch (?P<epoch>\d+) of {NAME}", SpokenCluster.guard_remembers),
    (rf"want {NAMES} (?P<how>except|only) on {SERVER}", SpokenCluster.want_but),
    (rf"want {NAMES}", SpokenCluster.want),
    (rf"{SERVER} (?P<how>is used|is not used)", saidservers.use),
    (rf"stop {NAMES}", SpokenCluster.stop),
    (rf"start {NAMES}(?: -n {SERVER})?", SpokenCluster.start),
    (rf"relocate {NAMES}(?: -n {SERVER})?", SpokenCluster.relocate),
    (rf"explain {NAME}", SpokenCluster.ask),
    (rf"{NAMES} belongs? to {SERVER}", SpokenCluster.belong),
    (rf"{NAMES} runs? on {SERVER}(?P<long> for long)?", SpokenCluster.run),
    (rf"{NAMES} (?:is|are) down on {SERVER}", SpokenCluster.down),
    (rf"{NAMES} (?:is|are) partly online on {SERVER}", SpokenCluster.partly),
    (rf"{NAMES} (?:is|are) being started on {SERVER}", SpokenCluster.begin),
    (rf"{NAME} (?P<how>cannot be started|has used up its restarts|cannot be stopped) on {SERVER}", SpokenCluster.fail),
    (rf"{NAME} failed on {SERVER} at (?P<times>[\d.]+s(?: [\d.]+s)*)", SpokenCluster.failed_at),
    (rf"{SERVER} releases {NAMES}", SpokenCluster.release),
]
