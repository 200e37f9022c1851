"""Starts the services of a server that was configured, and waits until it has joined.

Called by `init` and `join` in the end. Where systemd runs it starts `understudy.target`; elsewhere it says what to start, in which order.
Must never stop or restart anything.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from understudy.errors import Refused
from understudy.model.messages import words
from understudy.model.settings import Settings
from understudy.setup.others import answering
from understudy.setup.places import SetupPlaces
from understudy.setup.standing import missing_voters
from understudy.setup.wanted import is_voter

TARGET = "understudy.target"
_SYSTEMCTL_S = 60.0
_STOPPING_S = 400.0
"""Longer than the unit of the guard may take."""
_POLL_S = 0.5
GRACE_S = 6.0
"""For so long a voter that does not answer may be about to begin."""
NOT_YET = "for understudyd, which does not answer yet"
_WAITS_FOR = {
    "no-lease": "for its lease",
    "majority-lost": "for a majority of voters",
    "registry-away": "for the registry",
    "no-leader": "for a leader",
    "guard-silent": "for its guard",
}
"""What is not as it should be while a server joins, and is no fault then."""
_STAYS_OUT = "left"
"""It was taken out, and stays so until it is asked back, whoever waits."""
Ask = Callable[[str, dict[str, object]], str]
"""A verb and its body -> what the daemon of this server says; ConnectionError: it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """How far this server has come."""

    online: bool
    there: frozenset[str]
    """Servers that belong to the cluster, as far as this one knows."""
    waits_for: str = ""
    waited_s: float = 0.0
    in_time: bool = True
    """False: nothing that an operator has to do is missing, and it is not ONLINE all the same."""


def systemd_runs() -> bool:
    """As sd_booted() says."""
    return os.path.isdir("/run/systemd/system")


def units_known() -> bool:
    """Whether systemd has our target."""
    return systemd_runs() and _systemctl("cat", TARGET) == ""


def start_target() -> None:
    """Now, and at each boot. It is not waited for: a member of etcd counts as started when a majority is there. Refused."""
    for order in (("daemon-reload",), ("enable", TARGET), ("start", "--no-block", TARGET)):
        if why := _systemctl(*order):
            raise Refused(words(20286, why), code=20286)


def at_boot(*, begins: bool) -> str:
    """From now on it begins at each boot, or at none; nothing is started or stopped. Why that could not be said; empty: it was."""
    return _systemctl("enable" if begins else "disable", TARGET)


def begins_at_boot() -> bool:
    """Whether systemd begins it at a boot."""
    return _systemctl("is-enabled", TARGET) == ""


def stop_target() -> None:
    """Now, in order, and at no boot any more. Refused."""
    if why := _systemctl("disable", "--now", TARGET, within_s=_STOPPING_S):
        raise Refused(words(20316, why), code=20316)


def by_hand(settings: Settings, places: SetupPlaces) -> list[str]:
    """The commands that are to run all the time, in the order in which they are started."""
    commands = ["understudy-exec", "understudyd", "understudy-guard"]
    if settings.engine == "etcd" and is_voter(settings):
        commands.insert(0, f"etcd --config-file {places.etcd}")
    elif settings.registry[0].startswith("127."):
        store = f"{settings.state_dir}/registry.db"
        commands.insert(0, f"understudy-registry --listen {settings.registry[0]} --store {store} --key {settings.guard_key}")
    return commands


def wait_online(settings: Settings, ask: Ask, within_s: float, progress: Callable[[str], None]) -> Arrived:
    """Until this server is ONLINE, or it is clear that voters are missing which somebody has to let join, or so long. `progress` gets what
    is waited for, whenever it changes."""
    began, said = time.monotonic(), ""
    while True:
        online, known = _state(settings, ask)
        if online:
            return Arrived(online=True, there=known | {settings.server})
        there = frozenset({settings.server, *answering(settings)})
        lacking, waited_s = missing_voters(settings, there), time.monotonic() - began
        sentences, stays_out = _conditions(ask)
        waits_for = lacking or sentences
        if stays_out:
            return Arrived(online=False, there=there, waits_for=sentences, waited_s=waited_s, in_time=False)
        if lacking and waited_s > min(GRACE_S, within_s):
            return Arrived(online=False, there=there, waits_for=lacking)
        if waited_s > within_s:
            return Arrived(online=False, there=there, waits_for=waits_for, waited_s=waited_s, in_time=False)
        if waits_for != said:
            progress(f"waiting {waits_for}" if waits_for.startswith("for ") else f"waiting: {waits_for}")
            said = waits_for
        time.sleep(_POLL_S)


def _state(settings: Settings, ask: Ask) -> tuple[bool, frozenset[str]]:
    """Whether this server is ONLINE, and which are."""
    try:
        rows = json.loads(ask("server-list", {"json": True}))["servers"]
        online = frozenset(str(row["server"]) for row in rows if str(row["state"]).startswith("ONLINE"))
    except (ConnectionError, ValueError, KeyError, TypeError):  # no daemon, or one that has not read the registry
        return False, frozenset()
    return settings.server in online, online


def _conditions(ask: Ask) -> tuple[str, bool]:
    """What the daemon says is missing; and whether that stays so until an operator does what is said there."""
    try:
        found = json.loads(ask("check-crs", {"json": True}))["conditions"]
        out = [f"{condition['cause']}. {condition['advice']}" for condition in found if condition["kind"] == _STAYS_OUT]
        sentences = [_WAITS_FOR.get(str(condition["kind"])) or str(condition["cause"]) for condition in found]
    except (ConnectionError, ValueError, KeyError, TypeError):
        return NOT_YET, False
    return (out or ["; ".join(dict.fromkeys(sentences)) or "for its first look at what runs here"])[0], bool(out)


def _systemctl(*order: str, within_s: float = _SYSTEMCTL_S) -> str:
    """Why it failed; empty: it did not."""
    try:
        done = subprocess.run(["systemctl", *order], capture_output=True, text=True, timeout=within_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"systemctl {' '.join(order)}: {error}"
    return "" if done.returncode == 0 else f"systemctl {' '.join(order)}: {done.stderr.strip() or f'exit status {done.returncode}'}"
