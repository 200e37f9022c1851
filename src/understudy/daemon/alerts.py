"""The alert log, in Oracle's manner: what an administrator greps for at three in the morning.

One line pair per alert: a time-stamp, then `[understudyd(PID)]CRS-2765:Resource 'mysqld' has failed on server 'ctr1'.` Every server writes
every alert of the cluster, so that the log of any surviving one tells the whole story.
"""

import datetime
import os
from pathlib import Path

from understudy.daemon.mirror import Mirror
from understudy.guard.lines import Lines
from understudy.model import events
from understudy.model.messages import number as numbered
from understudy.model.shown import one_line
from understudy.model.view import Event

CRS = {
    events.FAILED: (2765, "Resource '{resource}' has failed on server '{on}'."),
    events.RESTARTS_USED: (2771, "Maximum restart attempts reached for resource '{resource}'; will not restart."),
    events.FAILURES_EXHAUSTED: (2768, "Failure threshold exhausted by resource '{resource}'. {text}"),
    events.NO_CANDIDATE: (2769, "Unable to failover resource '{resource}'."),
    events.UNRECOVERABLE: (2678, "'{resource}' on '{on}' has experienced an unrecoverable failure"),
    events.LOST: (1632, "Server '{on}' is being removed from the cluster: {cause}"),
    events.CANNOT_ACT: (20110, "Server '{on}' holds its lease but cannot act: {cause}"),
    events.CAN_ACT: (20111, "Server '{on}' can act again"),
    events.EVICTED: (20112, "Server '{on}' is evicted: {cause}"),
    events.GUARD_SAYS: (20115, "The guard of server '{on}' says: {cause}"),
    events.UNENDED: (
        20113,
        "Resource '{resource}' waits: something of it could not be ended on server '{on}', which has only been silent since ({cause}). "
        "It is proved gone when '{on}' joins again; if that server is off, confirm it: understudy server confirm-off {on}",
    ),
    events.REGISTRY_SET_BACK: (
        20125,
        "The registry is not the one that was acted on before: {cause}. What runs goes on running. What was registered, started, stopped "
        "or moved since the copy was made is lost: check crsctl stat res -t, and enter again what is missing.",
    ),
    events.RESTORED: (20359, "A backup is restored {cause}: {text}. What runs goes on running"),
    events.REGISTRY_RECOVERED: (20126, "After the registry went back it is known again what runs where: {cause}"),
    events.EPOCH_BEHIND: (20127, "Resource '{resource}' cannot start on server '{on}' yet: {cause}. The leader goes above it."),
    events.LOOK_SILENT: (
        20114,
        "Server '{on}' cannot tell whether resource '{resource}' runs there, and is no candidate for it until its check answers: {cause}",
    ),
    events.UNGUARDED: (20131, "Resource '{resource}' on server '{on}' is not guarded: {cause}: {text}"),
    events.FOUND: (20132, "Resource '{resource}' on server '{on}': {cause}: {text}"),
    events.NOT_BEGUN: (20133, "Actions of resource '{resource}' cannot be run on server '{on}' ({cause}): {text}"),
    events.MAJORITY_BACK: (20140, "A majority of voters is back {cause}; {text}"),
    events.TOO_LARGE: (
        20220,
        "What was decided about resource '{resource}' cannot be written: {cause}. It stays as it is, and cannot be started, moved or given "
        "back. Take dependencies away that keep so many resources together.",
    ),
    events.TAKES_NO_PART: (20120, "Server '{on}' takes no part: {cause}"),
    events.JOINED: (1601, "Server '{on}' has joined the cluster"),
}


WITH_A_CAUSE = frozenset({events.UNGUARDED, events.FOUND, events.NOT_BEGUN})
"""An alert only if something is wrong: the event then names a cause."""
LONGEST = 800


def alert_lines(event: Event, process: str) -> list[str]:
    """The event as lines of the alert log; none if it is no alert."""
    known = CRS.get(event.kind)
    if known is None or (event.kind in WITH_A_CAUSE and not event.cause):
        return []
    number, text = known
    at = datetime.datetime.fromtimestamp(event.wall, tz=datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    filled = text.format(resource=event.resource, on=event.on, cause=_plain(event.cause), text=_plain(event.text))
    return [f"{at}:", f"[{process}]{numbered(number)}:{filled}"]


def _plain(text: str) -> str:
    """What scripts print, in one line of bounded length that does nothing to a terminal."""
    return one_line(" ".join(text.split()))[:LONGEST]


class Alerts:
    """Appends to the alert log."""

    def __init__(self, path: Path, server: str) -> None:
        self._lines = Lines(str(path))
        self._process = f"understudyd({os.getpid()})"
        self._server = server

    def write(self, text: str) -> None:
        """An alert of this server alone, which needs no registry: `UND-0140:No majority of voters: ...`."""
        at = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        self._lines.write(f"{at}:\n[{self._process}]{_plain(text)}\n")

    def unwritten(self) -> tuple[int, str]:
        """How many lines of the log are lost, while nothing can be written to it; and why."""
        return (self._lines.lost, self._lines.why) if self._lines.why else (0, "")

    async def follow(self, mirror: Mirror) -> None:
        """Write every alert that comes, until cancelled; a disk that is full or hangs is no reason to end."""
        while not mirror.read_once:
            await mirror.wait(mirror.view.revision, 1.0)
        async for _, event in mirror.events(mirror.view.revision):
            for line in alert_lines(event, self._process):
                self._lines.write(line + "\n")
