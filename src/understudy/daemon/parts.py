"""What is to be written in more than one commit, if it must be, and what came of it.

Made by whoever writes through `daemon/mirror.py`, which sends it. Values only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import CommitTooLarge, RegistryUnreachable
from understudy.ports import Bound, CommitCondition
from understudy.registry.commits import Commit, checked, divided, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Records that change together, whatever becomes of others that are written with them; None deletes."""

    writes: Mapping[str, Any]
    unchanged: tuple[str, ...] = ()
    """Keys that they rest on besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsWritten:
    """What came of parts."""

    done: int
    """So many of them, from the first, are written."""
    first: int
    last: int
    """The revisions of the first and of the last commit; where nothing was written, the present one."""


@dataclass(frozen=True, slots=True)
class PreparedCommit:
    """What is to be sent, resting on what was seen when it was decided."""

    commit: Commit
    reading: int
    """Of the registry, by which the conditions were taken."""


def together(shared: Sequence[CommitCondition], parts: Sequence[Commit], bound: Bound) -> list[tuple[int, Commit]]:
    """The commits to send, and how many of the parts are in each. CommitTooLarge, before any is sent: one part is too large by itself."""
    commits = [(len(several), joined(shared, several)) for several in divided(shared, parts, bound)]
    for _, commit in commits:
        check(commit, bound)
    return commits


def too_large(commit: Commit, bound: Bound) -> str:
    """Why the registry does not take so much at once; empty: it does."""
    try:
        check(commit, bound)
    except CommitTooLarge as error:
        return str(error)
    return ""


def check(commit: Commit, bound: Bound) -> None:
    """Whether the registry takes it at all. CommitTooLarge; RegistryUnreachable: what it names is no key."""
    try:
        checked(commit.conditions, commit.writes, bound)
    except ValueError as error:
        raise RegistryUnreachable(f"the registry cannot take this: {error}") from None
