"""One server's daemon without its adapters: joins the cluster and runs the loops.

`daemon/main.py` gives it the real clock, registry, guard and executor, the simulator its own. Here the loops are tied together; nothing is
decided.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Collection
from dataclasses import replace

from understudy.daemon.ability import Ability
from understudy.daemon.acknowledged import AcknowledgedVoters
from understudy.daemon.admission import Admission
from understudy.daemon.history import History
from understudy.daemon.keyring import Keyring
from understudy.daemon.lanes import Lanes
from understudy.daemon.leader import Leader
from understudy.daemon.leave import Leave
from understudy.daemon.mirror import RETRY_S, Mirror
from understudy.daemon.networks import missing_networks
from understudy.daemon.past import Past
from understudy.daemon.remembered import Keeping, recalled
from understudy.daemon.requests import ClusterAddresses, Me
from understudy.daemon.serversnow import ServersNow
from understudy.daemon.unregistered import Unregistered
from understudy.errors import UnderstudyError, Unreachable
from understudy.guard.log import log
from understudy.model import events, logevents
from understudy.model.lifecycle import go_on
from understudy.model.limits import Limits
from understudy.model.looks import PAGE_NAMES
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import NOWHERE
from understudy.model.resource import Resource
from understudy.model.servers import records_of
from understudy.model.settings import Settings
from understudy.model.state import ALIVE, Life
from understudy.model.view import ClusterRecord, Definition, IncarnationRecord, Look, ServerHardware, Unable, View
from understudy.ports import (
    AbilityChanged,
    Clock,
    Disk,
    Executor,
    Farewell,
    Guard,
    GuardSays,
    GuardState,
    KeyStore,
    LeaseChanged,
    LeaveAsked,
    Registry,
    SilentWord,
    VotersAcknowledged,
)
from understudy.registry import keys
from understudy.registry.wire import PRESENT, Formats

WITHOUT_REGISTRY_S = 1.0
"""How long a daemon that begins waits for the registry before it goes by what its predecessor kept on disk."""
FIRST_LOOK_S = 5.0
"""How long a joining server waits for its looks to end before it counts as ONLINE for what it has looked at."""
NOTE_S = 1.0
"""How often the guard is sent how far the registry was seen; what is acted on it is sent at once."""
_WHAT_TO_DO = {
    False: "what runs goes on running; what was registered, started, stopped or moved after the copy was made is forgotten: look at"
    " `crsctl stat res -t` and say it again",
    True: "what runs goes on running, unwatched: restore the registry's file from a copy, or register every resource again under its old"
    " name; what is found running is adopted",
}
"""Whether it was recreated -> what an administrator does about it."""


class Superseded(UnderstudyError):
    """This server has a new incarnation: what this daemon knows is another incarnation's. It ends, and its successor joins."""


class Node:
    """The daemon's loops, wired together."""

    lanes: Lanes | None = None
    incarnation: Incarnation | None = None
    _joining_since: float | None = None  # on this server's clock
    _sought: Incarnation | None = None  # whose file was looked for on disk
    _addresses: tuple[str, ...] | None = None
    """The cluster's addresses as the View has them; None: not read yet."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        *,
        clock: Clock,
        registry: Registry,
        guard: Guard,
        executor: Executor,
        formats: Formats = PRESENT,
        disk: Disk | None = None,
        page_names: int = PAGE_NAMES,
        keys: KeyStore | None = None,
        hardware: ServerHardware | None = None,
        past: Past | None = None,
    ) -> None:
        """`page_names`: on a page of this server's look, at most. `keys`: None where the guards' key is never exchanged. `past`: who keeps
        what was; None: nobody."""
        self.limits = limits
        self.server = ServerName(settings.server)
        self.clock = clock
        self.guard = guard
        self.executor = executor
        self.mirror = Mirror(registry, formats=formats)
        self.servers_now = ServersNow(settings, self.mirror)
        self._page_names, self._hardware = page_names, hardware
        self._disk = disk
        self._keeping = None if disk is None else Keeping(disk, formats)
        self.history = History(self.mirror, clock, self.server)
        self.admission = Admission(self.mirror, guard, self.history, self.server)
        self.ability = Ability(clock, guard, executor, registry)
        self.leader = Leader(self.mirror, guard, clock, self.history, limits)
        self.leader.acting_since = self.ability.acting_since
        self.keyring = None if keys is None else Keyring(self.mirror, guard, keys, self.history, self.server)
        self.leave = Leave(self.mirror, guard, clock, self.history, settings.leave_within)
        self.lanes: Lanes | None = None
        self.incarnation: Incarnation | None = None
        self._lease, self._new_addresses = asyncio.Event(), asyncio.Event()
        self._joining_since: float | None = None  # on this server's clock
        self._lease_logged = self._away = False  # what was said last: that this server holds a lease, that the registry is away
        self._keep_past(past)
        self._pass_on_from_nothing()

    def _keep_past(self, past: Past | None) -> None:
        self.past = self.mirror.past = past
        if past is not None:
            past.follows(lambda: (self.mirror.view, {server: self.mirror.look_pages(server) for server in self.mirror.view.looks}))
            self.leader.decided = past.decided

    def _pass_on_from_nothing(self) -> None:
        """What of each View was passed on to others."""
        self._addresses: tuple[str, ...] | None = None
        """The cluster's addresses as the View has them; None: not read yet."""
        self._cluster_addresses = ClusterAddresses()
        self._version = -1
        """The version of the View that was last passed on."""
        self._seen_by_lanes, self._revision = View(), 0
        self._acknowledged = AcknowledgedVoters()

    @property
    def settings(self) -> Settings:
        """With the servers that there are by now."""
        return self.servers_now.settings

    async def run(self) -> None:
        """Join, then lead or follow and drive the lanes, until superseded, or until the registry holds what this version cannot read."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.mirror.follow(self._changed, self._reached))
            tasks.create_task(self._listen())
            tasks.create_task(self.ability.run())
            tasks.create_task(self.history.write())
            if self.past is not None:
                tasks.create_task(self.past.run())
            tasks.create_task(self._protect())
            tasks.create_task(self.admission.run(self._admitted))
            if self.keyring is not None:
                tasks.create_task(self.keyring.run())
            self.incarnation = await self._with_lease()
            self._log_lease(self.incarnation, True)
            await self._executor_is_ours()
            me = Me(self.server, self.incarnation, self.settings.peer(self.server).addresses, self._hardware)
            self.lanes = Lanes(self.mirror, self.executor, self.guard, self.clock, self.history, me, page_names=self._page_names)
            self.mirror.act_as(self.incarnation)
            await self._belong(self.incarnation, until_registered=True)
            self.leader.joined(self.server, self.incarnation)
            if self.keyring is not None:
                self.keyring.me = lambda: self.incarnation
            if self._keeping is not None:
                tasks.create_task(self._keeping.run(self.incarnation))
            tasks.create_task(self.leader.run())
            tasks.create_task(self.lanes.run())
            tasks.create_task(Unregistered(self.mirror, self.executor, self.history, self.server).run(self.lanes.also_runs))
            tasks.create_task(self._add_networks())
            tasks.create_task(self.leave.run(me, self.lanes))
            tasks.create_task(self._note_position())
            tasks.create_task(self._acknowledge(self.incarnation))
            await self._belong(self.incarnation)

    # --- joining ----------------------------------------------------------------------------------------------------

    async def _with_lease(self) -> Incarnation:
        """Wait until the guard holds a lease, and the registry was read in this daemon's life; or until it is clear that it is away, and
        this very incarnation has kept on disk what it had read (S2, S4, S8)."""
        without_registry_at = self.clock.monotonic() + WITHOUT_REGISTRY_S
        while True:
            try:
                state = await self.guard.state()
            except Unreachable:
                await asyncio.sleep(RETRY_S)
                continue
            self.admission.note_refusal(state.refused)
            if state.held and not self.mirror.read_once and self.clock.monotonic() >= without_registry_at:
                await self._remember(state)
            if state.held and (self.admission.known or (self.mirror.remembered and self._sought == state.incarnation)):
                self.mirror.was_seen_at(state.position)
                self._acknowledged.begin(state)
                return state.incarnation
            self._lease.clear()
            try:
                async with asyncio.timeout(RETRY_S):
                    await self._lease.wait()
            except TimeoutError:
                pass

    async def _remember(self, state: GuardState) -> None:
        """Begin with what this incarnation kept on disk; looked for once, as nobody writes it meanwhile."""
        if self._disk is None or self._sought == state.incarnation:
            return
        self._sought = state.incarnation
        entries = recalled(await self._disk.read(), state.incarnation, state.epochs, self.mirror.formats)
        if any(entry.key == keys.incarnation(state.incarnation) for entry in entries):
            self.mirror.remember(entries)

    async def _executor_is_ours(self) -> None:
        """Actions that a dead daemon left in flight are ended before anything is looked at; what they left running is adopted."""
        while True:
            try:
                return await self.executor.abandon()
            except Unreachable:
                await asyncio.sleep(RETRY_S)

    async def _belong(self, incarnation: Incarnation, *, until_registered: bool = False) -> None:
        """Be known in the registry, and ONLINE after the look; again, when the registry has gone back and knows nothing of it."""
        while True:
            view = self.mirror.view
            if view.set_back:
                done = await self._begin_era(view)
            elif view.cluster is not None and (cluster := self.admission.with_later_voters(view.cluster)) != view.cluster:
                done = await self._committed({keys.CLUSTER: cluster}, view)
            elif not self._known(view, incarnation):
                done = await self._register(view, incarnation)
            elif until_registered:
                return
            else:
                done = await self._come_online(view, incarnation)
            if not done and view is self.mirror.view:  # else it may be what has changed meanwhile that it was not done for
                await self.mirror.changed(view, RETRY_S if view.set_back else 1.0)

    async def _begin_era(self, view: View) -> bool:
        """Whoever notices first that the registry went back writes that down before anything else is written; then the leader asks the
        voters who is alive, and everybody registers again."""
        if not self.guard.held():
            return False
        era = 1 + max(self.mirror.known_era, view.era if view.cluster else 0)
        bits = hashlib.sha256(f"{self.incarnation} {era} {view.revision} {self.clock.wall()}".encode()).digest()
        writes = {} if view.cluster else self._creation()
        cluster = view.cluster or writes[keys.CLUSTER]
        assert isinstance(cluster, ClusterRecord)
        cluster = self.admission.with_later_voters(cluster)
        writes[keys.CLUSTER] = replace(cluster, era=era, branch=int.from_bytes(bits[:8], "big") >> 1, recovering=True)
        if not await self._committed(writes, view):
            return False
        anew = view.cluster is None
        self.history.record(events.REGISTRY_SET_BACK, on=self.server, cause=view.set_back, text=_WHAT_TO_DO[anew])
        return True

    @staticmethod
    def _newest(view: View, record: IncarnationRecord) -> bool:
        return record.order == max(incarnation.order for incarnation in view.incarnations.values() if incarnation.server == record.server)

    def _known(self, view: View, incarnation: Incarnation) -> bool:
        """A daemon that died was here before: same incarnation, same life."""
        known = view.incarnations.get(incarnation)
        if known is None or known.voter_set < self._acknowledged.voter_set:
            return False
        if not (known.forgets and known.knows_servers and known.types_anywhere and known.knows_categories and known.knows_instances):
            return False
        return known.format == self.mirror.formats.newest and self._newest(view, known)

    async def _register(self, view: View, incarnation: Incarnation) -> bool:
        """Be known as JOINING; the first daemon of all also creates the cluster."""
        known, newest = view.incarnations.get(incarnation), self.mirror.formats.newest
        order = 1 + max((known.order for known in view.incarnations.values()), default=0)
        if not self.guard.held() or not self._acknowledged.may_register(view) or self.servers_now.removed:
            return False  # an incarnation that is over is not begun again, nor one of a server that was taken out
        if known is not None:  # by a daemon of another version, or by the leader before it registered again
            order = known.order if self._newest(view, known) else order
            knows = replace(
                known, forgets=True, knows_servers=True, types_anywhere=True, knows_categories=True, knows_instances=True
            )  # fmt: skip
            again = replace(knows, format=newest, order=order, voter_set=self._acknowledged.voter_set)
            return await self._committed({keys.incarnation(incarnation): again}, view)
        record = IncarnationRecord(
            incarnation=incarnation, server=self.server, life=Life.JOINING, order=order, format=newest, forgets=True,
            knows_servers=True, coming_up=True, types_anywhere=True, knows_categories=True, knows_instances=True,
            voter_set=self._acknowledged.voter_set,
        )  # fmt: skip
        # two incarnations of one server register one after the other, each on condition that it has seen the other's look: a
        # registration that arrives late must not take the same order, for the newest incarnation is the one that counts
        writes: dict[str, object] = {keys.incarnation(incarnation): record}
        writes[keys.look(self.server)] = Look(server=self.server, incarnation=incarnation, era=view.era, hardware=self._hardware)
        if view.cluster is None:
            writes |= self._creation()
        elif self._acknowledged.by_the_old(view):  # whoever ends the change must have seen this incarnation: so that is a conflict
            writes[keys.CLUSTER] = view.cluster
        if not await self._committed(writes, view):
            return False
        self.history.record(events.JOINING, on=self.server)
        return True

    async def _acknowledge(self, incarnation: Incarnation) -> None:
        """Write at once that the lease rests on the new voters alone: a change of them waits for every server. (`_belong` would, later.)"""
        while True:
            await self._acknowledged.news.wait()
            self._acknowledged.news.clear()
            view = self.mirror.view
            if incarnation in view.incarnations and not view.set_back and not self._known(view, incarnation):
                await self._register(view, incarnation)

    def _creation(self) -> dict[str, object]:
        """The cluster's own record, and `ora.netN.network` for each network of the settings."""
        settings = self.settings
        voters = tuple(ServerName(voter) for voter in settings.voters)
        uid = hashlib.sha256(f"{settings.cluster} {self.incarnation} {self.clock.wall()}".encode()).hexdigest()[:32]
        cluster = ClusterRecord(
            name=settings.cluster, voters=voters, voter_set=settings.voter_set, pause_tolerance=settings.pause_tolerance,
            uid=uid, branch=int(uid[:16], 16) >> 1,
        )  # fmt: skip
        servers = {keys.server(record.server): record for record in records_of(settings)}
        return {keys.CLUSTER: cluster, **servers, **missing_networks(settings, self.mirror.view)}

    async def _add_networks(self) -> None:
        """A living cluster gets the networks that were added to the settings since; every server looks at them before they count (S6)."""
        while writes := missing_networks(self.settings, view := self.mirror.view):
            if await self._committed(writes, view):
                for key, record in writes.items():
                    if isinstance(record, Definition):
                        self.history.record(events.DEFINED, resource=record.name, cause="by understudy.toml", text=key)

    async def _come_online(self, view: View, incarnation: Incarnation) -> bool:
        """S6: ONLINE once every registered resource was looked at here, and the look is written; or after a while, when what it has not
        looked at is not given to it. The look of one resource must not keep all others from this server."""
        record, now = view.incarnations[incarnation], self.clock.monotonic()
        if record.life is not Life.JOINING:
            self._joining_since = None
            return False
        if self._joining_since is None:
            self._joining_since = now
        if not self._looked(view, incarnation) and now < self._joining_since + FIRST_LOOK_S:
            return False
        if await self._committed({keys.incarnation(incarnation): go_on(record, Life.ONLINE)}, view):
            self.history.record(events.JOINED, on=self.server)
        return True

    async def _note_position(self) -> None:
        """The guard keeps what this daemon acts on and has seen, for the voters and for the daemons after it."""
        while True:
            position = self.mirror.position
            if position != NOWHERE:  # else the guard knows better: the registry went back, or was not read yet
                with contextlib.suppress(Unreachable):
                    await self.guard.note(position, self.mirror.standing())
            await asyncio.sleep(NOTE_S - self.clock.monotonic() % NOTE_S)

    def _looked(self, view: View, incarnation: Incarnation) -> bool:
        def ended(resource: Resource) -> bool:
            return view.looked(self.server, incarnation, resource) or view.could_not_tell(self.server, incarnation, resource)

        return self.server in view.looks and (view.witness(self.server) or all(map(ended, view.resources.values())))

    async def _committed(self, writes: dict[str, object], view: View) -> bool:
        try:
            if await self.mirror.commit(writes, decided_on=view) is not None:
                return True
        except Unreachable:
            pass  # it may have been written: the next View tells
        await self.mirror.wait(view.revision, RETRY_S)
        return False

    # --- news -------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self.mirror.view.revision != self._revision:  # else it is only what the guard has received
            self._revision = self.mirror.view.revision
            self.ability.reached()
        self.servers_now.changed(self.mirror.view)
        self.leader.changed()
        changed, self._version = self.mirror.changes(self._version), self.mirror.version
        if self._keeping is not None and self.mirror.read_once:
            self._keeping.changed(self.mirror.view, changed)
        self._note_addresses(changed)
        self.admission.changed()
        if self.lanes is not None and not self.mirror.view.same_facts(self._seen_by_lanes):
            self._seen_by_lanes = self.mirror.view
            self.lanes.viewed()
            self.leave.changed()

    def _note_addresses(self, changed: Collection[ResourceName] | None) -> None:
        ours = self._cluster_addresses.see(self.mirror.view.resources, changed)
        addresses = tuple(address for address in ours if address not in self.servers_now.named)  # a server's own address is never shut
        if addresses != self._addresses:
            self._addresses = addresses
            self._new_addresses.set()

    def _reached(self, reachable: bool) -> None:
        if reachable == self._away:
            self._away = not reachable
            if self.past is not None:
                self.past.reached(reachable)
            if reachable:
                self.ability.reached()
            self.history.record(events.REGISTRY_BACK if reachable else events.REGISTRY_AWAY, on=self.server)

    async def _protect(self) -> None:
        """The guard knows every address of the cluster before any server starts it: none answers here without a start here (S1)."""
        while True:
            await self._new_addresses.wait()
            self._new_addresses.clear()
            try:
                if self._addresses is not None:
                    await self.guard.protect(self._addresses)
            except Unreachable:
                self._new_addresses.set()
                await asyncio.sleep(RETRY_S)

    def _admitted(self, record: ClusterRecord) -> None:
        """The guard knows what the registry says; who waits for its lease may go on."""
        self.leader.pace(record.pause_tolerance)
        self._lease.set()

    async def _listen(self) -> None:
        while True:
            event = await self.guard.next_event()
            match event:
                case LeaseChanged(incarnation, held):
                    if self.incarnation is not None and incarnation != self.incarnation:
                        raise Superseded(f"{self.server} has become incarnation {incarnation}")
                    self._log_lease(incarnation, held)
                    if held:
                        self._lease.set()
                    self.leader.lease_changed()
                    if self.lanes is not None:
                        self.lanes.changed()
                case LeaveAsked(left_s):
                    self.leave.asked(left_s)
                case SilentWord() | Farewell():
                    self.leader.receive(event)
                case AbilityChanged():
                    self._note_ability(event)
                case VotersAcknowledged():
                    self._acknowledged.note(event, self.incarnation)
                case GuardSays(text):
                    self.history.record(events.GUARD_SAYS, on=self.server, cause=text)

    def _log_lease(self, incarnation: Incarnation, held: bool) -> None:
        if held != self._lease_logged:
            self._lease_logged = held
            log(logevents.LEASE_HELD if held else logevents.LEASE_LOST, incarnation=incarnation)

    def _note_ability(self, word: AbilityChanged) -> None:
        since = self.clock.monotonic() - word.for_s
        unable = None if word.able else Unable(server=word.server, why=word.why, since=since)
        before = self.mirror.view.unable.get(word.incarnation)
        self.mirror.note_unable(word.incarnation, unable, word.server)
        news = before is not None if unable is None else before is None or before.why != unable.why
        if news and self.leader.leads() and self.mirror.view.alive(word.incarnation):  # every server receives it; one records it
            self.history.record(events.CAN_ACT if word.able else events.CANNOT_ACT, on=word.server, cause=word.why)

    @property
    def not_kept(self) -> str:
        """Why what this server holds is not on its disk; empty: it is."""
        return "" if self._keeping is None else self._keeping.trouble

    def joined(self) -> bool:
        """Whether this server's present incarnation counts as ONLINE in the registry."""
        return self.incarnation is not None and self.mirror.view.life(self.incarnation) is Life.ONLINE

    def alive(self) -> bool:
        """Whether the registry still takes this incarnation for running."""
        return self.incarnation is not None and self.mirror.view.life(self.incarnation) in ALIVE
