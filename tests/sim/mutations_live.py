"""The product with one clause of its liveness, or of the order of dependencies, taken out at a time: what the simulator must catch.

As `sim/mutations.py`. Called by `sim/test_mutations.py`.
"""

from cutting import Patch, exchange
from understudy.daemon.leader import Leader
from understudy.daemon.mirror import Mirror
from understudy.errors import RegistryUnreachable
from understudy.lane import budget, neighbours
from understudy.model.names import ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.view import Assignment, View
from understudy.policy import autostart, failover, placement, unable
from understudy.policy.case import Case
from understudy.policy.ground import Ground
from understudy.policy.recovery import forgiven
from understudy.sim.link import RegistryLink


def never_ask_about_a_lost_server(patch: Patch) -> None:
    """Nobody is proved lost."""
    exchange(patch, Leader._ours_to_ask)(lambda self, incarnation: False)


def never_take_the_term(patch: Patch) -> None:
    """The first leader leads, or nobody."""
    original = Leader._stand

    async def stand(self: Leader, view: View) -> float | None:
        return await original(self, view) if view.leader is None else None

    exchange(patch, Leader._stand)(stand)


def move_back_and_forth(patch: Patch) -> None:
    """A group that has proved itself where it is is better off elsewhere."""
    stay = placement._stay_or_return

    def do_not_stay(case: Case, home: ServerName) -> placement.Choice:
        others = [standing for standing in case.admitted.values() if standing.server != home]
        proven = any(forgiven(placement._own_report(case.ground, case.held[name]), case.held[name]) for name in case.wanted)
        return placement._at(others[0], Reason(Why.POSSIBLE)) if others and proven else stay(case, home)

    exchange(patch, placement._at_rest)(lambda *_: None)
    exchange(patch, placement._stay_or_return)(do_not_stay)


def never_retry(patch: Patch) -> None:
    """What failed everywhere is not tried again."""
    exchange(patch, budget.pause_s)(lambda retries: 1e9)


def never_read_again(patch: Patch) -> None:
    """A daemon that lost its watch reads the registry no more."""
    original = Mirror.read_all

    async def read_all(self: Mirror) -> View:
        if self.read_once and isinstance(self._registry, RegistryLink):
            raise RegistryUnreachable("read once before")
        return await original(self)

    exchange(patch, Mirror.read_all)(read_all)


def never_evict_for_what_cannot_be_stopped(patch: Patch) -> None:
    """STOP_FAILURE=fence is as good as block."""
    exchange(patch, unable.evict_who_cannot_stop)(lambda view, now, memory: ((), None))


# --- the order of dependencies --------------------------------------------------------------------------------------


def start_without_what_it_needs(patch: Patch) -> None:
    """Hard dependencies need not be up."""
    exchange(patch, neighbours.missing_to_start)(lambda here, resource: ())


def stop_under_what_needs_it(patch: Patch) -> None:
    """What is stopped does not wait for its dependents."""
    exchange(patch, neighbours.dependents_not_off)(lambda here, resource: ())


def start_beside_what_is_excluded(patch: Patch) -> None:
    """What is preempted need not be off."""
    exchange(patch, neighbours.excluded_not_off)(lambda here, resource: ())


# --- who was there before, and for how long it is waited for ---------------------------------------------------------


def take_a_cold_start_for_a_failover(patch: Patch) -> None:
    """Who comes up first counts as having been there, before it is known that nobody else was."""
    exchange(patch, autostart._in_doubt)(lambda view, memory: False)


def wait_without_end(patch: Patch) -> None:
    """Nobody writes what is left of a delay, so that each leader begins it anew."""
    original = failover.delay_of

    def delay_of(ground: Ground, before: Assignment) -> float:
        return before.failover_in_s if original(ground, before) and before.owner is None else original(ground, before)

    exchange(patch, failover.delay_of)(delay_of)
