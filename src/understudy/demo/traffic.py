"""The demo's traffic as seen by its user: rows acknowledged and lost, and the longest silence in a stretch of time."""

import itertools
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from understudy.errors import LabError
from understudy.lab.lab import Lab

WRITER = "/opt/understudy/src/understudy/demo/writer.py"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One row whose commit was acknowledged, and when (CLOCK_MONOTONIC)."""

    number: int
    at: float


class Traffic:
    """The writer on the client host. Use as a context manager; `finish` ends it and reads the table back."""

    def __init__(self, lab: Lab, address: str) -> None:
        self._process: subprocess.Popen[str] = lab.popen(
            "client",
            ["python3", WRITER, "--address", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._rows: list[Acknowledged] = []
        self._failures: list[float] = []
        self._lost: set[int] = set()
        self._read_back = False
        self._reader = threading.Thread(target=self._read, name="traffic", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match line.split():
                case ["ok", number, at]:
                    self._rows.append(Acknowledged(int(number), float(at)))
                case ["no", at]:
                    self._failures.append(float(at))
                case ["lost", number]:
                    self._lost.add(int(number))
                case ["end"]:
                    self._read_back = True

    def flows(self, since: float, for_s: float) -> bool:
        """Whether rows were acknowledged without a gap of 0.3 s from some instant after `since` for `for_s` until now."""
        now = time.monotonic()
        recent = [row.at for row in self._rows[-2000:] if row.at > max(since, now - for_s)]
        if not recent or now - for_s < since or len(recent) < for_s / 0.3:
            return False
        edges = [now - for_s, *recent, now]
        return all(later - earlier < 0.3 for earlier, later in itertools.pairwise(edges))

    def await_flow(self, since: float, within_s: float, tick: Callable[[], None] = lambda: None) -> None:
        """Wait until rows flow again for a second; LabError after the deadline."""
        end = time.monotonic() + within_s
        while not self.flows(since, 1.0):
            if time.monotonic() > end:
                raise LabError(f"the client could not write again within {within_s:g} s")
            if self._process.poll() is not None:
                raise LabError(f"the client ended by itself with status {self._process.returncode}")
            tick()
            time.sleep(0.05)

    def outage_ms(self, since: float, until: float) -> float:
        """The longest time between two acknowledged rows in a stretch that begins with the last one before `since`."""
        rows = [row.at for row in self._rows if row.at <= until]
        before = [at for at in rows if at <= since][-1:]
        times = before + [at for at in rows if at > since]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0) * 1000

    def acknowledged(self, since: float, until: float) -> list[int]:
        """Numbers of the rows acknowledged in a stretch of time."""
        return [row.number for row in self._rows if since < row.at <= until]

    def failures(self, since: float, until: float) -> int:
        """How many writes failed in a stretch of time."""
        return sum(since < at <= until for at in self._failures)

    def finish(self) -> set[int]:
        """End the writing, read the table back: the numbers of acknowledged rows that are not there."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._reader.join(10)
        if not self._read_back:
            raise LabError("the table could not be read back")
        return set(self._lost)

    def close(self) -> None:
        """End the writer, however."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
