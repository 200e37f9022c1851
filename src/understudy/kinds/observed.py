"""What an action found, in one word: the lane goes by it, whatever the agent spoke with (a script, the kernel, a service manager). Pure."""

from enum import StrEnum


class Observed(StrEnum):
    """The answer to one action."""

    DONE = "done"
    """Of start, stop, clean, abort: it did what it is for."""
    FAILED = "failed"
    """Of the same: it did not."""
    ONLINE = "online"
    """Of a check, as all that follow: it runs."""
    PARTIAL = "partial"
    """It runs in part."""
    OFFLINE = "offline"
    """It does not run."""
    UNCLEAR = "unclear"
    """The check answered that it cannot tell."""


def plainly(action: str, well: bool) -> Observed:
    """Of an agent that knows yes and no alone."""
    if action == "check":
        return Observed.ONLINE if well else Observed.OFFLINE
    return Observed.DONE if well else Observed.FAILED
