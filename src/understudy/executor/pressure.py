"""How hard the machine is pressed (PSI), to stand beside a check's verdict: a check that was slow on a starved machine proves little."""

import time
from collections.abc import Mapping
from pathlib import Path

_FRESH_S = 0.5
_KINDS = ("cpu", "io", "memory")


class Pressure:
    """Reads `some avg10` of each kind; at most twice a second, since the kernel renews it every two seconds."""

    def __init__(self, folder: Path = Path("/proc/pressure")) -> None:
        self._folder = folder
        self._read_at = -_FRESH_S
        self._values: dict[str, float] = {}

    def now(self) -> Mapping[str, float]:
        """Percent of the last ten seconds in which something waited; empty where the kernel does not tell."""
        if time.monotonic() - self._read_at >= _FRESH_S:
            self._read_at = time.monotonic()
            self._values = {kind: value for kind in _KINDS if (value := self._some_avg10(kind)) is not None}
        return self._values

    def _some_avg10(self, kind: str) -> float | None:
        try:
            return float((self._folder / kind).read_text().split("avg10=", 1)[1].split(" ", 1)[0])
        except (OSError, IndexError, ValueError):
            return None
