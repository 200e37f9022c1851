"""What every Executor must do, whether it runs processes or only says so."""

import asyncio

import pytest

from executor.rig import DB, INCARNATION, FakeRig, RealRig, Rig, act
from support import wait_until
from understudy.kinds.observed import Observed
from understudy.linux.cgroups import processes
from understudy.model.actions import Unanswered
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionProgress, ActionRequest


async def test_what_lives_is_named_registered_or_not(rig: Rig) -> None:
    """The executor knows no registry: whatever it finds living it names."""
    before = await rig.executor.running()
    await act(rig, "start")
    living = await rig.executor.running()
    await act(rig, "stop")

    assert (before, living, await rig.executor.running()) == ((), (DB,), ())


async def test_a_service_is_started_seen_stopped_and_seen_gone(rig: Rig) -> None:
    """The plain life of a service."""
    assert (await act(rig, "check")).status == 1
    assert (await act(rig, "start")).status == 0
    assert not await rig.executor.empty(DB)
    assert (await act(rig, "check")).status == 0
    assert (await act(rig, "stop")).status == 0
    assert await rig.executor.empty(DB)
    assert (await act(rig, "check")).status == 1


async def test_a_service_that_died_is_gone_and_wakes_the_daemon(rig: Rig) -> None:
    """The kernel's word is more than a script's no; and it comes by itself."""
    await act(rig, "start")
    assert (await act(rig, "check")).evidence == "answered"
    rig.dies(DB)
    assert await asyncio.wait_for(rig.executor.next_event(), 5) == DB
    outcome = await act(rig, "check")
    assert (outcome.status, outcome.evidence) == (1, "gone")
    assert await rig.executor.empty(DB)


async def test_a_service_never_seen_here_is_down_but_not_gone(rig: Rig) -> None:
    """Before the first start the kernel has no word about it: only the script answers."""
    outcome = await act(rig, "check")
    assert (outcome.status, outcome.evidence) == (1, "answered")


async def test_a_failed_start_passes_its_status_and_last_lines_on(rig: Rig) -> None:
    """What the script printed stands beside the failure."""
    rig.fails(DB, "start", 7)
    rig.says(DB, "start", "looking for the disk", "CRS_ERROR:no disk")
    outcome = await act(rig, "start")
    assert (outcome.status, outcome.evidence, outcome.timed_out) == (7, "answered", False)
    assert outcome.output[-2:] == ("looking for the disk", "CRS_ERROR:no disk")


async def test_a_check_that_hangs_is_silent_at_its_deadline(rig: Rig) -> None:
    """Silence is not a no: no status, and what runs goes on."""
    await act(rig, "start")
    rig.hangs(DB, "check")
    outcome = await act(rig, "check", timeout_s=0.2)
    assert (outcome.status, outcome.evidence, outcome.timed_out, outcome.killed) == (None, "silent", True, True)
    assert 0.2 <= outcome.duration_s < 1.5
    rig.recovers(DB)
    assert (await act(rig, "check")).status == 0


SILENCES: tuple[Unanswered, ...] = ("overran", "signal", "not-begun", "no-script", "executor-away")
"""What a check may come to that gives no answer: one table for whoever makes outcomes, and (tests/lane) for whoever reads them."""


@pytest.mark.parametrize("why", SILENCES)
async def test_silence_has_one_form_however_it_came(rig: Rig, why: Unanswered) -> None:
    """No status, the reason, a sentence for people, and what the kernel sees of the service; what runs goes on."""
    assert (await act(rig, "start")).status == 0
    with rig.silent(DB, why):
        outcome = await act(rig, "check", timeout_s=0.5)
    assert (outcome.status, outcome.evidence, outcome.unanswered) == (None, "silent", why), outcome.output
    assert outcome.housed is True
    assert outcome.output or why == "overran"
    rig.returns()
    after = await act(rig, "check")
    assert (after.status, after.unanswered, after.housed) == (0, None, True)


@pytest.mark.parametrize("action", ["start", "stop", "clean"])
async def test_an_action_for_which_nothing_is_to_be_had_was_not_begun(rig: Rig, action: ActionName) -> None:
    """It is no failure of the resource, and it can be asked for again."""
    if isinstance(rig, FakeRig):
        rig.fake.service(DB).unbegun[action] = "not-begun"
    await act(rig, "check")  # the two know each other
    with rig.silent(DB, "not-begun"):
        outcome = await act(rig, action)
    assert (outcome.status, outcome.unanswered) == (None, "not-begun"), outcome.output
    assert (await act(rig, action)).status == 0


@pytest.mark.parametrize("why", ["signal", "no-script"])
async def test_silence_beside_a_death_the_kernel_has_seen(rig: Rig, why: Unanswered) -> None:
    """Gone is gone, whatever became of the check."""
    await act(rig, "start")
    assert (await act(rig, "check")).housed is True
    rig.dies(DB)
    assert await asyncio.wait_for(rig.executor.next_event(), 5) == DB
    with rig.silent(DB, why):
        outcome = await act(rig, "check")
    assert (outcome.unanswered, outcome.housed) == (why, False)
    assert await rig.executor.empty(DB)


async def test_what_never_had_processes_has_no_word_of_the_kernel(rig: Rig) -> None:
    """A mount, or what was never started: None is not False."""
    assert (await act(rig, "check")).housed is None


async def test_an_action_that_changes_something_and_dies_has_failed(rig: Rig) -> None:
    """Only a check is silent: a start that was ended by a signal has a status, as in a shell."""
    if isinstance(rig, RealRig):
        rig.script = rig.write_script("dying.scr", "#!/bin/sh\nkill -9 $$\n")
    else:
        rig.fails(DB, "start", 137)
    outcome = await act(rig, "start")
    assert (outcome.status, outcome.unanswered) == (137, None)


async def test_a_start_that_overruns_leaves_nothing(rig: Rig) -> None:
    """The whole group goes with it."""
    rig.hangs(DB, "start")
    outcome = await act(rig, "start", timeout_s=0.3)
    assert (outcome.status, outcome.evidence, outcome.timed_out, outcome.killed) == (None, "silent", True, True)
    assert await rig.executor.empty(DB)


async def test_a_stop_that_overruns_leaves_the_service_to_the_next_rung(rig: Rig) -> None:
    """Only the action is ended; clean and kill come from the lane."""
    await act(rig, "start")
    rig.hangs(DB, "stop")
    outcome = await act(rig, "stop", timeout_s=0.3)
    assert (outcome.status, outcome.timed_out) == (None, True)
    assert (await act(rig, "check")).status == 0
    assert await rig.executor.kill(DB)
    assert await rig.executor.empty(DB)


async def test_a_second_action_beside_the_first_is_refused(rig: Rig) -> None:
    """One action per resource: the lane has lost count if it asks for two."""
    rig.hangs(DB, "start")
    first = asyncio.create_task(act(rig, "start", timeout_s=5))
    await _in_flight(rig)
    second = await act(rig, "stop")
    assert (second.status, second.unanswered) == (None, "refused")
    assert second.output == ("stop of db refused: its start is in flight",)
    await rig.executor.kill(DB)
    assert (await first).evidence == "silent"


async def test_a_check_gives_way_to_a_stop(rig: Rig) -> None:
    """A check that hangs must not delay a stop."""
    await act(rig, "start")
    rig.hangs(DB, "check")
    check = asyncio.create_task(act(rig, "check", timeout_s=30))
    await _in_flight(rig)
    assert (await act(rig, "stop")).status == 0
    outcome = await check
    assert (outcome.status, outcome.evidence, outcome.unanswered) == (None, "silent", "halted")


async def test_kill_ends_service_and_action(rig: Rig) -> None:
    """Everything of the resource, seen empty."""
    await act(rig, "start")
    rig.hangs(DB, "check")
    check = asyncio.create_task(act(rig, "check", timeout_s=30))
    await _in_flight(rig)
    assert await rig.executor.kill(DB)
    assert (await check).evidence == "silent"
    assert await rig.executor.empty(DB)
    assert await rig.executor.kill(ResourceName("never/heard of"))


async def test_abandon_ends_actions_and_spares_services(rig: Rig) -> None:
    """A new daemon's first word."""
    await act(rig, "start")
    rig.hangs(DB, "stop")
    stop = asyncio.create_task(act(rig, "stop", timeout_s=30))
    await _in_flight(rig)
    await rig.executor.abandon()
    assert (await stop).evidence == "silent"
    rig.recovers(DB)
    assert (await act(rig, "check")).status == 0


async def test_a_start_in_flight_when_abandoned_leaves_nothing(rig: Rig) -> None:
    """Nobody could say how far it got."""
    rig.hangs(DB, "start")
    start = asyncio.create_task(act(rig, "start", timeout_s=30))
    await _in_flight(rig)
    await rig.executor.abandon()
    assert (await start).status is None
    assert await rig.executor.empty(DB)


@pytest.mark.parametrize("action", ["start", "stop", "clean"])
async def test_without_a_lease_nothing_begins(rig: Rig, action: ActionName) -> None:
    """S4."""
    rig.lapses()
    outcome = await act(rig, action)
    assert (outcome.status, outcome.unanswered) == (None, "refused"), outcome.output
    assert outcome.output == ("no lease: nothing may begin on this server",)
    assert await rig.executor.empty(DB)


async def test_an_action_of_another_incarnation_is_refused(rig: Rig) -> None:
    """The daemon decided under a lease that is no more."""
    older = Incarnation("f" * 32)
    asked: tuple[tuple[ActionName, Incarnation, int | None], ...] = (
        ("start", older, None),
        ("check", older, None),
        ("start", INCARNATION, 0),
    )
    for action, incarnation, status in asked:
        request = ActionRequest(
            resource=DB,
            action=action,
            agent="script",
            parameters={"script": rig.script},
            incarnation=incarnation,
        )
        assert (await rig.executor.run(request)).status == status


async def test_an_unknown_agent_is_said_to_be_unknown(rig: Rig) -> None:
    """And nothing else happens."""
    outcome = await rig.executor.run(ActionRequest(resource=DB, action="start", agent="magic"))
    assert (outcome.status, outcome.output) == (None, ("agent magic has no action start",))


async def _in_flight(rig: Rig) -> None:
    """Wait until an action of the service can be seen to run."""
    if isinstance(rig, FakeRig):
        await asyncio.sleep(0)
        await wait_until(lambda: rig.fake._in_flight, 2, "an action is in flight")
        return

    def hangs() -> bool:
        return any(_name(pid) == "sleep" for pid in processes(rig.groups.group(DB)) if pid != _service(rig))

    await wait_until(hangs, 5, "an action is in flight")


def _service(rig: RealRig) -> int:
    path = rig.folder / "db.pid"
    return int(path.read_text()) if path.exists() else 0


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


async def test_how_far_an_action_is_is_told_while_it_runs(rig: Rig) -> None:
    """Whoever waits for it need not wait for its end to know."""
    rig.says(DB, "start", "CRS_PROGRESS:half way", "something else")
    rig.hangs(DB, "start")
    starting = asyncio.create_task(act(rig, "start", timeout_s=5.0))
    async with asyncio.timeout(4):
        while not isinstance(told := await rig.executor.next_event(), ActionProgress):
            pass  # the kernel tells that something has changed, too
    assert (told.resource, told.text, starting.done()) == (DB, "half way", False)
    await rig.executor.abandon()
    await starting


async def test_a_custom_action_runs_beside_a_check_and_gives_way_to_a_stop(rig: Rig) -> None:
    """It changes nothing of whether the resource runs: nobody waits for it, and nothing that ends the resource does."""
    await act(rig, "start")
    rig.hangs(DB, "custom")
    asked = asyncio.create_task(act(rig, "custom"))
    await asyncio.sleep(0)
    assert (await act(rig, "check")).observed is Observed.ONLINE
    assert not asked.done()
    assert (await act(rig, "custom")).unanswered == "refused"
    assert (await act(rig, "stop")).observed is Observed.DONE
    assert (await asyncio.wait_for(asked, 5)).unanswered == "halted"
