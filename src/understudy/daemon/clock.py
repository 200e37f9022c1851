"""The real clock. It starts at a random offset, so that a reading carried from one process to another shows at once."""

import random
import time


class SystemClock:
    """Time as this server sees it (ports.Clock)."""

    def __init__(self) -> None:
        self._offset = random.uniform(1e4, 1e6)

    def monotonic(self) -> float:
        """See ports.Clock."""
        return time.monotonic() + self._offset

    def wall(self) -> float:
        """See ports.Clock."""
        return time.time()
