"""The product with one clause of its safety taken out at a time: what the simulator must catch.

Each replaces the one method or function that implements the clause (where the product checks a thing in two places, both); those of the
guard's core are in `guard/mutations.py`, those of liveness in `sim/mutations_live.py`. Called by `sim/test_mutations.py`, which says in
which world each is caught.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from cutting import Patch, cut, exchange, exchange_value
from guard import mutations as core
from understudy.daemon.ability import REGISTRY_AWAY
from understudy.daemon.acting import Acting
from understudy.daemon.lanes import Lanes
from understudy.daemon.leader import Leader
from understudy.daemon.mirror import Mirror
from understudy.daemon.node import Node
from understudy.daemon.parts import PreparedCommit
from understudy.daemon.reporting import Reporting
from understudy.executor import lease
from understudy.guard.core import Envelope, Grant, GuardCore, VoterSet, ending, epochs, keeper
from understudy.guard.core.asker import Round
from understudy.guard.core.ending import EndPart, EndStage, EndStep
from understudy.guard.core.holder import LeaseHolder
from understudy.guard.core.messages import GuardEffect
from understudy.guard.core.watch import GuardWatch, HeldState
from understudy.lane import reconcile
from understudy.lane.driver import Driver, Taken
from understudy.lane.local import Local
from understudy.lane.neighbours import Here
from understudy.lane.phases import Rung
from understudy.lane.steps import LaneStep, Release, Wait
from understudy.linux.reading import Reading
from understudy.model.names import Incarnation
from understudy.model.resource import Resource
from understudy.model.state import PROVEN, Life, State
from understudy.model.view import Assignment, Holder, View
from understudy.policy import liveness, placement, recovery
from understudy.policy.ground import Ground
from understudy.policy.plan import Memory
from understudy.registry import keys
from understudy.registry.commits import Commit
from understudy.registry.sqlite.store import Store
from understudy.sim.machine import Machine

FOR_EVER_NS = 1 << 62

# --- S1 -------------------------------------------------------------------------------------------------------------


def leave_the_gate_out(patch: Patch) -> None:
    """Nothing in the kernel ends with the lease: what runs answers, also while its server is paused."""
    exchange(patch, GuardCore.pass_ns)(lambda self, now: FOR_EVER_NS)


def start_before_the_predecessor_is_off(patch: Patch) -> None:
    """Who owns it starts it, whoever else is a holder."""

    def sole_holder(self: Assignment, incarnation: Incarnation) -> bool:
        return self.owner is not None and self.owner.incarnation == incarnation

    exchange(patch, Assignment.sole_holder)(sole_holder)


# --- S2 -------------------------------------------------------------------------------------------------------------


def assign_to_servers(patch: Patch) -> None:
    """What belongs to an earlier incarnation of this server is taken for its own."""

    def ours(view: View, server: str, incarnation: Incarnation) -> View:
        def own(holder: Holder) -> Holder:
            return replace(holder, incarnation=incarnation) if holder.server == server else holder

        mine = {
            name: replace(assignment, owner=assignment.owner and own(assignment.owner), holders=tuple(map(own, assignment.holders)))
            for name, assignment in view.assignments.items()
        }
        return replace(view, assignments=mine)

    here, may_start = Driver.here, Acting._may_start

    def of_servers(self: Driver, now: float) -> Here:
        found = here(self, now)
        return replace(found, view=ours(found.view, found.server, found.incarnation))

    def may_start_for_servers(self: Acting, resource: Resource, epoch: int) -> bool:
        seen, self.mirror.view = self.mirror.view, ours(self.mirror.view, self.me.server, self.me.incarnation)
        try:
            return may_start(self, resource, epoch)
        finally:
            self.mirror.view = seen

    exchange(patch, Driver.here)(of_servers)
    exchange(patch, Acting._may_start)(may_start_for_servers)


def start_without_reading(patch: Patch) -> None:
    """A daemon goes by what its predecessor on this server knew, without having read the registry itself."""
    known: WeakKeyDictionary[Machine, Mirror] = WeakKeyDictionary()
    original = Node.__init__

    def begin(self: Node, *args: Any, **ports: Any) -> None:
        original(self, *args, **ports)
        machine = ports["guard"]._keeper.machine
        before, mirror = known.get(machine), self.mirror
        if before is not None and before.read_once:
            mirror.view = before.view
            mirror._revisions = before._revisions
            mirror._entries = before._entries
            mirror.records = before.records
            mirror.read_once = before.read_once
            mirror.rereads = before.rereads
        known[machine] = mirror

    exchange(patch, Node.__init__)(begin)


def forget_the_epoch(patch: Patch) -> None:
    """The guard remembers no epoch, and refuses none."""

    exchange(patch, epochs.admitted)(lambda before, floor, epoch, *, released: True)
    exchange(patch, epochs.noted)(lambda before, floor, epoch, *, released: None)


# --- S3 -------------------------------------------------------------------------------------------------------------


def take_offline_for_a_release(patch: Patch) -> None:
    """A former owner that reports OFFLINE is no holder any more."""
    original = liveness.without_proven

    def without_those_that_say_offline(view: View, assignment: Assignment) -> Assignment:
        left = original(view, assignment)
        return replace(
            left, holders=tuple(holder for holder in left.holders if holder == left.owner or not says_offline(view, left, holder))
        )

    def says_offline(view: View, assignment: Assignment, holder: Holder) -> bool:
        report = view.report(assignment.resource, holder.server)
        return report is not None and report.incarnation == holder.incarnation and report.state is State.OFFLINE

    exchange(patch, liveness.without_proven)(without_those_that_say_offline)


def release_with_an_action_in_flight(patch: Patch) -> None:
    """What was seen OFFLINE is released as soon as it belongs to another, also while it is being started."""
    original = reconcile.reconcile

    def at_once(here: Here, resource: Resource, local: Local) -> LaneStep:
        assignment = here.view.assignments.get(resource.name)
        if assignment is None or here.incarnation not in [holder.incarnation for holder in assignment.holders]:
            return original(here, resource, local)
        if local.state is State.OFFLINE and local.action is not None and not reconcile._owned(here, assignment):
            return Release(assignment.epoch)
        return original(here, resource, local)

    exchange(patch, reconcile.reconcile)(at_once)
    exchange(patch, Local.off)(lambda self: self.state is State.OFFLINE)
    _take_groups_for_empty(patch)


def release_a_group_that_is_not_empty(patch: Patch) -> None:
    """A check that says OFFLINE is enough; what is left in the control group is not asked about."""
    _take_groups_for_empty(patch)


def _take_groups_for_empty(patch: Patch) -> None:
    cut(patch, Acting._is_empty, "return await self.executor.empty(name)", "return True")
    cut(patch, Reporting._write_release, "if not await self.executor.empty(resource.name):", "if False:")


def forget_the_third_holder(patch: Patch) -> None:
    """Old owner and new owner are the holders; who had it before them, and has not proved anything, is dropped."""
    original = placement._assigned

    def two_at_most(ground: Ground, before: Assignment, choice: placement.Choice) -> Assignment:
        after = original(ground, before, choice)
        if after.epoch == before.epoch:
            return after
        return replace(after, holders=tuple(holder for holder in after.holders if holder in (before.owner, after.owner)))

    exchange(patch, placement._assigned)(two_at_most)


def take_an_eviction_for_proof(patch: Patch) -> None:
    """Who is evicted counts as gone."""
    exchange(patch, View.proven)(lambda self, incarnation: self.life(incarnation) in (*PROVEN, Life.EVICTED))


def add_the_owner_later(patch: Patch) -> None:
    """The new owner becomes a holder only when the old one is gone."""
    original = placement._assigned

    def owner_later(ground: Ground, before: Assignment, choice: placement.Choice) -> Assignment:
        after = original(ground, before, choice)
        return replace(after, holders=before.holders) if before.holders and after.epoch > before.epoch else after

    exchange(patch, placement._assigned)(owner_later)


def keep_the_epoch(patch: Patch) -> None:
    """A new owner gets the epoch of the old one."""
    original = placement._assigned

    def same_epoch(ground: Ground, before: Assignment, choice: placement.Choice) -> Assignment:
        after = original(ground, before, choice)
        return replace(after, epoch=before.epoch) if before.owner and before.owner != after.owner else after

    exchange(patch, placement._assigned)(same_epoch)


def forget_a_life_too_early(patch: Patch) -> None:
    """A record goes as soon as its server has a newer one, proof or not."""

    def forgettable(view: View, now: float, memory: Memory) -> tuple[tuple[Incarnation, ...], float | None]:
        last = {record.incarnation for record in view.present().values()}
        return tuple(sorted(incarnation for incarnation in view.incarnations if incarnation not in last)), None

    exchange(patch, liveness.forgettable)(forgettable)


# --- S4 -------------------------------------------------------------------------------------------------------------


def kill_the_groups_before_the_daemon(patch: Patch) -> None:
    """A lapse ends what runs and sees that it is gone; and only then what could start something."""
    of_starters = (EndStep.KILL_STARTERS, EndStep.SEE_STARTERS_DEAD)
    rest = tuple(step for part in ending.ORDER for step in part.steps if step not in of_starters)
    exchange_value(patch, ending, "ORDER", (EndPart((*rest, *of_starters), EndStage.GONE),))


def revive_a_lapsed_incarnation(patch: Patch) -> None:
    """After a lapse the keeper goes on with the same incarnation. (The core's own is noticed: no farewell before a lapse.)"""
    original = keeper.new_life

    def new_life(held: HeldState, dice: bytes) -> HeldState:
        return held._replace(base=None) if held.incarnation else original(held, dice)

    exchange(patch, keeper.new_life)(new_life)


def act_without_asking_for_the_lease(patch: Patch) -> None:
    """The executor does not read the lease last."""
    exchange(patch, lease.needs_lease)(lambda request, *, leased: False)


def leave_a_dead_guard_alone(patch: Patch) -> None:
    """The keeper waits for a successor of a guard that died, and ends nothing if none comes in time."""
    exchange(patch, GuardWatch._must_strike)(lambda self, sight: False)
    exchange(patch, GuardWatch._must_go_alone)(lambda self, sight: False)


def believe_the_kill(patch: Patch) -> None:
    """After a lapse nobody looks whether everything is gone."""
    exchange_value(patch, ending, "ORDER", (ending.ORDER[0]._replace(reaches=EndStage.GONE),))


def check_and_stamp_apart(patch: Patch) -> None:
    """As `guard/mutations.py` has it; and the guard does not wake for the end of a lease that it does not ask about."""
    core.check_and_stamp_apart(patch)
    original = GuardCore.wake_boot_ns
    exchange(patch, GuardCore.wake_boot_ns)(lambda self, now: max(original(self, now), now.boot_ns + 1_000_000))


# --- S5 -------------------------------------------------------------------------------------------------------------


def believe_one_voter(patch: Patch) -> None:
    """One voter that says silent is proof."""
    original = Round.__init__

    def begin(self: Round, *args: Any, **times: Any) -> None:
        original(self, *args, **times)
        self._sets = [_of_one(wanted) for wanted in self._sets]

    exchange(patch, Round.__init__)(begin)


def lease_from_one_voter(patch: Patch) -> None:
    """One grant is enough."""
    original = LeaseHolder.__init__

    def begin(self: LeaseHolder, incarnation: bytes, *, sets: Sequence[VoterSet], **bounds: int) -> None:
        original(self, incarnation, sets=[_of_one(wanted) for wanted in sets], **bounds)

    exchange(patch, LeaseHolder.__init__)(begin)


class _OfOne(VoterSet):
    """Any of them is a majority."""

    @property
    def majority(self) -> int:
        return 1


def _of_one(wanted: VoterSet) -> VoterSet:
    return _OfOne(*wanted)


def do_not_wait_for_quiet(patch: Patch) -> None:
    """Who is lost is fenced at once."""
    original = liveness.fence_what_is_quiet

    def at_once(view: View, now: float, memory: Any) -> Any:
        return original(view, math.inf, memory)

    exchange(patch, liveness.fence_what_is_quiet)(at_once)


def say_farewell_at_once(patch: Patch) -> None:
    """Farewell is said when the lease ends, before anything was stopped."""
    original = GuardCore._lapse

    def lapse(self: GuardCore, why: str, effects: list[Any]) -> None:
        original(self, why, effects)
        effects[:0] = self.farewell()

    exchange(patch, GuardCore._lapse)(lapse)


# --- S6 -------------------------------------------------------------------------------------------------------------


def skip_the_first_look(patch: Patch) -> None:
    """Every server counts as having looked at everything."""
    exchange(patch, View.looked)(lambda self, server, incarnation, resource: True)
    exchange(patch, Ground.has_looked)(lambda self, server, resource: True)


def overlook_what_was_found(patch: Patch) -> None:
    """Who reports that it runs something it was never given is no holder."""
    exchange(patch, recovery.found_running)(lambda ground, name, assignment: assignment)


# --- S7 -------------------------------------------------------------------------------------------------------------


def decide_whoever_leads(patch: Patch) -> None:
    """What only a leader may write does not rest on its term."""

    def prepared(self: Leader, view: View, writes: Mapping[str, Any], *unchanged: str) -> PreparedCommit | None:
        return self._mirror.prepared(writes, unchanged=unchanged, decided_on=self._mirror.view)

    exchange(patch, Leader._prepared)(prepared)


def write_whatever_stands_there(patch: Patch) -> None:
    """No commit rests on anything."""
    original = Mirror._conditional

    def conditional(self: Mirror, writes: Mapping[str, Any], unchanged: Iterable[str]) -> Commit:
        return replace(original(self, writes, unchanged), conditions=())

    exchange(patch, Mirror._conditional)(conditional)


def go_on_deciding_when_deposed(patch: Patch) -> None:
    """A leader that was overtaken while it waited does not ask whether it still is one."""

    def prepared(self: Leader, view: View, writes: Mapping[str, Any], *unchanged: str) -> PreparedCommit | None:
        return self._mirror.prepared(writes, unchanged=(keys.LEADER, *unchanged), decided_on=self._mirror.view)

    exchange(patch, Leader._prepared)(prepared)


def release_whoever_one_is(patch: Patch) -> None:
    """What a server reports and releases does not rest on its own incarnation."""
    original = Mirror._conditional

    def conditional(self: Mirror, writes: Mapping[str, Any], unchanged: Iterable[str]) -> Commit:
        return original(self, writes, [key for key in unchanged if not key.startswith(keys.INCARNATION)])

    exchange(patch, Mirror._conditional)(conditional)


# --- S8 -------------------------------------------------------------------------------------------------------------


def stop_without_the_registry(patch: Patch) -> None:
    """What runs is stopped while the registry cannot be reached."""
    go_round, ask = Lanes._round, Driver._ask
    away: WeakSet[Driver] = WeakSet()

    def go_round_away(self: Lanes) -> float | None:
        (away.discard if self._mirror.reachable else away.add)(self._driver)
        return go_round(self)

    def ask_away(self: Driver, here: Here, resource: Resource, wall: float) -> tuple[Taken, ...]:
        local = self.locals[resource.name]
        if self not in away or not local.up or local.action is not None:
            return ask(self, here, resource, wall)
        self.steps[resource.name] = step = reconcile._stop_after_dependents(here, resource, local, Rung.STOP)
        return () if isinstance(step, Wait) else (self._take(here, resource, step, wall),)

    exchange(patch, Lanes._round)(go_round_away)
    exchange(patch, Driver._ask)(ask_away)


def wait_for_the_registry(patch: Patch) -> None:
    """While the registry cannot be reached no lane is asked what is next."""
    original = Lanes._round
    exchange(patch, Lanes._round)(lambda self: original(self) if self._mirror.reachable else None)


def lease_from_the_registry(patch: Patch) -> None:
    """A grant counts only while the daemon says that it reaches the registry."""
    original = GuardCore._granted

    def granted(self: GuardCore, envelope: Envelope, grant: Grant, now: Reading, effects: list[GuardEffect]) -> None:
        own = self.abilities._own
        if own is None or own.why != REGISTRY_AWAY:
            original(self, envelope, grant, now, effects)

    exchange(patch, GuardCore._granted)(granted)


# --- S9 -------------------------------------------------------------------------------------------------------------


def answer_before_it_is_flushed(patch: Patch) -> None:
    """A commit is acknowledged before it is on the registry's disk: it is flushed with the next commit."""
    cut(patch, Store.commit_all, 'self._database.execute("COMMIT")')
    begin = 'self._database.execute("BEGIN IMMEDIATE")'
    cut(patch, Store.commit_all, begin, f'self._database.in_transaction and self._database.execute("COMMIT"); {begin}')
