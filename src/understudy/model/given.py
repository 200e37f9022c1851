"""A command that reached a daemon, as the history keeps it: who gave it, from where, and what came of it. Pure.

Written by `daemon/audit.py` in the events of kinds `command...`; every event that follows from a command names it by its `id`.
"""

from dataclasses import dataclass

TYPED_BYTES = 1024
"""Of the text of a command."""
MOST_NAMED = 16
"""Of the things that a command names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCommand:
    """See the module."""

    user: str
    """By name, as the kernel or a certificate says."""
    uid: int | None = None
    """On the server where it was given; None: a certificate was shown."""
    verb: str = ""
    """What was asked for, as it stands in the path of the API: `start-resource`."""
    place: str = ""
    """The server, or the address, from which it came over the network; empty: it was given on the server that carried it out."""
    names: tuple[str, ...] = ()
    """What it names, the first of them."""
    message: str = ""
    """Of what failed or was refused: the number of the message that says why, as `CRS-2725`."""
    more: int = 0
    """So many commands like it, of this user, are not in the history one by one."""

    @property
    def of_resources(self) -> bool:
        """Whether what it names are resources."""
        return self.verb.endswith("-resource") or self.verb.startswith(("appvip", "request", "set-log"))

    def by(self, server: str) -> str:
        """Who and where, in words; `server`: which carried it out."""
        who = "certificate" if self.uid is None else f"uid {self.uid}"
        return f"{self.user}@{self.place or server} ({who})"
