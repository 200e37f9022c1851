"""What the package's maintainer scripts must find out or do with the product's own knowledge.

Called by prerm and postinst as `python3 -IS -B /usr/lib/understudy/maintain.py WORD`. Changes nothing but what its word says, and never
ends a guard.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

HOME = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HOME}/src"]

from understudy.errors import BadSettings  # noqa: E402 - the path comes first
from understudy.guard.configured import read_settings  # noqa: E402
from understudy.guard.gate import Gate  # noqa: E402
from understudy.linux.cgroups import likely_parent, processes  # noqa: E402
from understudy.linux.lease import read_lease  # noqa: E402
from understudy.linux.libc import libc  # noqa: E402
from understudy.linux.mounts import read_mounts  # noqa: E402
from understudy.linux.paths import CONFIG  # noqa: E402
from understudy.linux.processes import read_pid, start_time  # noqa: E402
from understudy.model.settings import Settings  # noqa: E402

DAEMONS = ("understudyd", "understudy-exec", "understudy-guard", "understudy-registry")
RESTARTED = ("understudy-exec", "understudyd")
"""At an upgrade. Never the guard: what runs would end with it."""
_LAUNCHER = f"{HOME}/bin/launch"
_AT_ONCE = 0x2
"""MNT_DETACH: also what is in use is out of sight."""


def holds(settings: Settings) -> int:
    """1, and why, if resources run here or a guard may let them start."""
    if read_lease(f"{settings.run_dir}/lease").left_s() > 0:
        return _refuse("UND-0266: this server holds a lease of its cluster, so resources may run here")
    group = likely_parent(settings.cgroup)
    if found := processes(group):
        return _refuse(f"UND-0267: {len(found)} processes of resources run here, in {group}")
    return 0


def _refuse(why: str) -> int:
    print(f"{why}; understudy is not removed.", file=sys.stderr)
    print("  Take this server out first, so that all it runs moves to another: understudy server leave", file=sys.stderr)
    print("  Then remove the package. (understudy server leave -f ends everything at once.)", file=sys.stderr)
    return 1


def runs(_: Settings) -> int:
    """1, and which, if a process of this package still runs: something else than its units started it, and would start it again."""
    found = [f"{name} (process {pid})" for pid, name in _processes()]
    if not found:
        return 0
    print(f"UND-0268: still running: {', '.join(found)}; understudy is not removed.", file=sys.stderr)
    print("  Stop them where they are started (an init script, a unit of your own), then remove the package.", file=sys.stderr)
    return 1


def _processes() -> Iterator[tuple[int, str]]:
    """Those that run from this package, here and not in somebody's container."""
    here = os.readlink("/proc/self/ns/pid")
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            words = Path(entry.path, "cmdline").read_bytes().decode(errors="replace").split("\0")[:5]
            if os.readlink(f"{entry.path}/ns/pid") != here:
                continue
            named = next((word for word in words if os.path.basename(word) in DAEMONS and os.path.realpath(word) == _LAUNCHER), None)
            if named is not None:
                yield int(entry.name), os.path.basename(named)


def clear(settings: Settings) -> int:
    """Leave nothing behind that works on: no gate before addresses, no mounts, no sockets. Files of the operator stay."""
    try:
        Gate().remove()
    except OSError as error:
        print(f"The tables `understudy` of nf_tables are not removed: {error.strerror}. See: nft list tables", file=sys.stderr)
    for mount in read_mounts():
        if mount.point.startswith(f"{settings.run_dir}/"):
            libc.umount2(mount.point.encode(), _AT_ONCE)
    with contextlib.suppress(OSError):
        shutil.rmtree(settings.run_dir)
    with contextlib.suppress(OSError):
        os.rmdir(likely_parent(settings.cgroup))
    return 0


def restart(settings: Settings) -> int:
    """Without systemd: end daemon and executor, which whoever supervises them starts again, now in their new version."""
    for name in RESTARTED:
        known = read_pid(f"{settings.run_dir}/{name}.pid")
        if known is not None and start_time(known[0]) == known[1]:
            os.kill(known[0], signal.SIGTERM)
            print(f"{name} was ended, to be started again in its new version by what supervises it")
    return 0


def main(argv: list[str]) -> int:
    """One of the words above."""
    words = {function.__name__: function for function in (holds, runs, clear, restart)}
    if len(argv) != 1 or argv[0] not in words:
        print(f"maintain.py: write one of {', '.join(words)}", file=sys.stderr)
        return 2
    try:
        settings = read_settings(CONFIG)
    except BadSettings:
        settings = Settings(cluster="", server="", servers=(), voters=())  # not configured, or not any more: the usual places
    return words[argv[0]](settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
