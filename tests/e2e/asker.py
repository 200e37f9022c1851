"""A user of the service on the lab's client host: asks every 20 ms through the virtual address and knows nothing of the cluster."""

import subprocess
import threading
import time
from dataclasses import dataclass

from e2e.service import ASKER_TEXT
from support import wait_for
from understudy.lab import Lab


@dataclass(frozen=True)
class Answer:
    """One request: when it ended (CLOCK_MONOTONIC), which server's which process answered; nobody if it failed."""

    at: float
    server: str | None
    pid: str | None


class Asker:
    """Asks from its making to `close`."""

    def __init__(self, lab: Lab, patience_s: float) -> None:
        self._process: subprocess.Popen[str] = lab.popen(
            "client", ["python3", "-IS", "-c", ASKER_TEXT, str(patience_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answers: list[Answer] = []
        self._reader = threading.Thread(target=self._read, name="asker")
        self._reader.start()

    def served(self, by: str | None = None, within_s: float = 30.0, since: float | None = None) -> Answer:
        """Wait until this server (or any) answers a request that ends after `since` (default: now); its first answer."""
        start = time.monotonic() if since is None else since
        wait_for(lambda: self._first(by, start), within_s, f"{by or 'a server'} serves the client")
        found = self._first(by, start)
        assert found is not None
        return found

    def unserved(self, within_s: float = 30.0) -> None:
        """Wait until nobody has answered for half a second."""
        wait_for(lambda: not self.during(time.monotonic() - 0.5), within_s, "nobody serves the client")

    def served_for(self, seconds: float, since: float) -> None:
        """Wait until the client has been served for so long since an instant, without noticing anything."""
        wait_for(lambda: time.monotonic() > since + seconds or self.failures(since), seconds + 30, "the time goes by")
        assert self.noticed_nothing(since), self.failures(since)[:5]

    def during(self, since: float, until: float = float("inf")) -> list[Answer]:
        """The requests that were answered between two instants."""
        return [answer for answer in self.answers if answer.server and since < answer.at <= until]

    def failures(self, since: float, until: float = float("inf")) -> list[Answer]:
        """The requests that were not."""
        return [answer for answer in self.answers if not answer.server and since <= answer.at <= until]

    def noticed_nothing(self, since: float) -> bool:
        """Since then every request was answered by one and the same process, and there were such requests until now."""
        who = {(answer.server, answer.pid) for answer in self.during(since)}
        return len(who) == 1 and not self.failures(since) and self.answers[-1].at > time.monotonic() - 2.0

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()

    def _first(self, by: str | None, since: float) -> Answer | None:
        return next((answer for answer in self.during(since) if by in (None, answer.server)), None)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, server, pid, *_ = [*line.split(), None, None]
            self.answers.append(Answer(float(at or 0.0), server, pid))
