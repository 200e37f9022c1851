"""A file system of /run that has no block left, a process that has no descriptor left: actions go on, and what cannot be is said."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from executor.rig import DB, RealRig, act, have_root, real_rig
from understudy.errors import Unreachable

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not have_root(), reason="needs root")]
SCRIPT = """\
#!/bin/sh
case $1 in start) echo begins; sleep 1000 & ;; check) echo well ;; esac
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=60,mode=0755", "small", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_actions_go_on_where_run_is_full(small: Path) -> None:
    """A start, its output, its check, a new executor, and the end of it all."""
    with real_rig(small) as real:
        await real.client.start()
        real.script = real.write_script("plain.scr", SCRIPT)
        fill(small)
        started = await act(real, "start")
        assert (started.status, started.output) == (0, ("begins",)), started.output
        assert (await act(real, "check")).output == ("well",)
        real.crash()
        real.begin()
        checked = await act(real, "check")
        assert (checked.status, checked.housed) == (0, True)
        assert await real.executor.kill(DB)
        await real.client.close()


async def test_a_start_that_has_no_room_says_so(small: Path) -> None:
    """Not even a name can be made there: it could not be begun, and why."""
    with real_rig(small) as real:
        await real.client.start()
        real.script = real.write_script("plain.scr", SCRIPT)
        use_up_names(small)
        refused = await act(real, "start")
        checked = await act(real, "check")
        assert (refused.status, refused.unanswered) == (None, "not-begun")
        assert "the file system of /run/understudy is full" in refused.output[0]
        assert checked.output == ("well",)
        assert await real.client.ping() == "No space left on device"
        for number in range(10):
            (small / f"ballast{number}").unlink()
        assert (await act(real, "start")).status == 0
        assert await real.client.ping() == ""
        await real.client.close()


async def test_an_executor_for_which_nothing_is_to_be_had_answers_all_the_same(real: RealRig) -> None:
    """It says that it can begin nothing; what it could not look at it does not claim; and it does not end over it."""
    assert real.process
    before = await real.client.ping()
    with real.silent(DB, "not-begun"):
        why = await asyncio.wait_for(until_another_is_said(real, before), 20)
        with pytest.raises(Unreachable):
            await real.client.running()
        await real.client.abandon()
    after = await asyncio.wait_for(until_another_is_said(real, why), 20)

    assert (before, why, after, real.process.poll()) == ("", "Too many open files", "", None)


async def until_another_is_said(real: RealRig, before: str) -> str:
    """Whether an action can be begun is tried now and then."""
    while (said := await real.client.ping()) == before:
        pass
    return said


def fill(folder: Path) -> None:
    """Until no block is left."""
    file = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(file, b"x" * 4096):
            pass
    os.close(file)


def use_up_names(folder: Path) -> None:
    """Until no further file can be made."""
    with suppress(OSError):
        for number in range(1000):
            (folder / f"ballast{number}").touch()
