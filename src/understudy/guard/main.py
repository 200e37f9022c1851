"""understudy-guard: the command.

Called by: `bin/understudy-guard`, started by systemd or the lab host's init. Runs under `python3 -IS`.
Must never: refuse `--kill-all` because the settings cannot be read; then the places of a default installation are used.
"""

import argparse
import contextlib
import errno
import fcntl
import os
import sys
import time

from understudy import __version__
from understudy.errors import BadSettings
from understudy.guard import kill, registered
from understudy.guard.configured import make_run_dir, raise_limit, read_settings, unusable
from understudy.guard.keeper import PID_FILE, KeeperProcess
from understudy.guard.means import Means
from understudy.guard.scribe import Scribe
from understudy.guard.system import say
from understudy.linux.keys import read_keys
from understudy.linux.lease import NOBODY, LeaseFile
from understudy.linux.paths import CONFIG
from understudy.linux.processes import kill_by_file
from understudy.model import limits, logevents
from understudy.model.settings import Settings

KILL_ALL_WITHIN_S = 10.0
GUARD_DIES_WITHIN_S = 0.5
LOG_WITHIN_S = 1.0
"""How long the log is waited for when all is done."""

EXAMPLE = """example:
  understudy-guard                              hold this server's lease (systemd does this)
  understudy-guard --kill-all                   end everything of the cluster on this server, now
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the guard, or end everything. 0: asked to end; 1: it cannot begin now; 2: settings, key, or what it is to listen on cannot be
    used."""
    chosen = _parser().parse_args(arguments)
    if chosen.kill_all:
        return kill_all(_settings_or_defaults(chosen.config))
    try:
        settings = read_settings(chosen.config)
        bounds = limits.derive(settings.pause_tolerance)
        keys = read_keys(settings.guard_key)
        registered.read(registered.path_of(settings))
        make_run_dir(settings)
    except BadSettings as error:
        return unusable("understudy-guard", error)
    except OSError as error:
        return _cannot_begin(settings, error)
    raise_limit()
    try:
        keeper = KeeperProcess(settings, bounds, keys)
    except OSError as error:
        return _cannot_begin(settings, error)
    return keeper.run()


def _cannot_begin(settings: Settings, error: OSError) -> int:
    space = f": free some space there (df {settings.run_dir}); it is tried again" if error.errno == errno.ENOSPC else ""
    print(f"understudy-guard: cannot begin in {settings.run_dir}: {error.strerror}{space}", file=sys.stderr)
    return 1


def kill_all(settings: Settings) -> int:
    """Keeper and guard first, so that no lease is renewed; then all that a lapse ends. 0: seen to be gone."""
    scribe = Scribe(lasting=False)
    kill_by_file(os.path.join(settings.run_dir, f"{PID_FILE}.pid"))
    guard_ended = _wait_unlocked(os.path.join(settings.run_dir, f"{PID_FILE}.pid"))
    path = os.path.join(settings.run_dir, "lease")
    lease = LeaseFile(path) if os.path.exists(path) else None
    if lease is not None:
        lease.clear()
    means = Means(settings)
    means.cluster_addresses = means.remember_addresses()
    ended = kill.end_everything(means, within_s=KILL_ALL_WITHIN_S)
    left = (*ended.left, *(() if guard_ended else ("understudy-guard",)))
    for what in left:
        say(logevents.NOT_STOPPED, why=what)
    if lease is not None and ended.stopped:
        lease.begin(NOBODY)  # whoever starts now was never under a lease: the next keeper need not kill it
    scribe.close(within_s=LOG_WITHIN_S)
    return 1 if left else 0


def _wait_unlocked(path: str) -> bool:
    """The guard shares its keeper's lock, and dies a moment after it: until then it might still extend the lease."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    deadline = time.monotonic() + GUARD_DIES_WITHIN_S
    try:
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            time.sleep(0.001)
        return False
    finally:
        os.close(descriptor)


def _settings_or_defaults(path: str) -> Settings:
    try:
        return read_settings(path)
    except BadSettings as error:
        say(logevents.SETTINGS_UNREADABLE, why=str(error))
        return Settings(cluster="", server="", servers=(), voters=())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy-guard",
        description="Holds this server's lease, and stops everything when it ends.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"understudy {__version__}", help="which version this is")
    parser.add_argument("--config", default=CONFIG, metavar="FILE", help="settings")
    parser.add_argument("--kill-all", action="store_true", help="end everything of the cluster on this server and exit")
    return parser
