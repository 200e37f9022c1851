"""Operators' storage that does not answer holds up what stands on it, and nothing else."""

import asyncio
import os
from pathlib import Path

import pytest

from executor.hung import hung_storage
from executor.rig import RealRig, act
from support import wait_until
from understudy.agents.aside import MOST, _hanging, aside
from understudy.daemon.ownserver import LinuxServer
from understudy.executor.command import MOST_SURVIVORS
from understudy.linux.cgroups import processes
from understudy.model.names import ResourceName
from understudy.ports import ActionOutcome, ActionRequest

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="needs /dev/fuse")]
STUCK = ResourceName("stuck")


async def test_a_script_on_hung_storage_holds_up_its_own_resource_alone(real: RealRig, tmp_path: Path) -> None:
    """Only the process of its own action waits for it: all others are acted on as ever, and it ends as too slow."""
    with hung_storage(tmp_path / "hung") as folder:
        stuck = asyncio.create_task(check(real, folder / "x.scr", 3.0))
        await wait_until(lambda: processes(real.groups.act(STUCK)), 5, "its check is under way")
        began = asyncio.get_running_loop().time()
        assert (await act(real, "start")).status == 0
        assert (await act(real, "check")).status == 0
        assert asyncio.get_running_loop().time() - began < 2.5
        assert not stuck.done()
        outcome = await stuck
        assert (outcome.status, outcome.unanswered) == (None, "overran")


async def test_checks_that_hang_for_ever_do_not_fill_the_process_table(real: RealRig) -> None:
    """What cannot be killed stays; only so many of them, and then it is said instead of begun."""
    frozen = [await asyncio.create_subprocess_exec("sleep", "1000") for _ in range(MOST_SURVIVORS)]
    real.groups.make(STUCK)
    for process in frozen:
        Path(real.groups.act(STUCK), "cgroup.procs").write_text(str(process.pid))
    outcome = await check(real, Path(real.script), 3.0)
    for process in frozen:
        await process.wait()
    assert outcome.unanswered == "overran"
    assert f"{MOST_SURVIVORS} processes" in outcome.output[0]


async def test_a_verb_that_looks_at_a_script_has_an_end(tmp_path: Path) -> None:
    """And the daemon's loop runs meanwhile."""
    with hung_storage(tmp_path / "hung") as folder:
        rounds = 0

        async def go_round() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0.01)

        going = asyncio.create_task(go_round())
        assert await LinuxServer(str(tmp_path)).script(str(folder / "x.scr")) == "silent"
        going.cancel()
        assert rounds > 20
    assert await LinuxServer(str(tmp_path)).script(str(tmp_path / "none.scr")) == "missing"
    dos = tmp_path / "dos.scr"
    dos.write_bytes(b"#!/bin/sh\r\n")
    dos.chmod(0o755)
    assert "DOS line ends" in await LinuxServer(str(tmp_path)).script(str(dos))
    dos.write_bytes(b"#!/bin/sh\n")
    assert await LinuxServer(str(tmp_path)).script(str(dos)) == "ok"
    dos.chmod(0o757)
    assert await LinuxServer(str(tmp_path)).script(str(dos)) == (
        f"users other than root, as whom it runs, may change it: {dos} may be written by everybody: chmod o-w {dos}"
    )


async def test_only_so_many_calls_hang_at_a_time(tmp_path: Path) -> None:
    """Each costs a thread until its storage answers; then there is room again."""
    with hung_storage(tmp_path / "hung") as folder:
        answers = {await _how_it_ends(folder / "x") for _ in range(MOST + 3)}
        assert answers == {"", f"{MOST} calls before it have not come back"}
    await wait_until(lambda: not _hanging, 5, "all that hung are let go")
    with pytest.raises(FileNotFoundError):
        await aside(lambda: os.stat(tmp_path / "none"), within_s=5.0)


async def _how_it_ends(path: Path) -> str:
    try:
        await aside(lambda: os.stat(path), within_s=0.01)
    except TimeoutError as error:
        return str(error)
    return "answered"


async def check(real: RealRig, script: Path, timeout_s: float) -> ActionOutcome:
    request = ActionRequest(resource=STUCK, action="check", agent="script", parameters={"script": str(script)}, timeout_s=timeout_s)
    return await real.executor.run(request)
