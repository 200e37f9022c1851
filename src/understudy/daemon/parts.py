"""What is to be written in more than one commit, if it must be, and what came of it.

Made by whoever writes through `daemon/mirror.py`. Values only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Records that change together, whatever becomes of others that are written with them; None deletes."""

    writes: Mapping[str, Any]
    unchanged: tuple[str, ...] = ()
    """Keys that they rest on besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of parts."""

    done: int
    """So many of them, from the first, are written."""
    first: int
    last: int
    """The revisions of the first and of the last commit; where nothing was written, the present one."""
