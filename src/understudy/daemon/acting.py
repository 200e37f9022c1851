"""Has the steps of the lanes done, by the executor and under the lease: what comes of each.

Called by `daemon/lanes.py`. S2 and S4 stand here: a start is asked of the guard first, and of the newest View after that.
Must never decide what is to be done, or keep anything of it.
"""

import asyncio
from dataclasses import dataclass, replace

from understudy.daemon.epochs import Epochs
from understudy.daemon.mirror import Mirror
from understudy.daemon.requests import Me, action_request, site_of
from understudy.errors import Unreachable
from understudy.kinds.kind import Site
from understudy.kinds.observed import Observed
from understudy.lane.ladder import action_of
from understudy.lane.phases import Rung
from understudy.lane.steps import Climb, LaneAction, Start
from understudy.model.actions import ActionOutcome, as_shown
from understudy.model.cardinality import seen_from
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.ports import Executor, Guard

REFUSED = ActionOutcome(observed=None, evidence="silent", unanswered="refused", output=("the lease of this server does not allow it now",))


@dataclass(slots=True, kw_only=True)
class Acting:
    """How this server's lanes act."""

    mirror: Mirror
    executor: Executor
    guard: Guard
    epochs: Epochs
    me: Me
    unwritten: asyncio.Event
    """Set: there is something to write."""

    async def act(self, step: LaneAction, resource: Resource, epoch: int, activity: str) -> tuple[ActionOutcome, bool]:
        """Run a step's action: what came of it, and whether nothing of the resource was seen to live after it. `epoch`: what it was
        started under, should this be no start. `activity`: what the logs call it by."""
        try:
            outcome = await self._perform(step, resource, epoch, activity)
        except Unreachable as error:  # nobody to kill for us, or no guard
            outcome = ActionOutcome(observed=None, evidence="silent", unanswered="executor-away", output=(str(error),))
        if outcome.housed and action_of(step) == "check":
            return as_shown(outcome), False  # processes of it live: seen after the check, which ends none
        return as_shown(outcome), outcome.unanswered != "executor-away" and await self._is_empty(resource.name)

    async def _is_empty(self, name: ResourceName) -> bool:
        try:
            return await self.executor.empty(name)
        except Unreachable:
            return False  # not seen

    async def _perform(self, step: LaneAction, resource: Resource, epoch: int, activity: str) -> ActionOutcome:
        if isinstance(step, Climb) and step.rung is Rung.KILL:
            return await self._kill(resource, epoch, activity)
        epoch = step.epoch if isinstance(step, Start) else epoch
        leased = isinstance(step, Start) and not resource.local
        if leased and not await self._allowed(resource, epoch):
            return REFUSED
        request = action_request(
            resource,
            action_of(step),
            epoch=epoch,
            incarnation=self.me.incarnation if leased else None,
            site=self._site(),
        )
        return await self.executor.run(replace(request, activity=activity))

    def _site(self) -> Site:
        return site_of(self.mirror.view.resources, self.me.addresses)

    async def _allowed(self, resource: Resource, epoch: int) -> bool:
        """S2 and S4: a start is asked of the guard, which remembers the highest epoch; the lease is read here to spare the request, for
        the executor reads it last. `_may_start` asks again what reconcile has asked: much may have come while the guard was asked."""
        if not self.guard.held():
            return False
        await self.epochs.note()
        return await self._remembered(resource, epoch) and self._may_start(resource, epoch)

    async def _remembered(self, resource: Resource, epoch: int) -> bool:
        if await self.epochs.remember(resource.name, epoch):
            return True
        self.unwritten.set()  # the look reports to the leader what the guard remembers
        return False

    def _may_start(self, resource: Resource, epoch: int) -> bool:
        """S2: whether the step still stands on the newest assignment that this server has seen, after the guard was asked."""
        view = self.mirror.view
        assignment = seen_from(view, self.me.incarnation).assignments.get(resource.name)
        if assignment is None or view.in_doubt(assignment):
            return False
        return assignment.epoch == epoch and assignment.sole_holder(self.me.incarnation)

    async def _kill(self, resource: Resource, epoch: int, activity: str) -> ActionOutcome:
        empty = await self.executor.kill(resource.name, activity)
        if not resource.kind.housed:  # nothing runs: the rung is to take away what it holds
            request = action_request(resource, "clean", epoch=epoch, incarnation=None, site=self._site())
            return await self.executor.run(replace(request, activity=activity))
        return ActionOutcome(observed=Observed.DONE if empty else Observed.FAILED, evidence="gone")
