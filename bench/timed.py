"""Commands on a lab host, each timed as a whole process: wall time, processor time with that of its children, memory at its highest.

Used by `cli.py` and `decide.py`. The clock runs on the host itself, so that what it takes to get there counts for nobody.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.errors import LabError
from understudy.lab.lab import Lab

_SAID = 20_000
"""Characters of what a command prints that are kept, of its beginning and of its end."""

_TIMER = """
import json, os, signal, sys, time
order = json.load(sys.stdin)
passed = 0
def end(*_):
    global passed
    passed = 1
    os.killpg(pid, signal.SIGKILL)
signal.signal(signal.SIGALRM, end)
for command in order["commands"]:
    out = os.open("/run/bench-said", os.O_CREAT | os.O_TRUNC | os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
    passed, began = 0, time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setpgroup=0)
    signal.setitimer(signal.ITIMER_REAL, order["limit_s"])
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    signal.setitimer(signal.ITIMER_REAL, 0)
    said = (os.pread(out, SAID, 0) + b" ... " + os.pread(out, SAID, max(0, os.fstat(out).st_size - SAID))).decode(errors="replace")
    os.close(out)
    row = {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "memory_mib": used.ru_maxrss / 1024}
    print(json.dumps({**row, "status": None if passed else os.waitstatus_to_exitcode(status), "said": said}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCommand:
    """One command, once."""

    wall_s: float
    cpu_s: float
    """Of the process and of those that it waited for; what daemons did for it is not in it."""
    memory_mib: float
    """Resident, the largest of them."""
    status: int | None
    """Its exit status; None: it was ended when its time was over."""
    said: str
    """The beginning and the end of what it printed."""


def timed(lab: Lab, host: str, commands: Sequence[Sequence[str]], *, limit_s: float = 120.0) -> list[TimedCommand]:
    """One after another. LabError if the host is gone; what the commands make of it is for the caller to judge."""
    order = json.dumps({"commands": [list(command) for command in commands], "limit_s": limit_s})
    program = _TIMER.replace("SAID", str(_SAID))
    said = lab.exec(host, ["python3", "-IS", "-c", program], input=order, timeout_s=limit_s * len(commands) + 30)
    return [TimedCommand(**json.loads(line)) for line in said.stdout.splitlines()]


def succeeded(command: Sequence[str], found: TimedCommand, expected: str) -> None:
    """LabError where it failed, or did not print this: what fails at once would be the fastest of all."""
    if found.status != 0 or expected not in found.said:
        said = found.said.strip()[-500:]
        raise LabError(f"{' '.join(command)}: exit status {found.status}, and not {expected!r} but: {said}")
