"""What the executor's own Runner admits (S4), and that these tests would see it if it did not: each clause is cut out of its source.

The simulator has an executor in memory, which makes way and asks for the lease by itself; here it is the product's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cutting import Mutation, Patch, cut
from executor.rig import runner_alone
from understudy.agents.catalogue import AGENTS
from understudy.agents.contract import Agent, Context
from understudy.executor.runner import Runner
from understudy.holdings.holding import AddressHolding
from understudy.kinds.catalogue import KINDS
from understudy.kinds.kind import ResourceKind
from understudy.kinds.observed import Observed
from understudy.linux.lease import LeaseFile
from understudy.linux.reading import Reading
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest

RAW = bytes(range(16))
INCARNATION, ANOTHER = Incarnation(RAW.hex()), Incarnation("ff" * 16)
DB = ResourceName("db")


class AdmissionStage:
    """A Runner with a lease, and an agent that does nothing but note that an action has begun, and wait until it may end."""

    def __init__(self, folder: Path) -> None:
        self.kill_list = folder / "kill-list.json"
        self.begun: list[str] = []
        self.listed_before = False
        """The last action that has begun found its holding on the kill list."""
        self.may_end = asyncio.Event()
        self.lease = LeaseFile(str(folder / "lease"))
        self.lease.begin(RAW)
        self.lease.extend(Reading(1 << 62, 1 << 62))
        self.runner = runner_alone(folder)

    async def act(self, request: ActionRequest, context: Context) -> ActionOutcome:
        """An action of the agent."""
        self.begun.append(request.action)
        self.listed_before = self.kill_list.exists() and "10.0.0.9" in self.kill_list.read_text()
        await self.may_end.wait()
        return ActionOutcome(observed=Observed.DONE)

    def ask(self, action: ActionName, incarnation: Incarnation | None = None) -> "asyncio.Task[ActionOutcome]":
        """Ask for an action; it goes as far as it can."""
        return asyncio.ensure_future(
            self.runner.run(ActionRequest(resource=DB, action=action, agent="quiet", timeout_s=5, epoch=1, incarnation=incarnation))
        )

    async def settle(self) -> None:
        """Until nothing more happens by itself."""
        for _ in range(20):
            await asyncio.sleep(0)


async def nothing_begins_without_a_lease(stage: AdmissionStage) -> bool:
    """Neither a start nor what ends something."""
    stage.lease.clear()
    stage.may_end.set()
    asked: tuple[tuple[ActionName, Incarnation | None], ...] = (("start", INCARNATION), ("stop", None), ("clean", None))
    for action, incarnation in asked:
        await stage.ask(action, incarnation)
    return not stage.begun


async def nothing_begins_for_another_incarnation(stage: AdmissionStage) -> bool:
    """A daemon of an earlier life asks."""
    stage.may_end.set()
    await stage.ask("start", ANOTHER)
    return not stage.begun


async def the_lease_is_asked_for_last(stage: AdmissionStage) -> bool:
    """It ends while the start waits for a check to give way."""
    check = stage.ask("check")
    await stage.settle()
    start = stage.ask("start", INCARNATION)
    await stage.settle()
    stage.lease.clear()
    stage.may_end.set()
    await asyncio.wait((check, start))
    return stage.begun == ["check"]


async def one_action_at_a_time(stage: AdmissionStage) -> bool:
    """A stop is asked for while a start is in flight."""
    start = stage.ask("start", INCARNATION)
    await stage.settle()
    stop = stage.ask("stop")
    await stage.settle()
    stage.may_end.set()
    await asyncio.wait((start, stop))
    return stage.begun == ["start"]


async def the_kill_list_names_it_before_it_begins(stage: AdmissionStage) -> bool:
    """The address that a start is about to add, for one who kills in mid-start."""
    stage.may_end.set()
    await stage.ask("start", INCARNATION)
    return stage.listed_before


READ = 'why_not(holder(self.run_dir / "lease")'


def act_without_asking_for_the_lease(patch: Patch) -> None:
    """The lease file is not read."""
    cut(patch, Runner._run, "if unleased:", "if False:")


def act_for_any_incarnation(patch: Patch) -> None:
    """Whoever holds the lease, it is held."""
    cut(patch, Runner._run, f"{READ}, request.incarnation)", f"{READ}, None)")


def ask_for_the_lease_first(patch: Patch) -> None:
    """It is read before way is made."""
    asked = f"{READ}, request.incarnation)"
    cut(patch, Runner._run, "busy = await self", f"asked = {asked}\n    busy = await self")
    cut(patch, Runner._run, f"unleased = {asked}", "unleased = asked")


def let_two_act_at_once(patch: Patch) -> None:
    """An action in flight is ignored."""
    cut(patch, Runner._run, "if busy:", "if False:")


def write_the_kill_list_once_it_has_begun(patch: Patch) -> None:
    """It is written a moment later."""
    clause = "self._kill_list.add(request.resource, holdings)"
    cut(patch, Runner._run, clause, "asyncio.get_running_loop().call_soon(self._kill_list.add, request.resource, holdings)")


def forget_the_kill_list(patch: Patch) -> None:
    """What a start is about to make is written down nowhere."""
    cut(patch, Runner._run, 'if request.action == "start":', "if False:")


Promise = Callable[[AdmissionStage], Awaitable[bool]]
PROMISES: tuple[tuple[Promise, Mutation], ...] = (
    (nothing_begins_without_a_lease, act_without_asking_for_the_lease),
    (nothing_begins_for_another_incarnation, act_for_any_incarnation),
    (the_lease_is_asked_for_last, ask_for_the_lease_first),
    (one_action_at_a_time, let_two_act_at_once),
    (the_kill_list_names_it_before_it_begins, forget_the_kill_list),
    (the_kill_list_names_it_before_it_begins, write_the_kill_list_once_it_has_begun),
)


@pytest.mark.parametrize(("promise", "mutation"), PROMISES, ids=lambda given: given.__name__)
async def test_the_executor_keeps_its_promise_and_a_cut_is_seen(
    promise: Promise, mutation: Mutation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First as it is; then without the clause."""
    for name, cuts in (("whole", ()), ("cut", (mutation,))):
        folder = tmp_path / name
        folder.mkdir()
        stage = AdmissionStage(folder)
        with monkeypatch.context() as patch:
            patch.setitem(AGENTS, "quiet", _agent(stage))
            patch.setitem(KINDS, "quiet", QUIET)
            for part in cuts:
                part(patch)
            assert await promise(stage) is (not cuts), f"{name}: {stage.begun}"


def _agent(stage: AdmissionStage) -> Agent:
    return Agent(start=stage.act, stop=stage.act, check=stage.act, clean=stage.act)


QUIET = ResourceKind(
    name="quiet", types=(), parameters=lambda resource, site: {}, holdings=lambda parameters: (AddressHolding("10.0.0.9"),)
)
