"""`generic_application` with the real executor: programs instead of a script, in the resource's own control group."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from executor.rig import INCARNATION, RealRig
from support import wait_until
from understudy.kinds.observed import Observed
from understudy.linux.cgroups import processes
from understudy.model.names import ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest

pytestmark = pytest.mark.lab
APP = ResourceName("app")
START = """\
#!/bin/sh
# What a program of its own does: it leaves a daemon behind, which writes its pid file.
echo "$COLOUR $SHAPE $*" >"$0.saw"
[ -n "$FAILS" ] && { echo no luck; exit 3; }
sh -c 'echo $$ >"$0.pid"; exec sleep 1000' "$0" &
"""


class Application:
    """One, with its programs in a folder."""

    def __init__(self, rig: RealRig, **parameters: str) -> None:
        self.rig = rig
        self.program = rig.write_script("app", START)
        self.parameters = {"START_PROGRAM": f"{self.program} --port 80 'two words'", **parameters}

    async def act(self, action: ActionName, **more: float) -> ActionOutcome:
        """One action of it."""
        request = ActionRequest(
            resource=APP, action=action, agent="application", parameters=self.parameters, epoch=1, incarnation=INCARNATION,
            timeout_s=more.get("timeout_s", 10.0),
        )  # fmt: skip
        return await self.rig.executor.run(request)

    @property
    def pid_file(self) -> Path:
        """Which it writes."""
        return Path(f"{self.program}.pid")


async def test_without_anything_else_the_control_group_says_whether_it_runs(real: RealRig) -> None:
    """Started, up, ended by SIGTERM, down; and what was killed is gone by the kernel's word."""
    app = Application(real)
    assert (await app.act("check")).observed is Observed.OFFLINE
    assert (await app.act("start")).observed is Observed.DONE
    assert Path(f"{app.program}.saw").read_text().strip() == "--port 80 two words"
    assert (await app.act("check")).observed is Observed.ONLINE
    assert (await app.act("stop")).observed is Observed.DONE
    gone = await app.act("check")
    assert gone.observed is Observed.OFFLINE
    assert (await app.act("start")).observed is Observed.DONE
    for pid in processes(real.groups.run(APP)):
        os.kill(pid, signal.SIGKILL)
    await wait_until(lambda: not processes(real.groups.run(APP)), 3, "it is gone")
    died = await app.act("check")
    assert (died.observed, died.evidence) == (Observed.OFFLINE, "gone")


async def test_what_ignores_sigterm_is_killed_by_the_clean(real: RealRig) -> None:
    """The stop fails when its time is over, and says what is left; the clean does not ask."""
    app = Application(real, START_PROGRAM=real.write_script("deaf", "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\n"))
    assert (await app.act("start")).observed is Observed.DONE
    stopped = await app.act("stop", timeout_s=0.3)
    assert stopped.observed is Observed.FAILED
    assert "SIGTERM" in stopped.output[0]
    assert (await app.act("clean")).observed is Observed.DONE
    assert await real.executor.empty(APP)


async def test_pid_files_are_looked_at(real: RealRig) -> None:
    """It runs while each file names a living process that is no later than the file; the start waits for the file."""
    app = Application(real, PID_FILES="")
    app.parameters["PID_FILES"] = str(app.pid_file)
    down = await app.act("check")
    assert (down.observed, "no such file" in down.output[0]) == (Observed.OFFLINE, True)
    assert (await app.act("start")).observed is Observed.DONE
    assert (await app.act("check")).observed is Observed.ONLINE
    os.kill(int(app.pid_file.read_text()), signal.SIGKILL)
    await wait_until(lambda: not processes(real.groups.run(APP)), 3, "it is gone")
    assert (await app.act("check")).observed is Observed.OFFLINE
    app.pid_file.write_text(f"{os.getpid()}\n")
    os.utime(app.pid_file, (1.0, 1.0))
    strange = await app.act("check")
    assert strange.observed is Observed.OFFLINE
    assert "another one" in strange.output[0]
    app.pid_file.write_text("what?\n")
    assert "no process id" in (await app.act("check")).output[0]


async def test_executables_are_looked_for(real: RealRig) -> None:
    """By name or by path; each has to run."""
    app = Application(real, EXECUTABLE_NAMES="sleep")
    assert (await app.act("start")).observed is Observed.DONE
    assert (await app.act("check")).observed is Observed.ONLINE
    app.parameters["EXECUTABLE_NAMES"] = "sleep, nosuch"
    missing = await app.act("check")
    assert (missing.observed, missing.output) == (
        Observed.OFFLINE,
        ("EXECUTABLE_NAMES: no process of its control group runs nosuch",),
    )


async def test_programs_stop_clean_and_check_it(real: RealRig) -> None:
    """Each with its words; every check program has to say 0, and one that hangs is silence."""
    app = Application(real)
    app.parameters |= {
        "STOP_PROGRAM": "/bin/sh -c 'kill $(cat " + str(app.pid_file) + ")'",
        "CLEAN_PROGRAM": "/bin/false",
        "CHECK_PROGRAMS": "/bin/true, /bin/sh -c 'kill -0 $(cat " + str(app.pid_file) + ")'",
    }
    assert (await app.act("start")).observed is Observed.DONE
    await wait_until(lambda: app.pid_file.exists(), 3, "it has written its pid file")
    assert (await app.act("check")).observed is Observed.ONLINE
    assert (await app.act("stop")).observed is Observed.DONE
    await wait_until(lambda: not processes(real.groups.run(APP)), 3, "it is gone")
    assert (await app.act("check")).observed is Observed.OFFLINE
    assert (await app.act("clean")).observed is Observed.FAILED
    app.parameters["CHECK_PROGRAMS"] = "/bin/sleep 100"
    silent = await app.act("check", timeout_s=0.2)
    assert (silent.observed, silent.unanswered) == (None, "overran")


async def test_its_environment_is_from_a_file_and_from_the_attribute(real: RealRig) -> None:
    """Lines of NAME=value; nothing in the file is run, and without it nothing is started."""
    file = real.folder / "app.env"
    file.write_text("# a comment\nCOLOUR=$(touch /tmp/never) red\nnonsense\n_CRS_NAME=other\n")
    app = Application(real, ENVIRONMENT_FILE=str(file), ENVIRONMENT_VARS="SHAPE=round, SIZE=7")
    assert (await app.act("start")).observed is Observed.DONE
    assert Path(f"{app.program}.saw").read_text().strip() == "$(touch /tmp/never) red round --port 80 two words"
    await app.act("stop")
    file.unlink()
    refused = await app.act("start")
    assert (refused.observed, refused.unanswered) == (None, "no-script")
    assert "ENVIRONMENT_FILE" in refused.output[0]


async def test_a_program_that_is_not_there_is_named(real: RealRig) -> None:
    """By its attribute, not as a script."""
    app = Application(real, START_PROGRAM="/opt/nosuch --now")
    outcome = await app.act("start")
    assert outcome.unanswered == "no-script"
    assert outcome.output[0].startswith("START_PROGRAM /opt/nosuch does not exist")


async def test_a_start_that_fails_says_what_was_printed(real: RealRig) -> None:
    """As with scripts."""
    app = Application(real, ENVIRONMENT_VARS="FAILS=1")
    outcome = await asyncio.wait_for(app.act("start"), 10)
    assert (outcome.observed, outcome.status, outcome.output) == (Observed.FAILED, 3, ("no luck",))
