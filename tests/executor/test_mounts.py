"""A mount that a resource declares is a holding: named before the start, in the way of a release, cut off when nothing else helps."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from executor.hung import hung_storage
from executor.rig import RealRig, have_root, real_rig
from understudy.guard.mounts import cut_off_all
from understudy.kinds.observed import Observed
from understudy.linux.mounts import cut_off, is_mounted
from understudy.model.names import ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root to mount")]

FS = ResourceName("fs")
FORGETFUL = """#!/bin/sh
# mounts, and forgets to unmount
case $1 in
start) cp {run_dir}/kill-list.json {folder}/seen; mount -t tmpfs fs {point} ;;
check) grep -q " {point} " /proc/self/mountinfo ;;
esac
"""


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealRig]:
    """An executor, and a point to mount something at."""
    if not have_root():
        pytest.skip("needs root")
    (tmp_path / "point").mkdir()
    with real_rig(tmp_path) as rig:
        rig.script = rig.write_script("fs.scr", FORGETFUL.format(run_dir=rig.run_dir, folder=tmp_path, point=tmp_path / "point"))
        await rig.client.start()
        yield rig
        await rig.client.close()
    cut_off(str(tmp_path / "point"))


async def act(rig: RealRig, action: ActionName, point: Path) -> ActionOutcome:
    parameters = {"script": rig.script, "mount_point": str(point)}
    request = ActionRequest(resource=FS, action=action, agent="script", parameters=parameters, timeout_s=10.0)
    return await asyncio.wait_for(rig.executor.run(request), 25)


async def test_a_mount_that_its_script_leaves_is_in_the_way_and_is_cut_off(real: RealRig, tmp_path: Path) -> None:
    """However busy it is."""
    point = tmp_path / "point"
    assert (await act(real, "start", point)).observed is Observed.DONE
    assert json.loads((tmp_path / "seen").read_text())["holdings"] == [{"resource": "fs", "sort": "mount", "point": str(point)}]
    assert (await act(real, "stop", point)).observed is Observed.DONE
    assert not await real.executor.empty(FS), "its script said yes, and it is still mounted"
    assert _mounts(real) == [str(point)]
    with (point / "open").open("w"):
        assert await real.executor.kill(FS)
    assert not is_mounted(str(point))
    assert _mounts(real) == []
    assert await real.executor.empty(FS)


async def test_a_mount_is_known_by_the_name_that_the_kernel_has_for_it(real: RealRig, tmp_path: Path) -> None:
    """An operator wrote the path of a link to it; and a check that finds it running puts it on the list as well."""
    (tmp_path / "link").symlink_to(tmp_path / "point")
    await act(real, "start", tmp_path / "link")
    assert _mounts(real) == [str(tmp_path / "point")]
    assert await real.executor.kill(FS)
    _mount(tmp_path / "point")
    assert (await act(real, "check", tmp_path / "link")).observed is Observed.ONLINE
    assert _mounts(real) == [str(tmp_path / "point")]
    assert await real.executor.kill(FS)


async def test_a_start_may_not_claim_what_our_own_processes_need(real: RealRig) -> None:
    """A lapse would take the run directory away."""
    refused = await act(real, "start", real.run_dir.parent)
    assert refused.observed is Observed.FAILED
    assert "which this server's own processes need" in refused.output[0]
    assert _mounts(real) == []


async def test_storage_that_does_not_answer_is_cut_off_too(real: RealRig, tmp_path: Path) -> None:
    """Every look at it hangs; the table of mounts does not."""
    with hung_storage(tmp_path / "dead") as dead:
        real.script = real.write_script("dead.scr", "#!/bin/sh\nexit 0\n")
        await act(real, "start", dead)
        assert not await real.executor.empty(FS)
        assert await asyncio.wait_for(real.executor.kill(FS), 10)
        assert not is_mounted(str(dead))


def test_a_lapse_cuts_off_dead_storage_and_a_busy_mount_side_by_side(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    busy.mkdir()
    _mount(busy)
    _mount(busy)
    with hung_storage(tmp_path / "dead") as dead, (busy / "open").open("w"):
        assert cut_off_all([str(busy), str(dead), str(tmp_path / "none")], keep=("/run/understudy",), within_s=2.0) == []
        assert not is_mounted(str(busy))
        assert not is_mounted(str(dead))


def test_a_lapse_leaves_alone_what_must_not_be_unmounted(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    left = cut_off_all(["/usr", str(tmp_path)], keep=(str(tmp_path / "run"),), within_s=1.0)
    assert left == [
        "/usr is a place of the system itself, which is never unmounted",
        f"{tmp_path} has {tmp_path / 'run'} in it, which this server's own processes need",
    ]


def _mount(point: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "fs", str(point)], check=True)


def _mounts(rig: RealRig) -> list[str]:
    listed = json.loads((rig.run_dir / "kill-list.json").read_text())["holdings"]
    return [row["point"] for row in listed if row["sort"] == "mount"]
