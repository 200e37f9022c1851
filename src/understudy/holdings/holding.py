"""The sorts of holding, and the order in which they are ended; pure.

A holding is what a start may leave on a server: it is on the kill list before the start begins, and it is gone before the resource may be
started elsewhere. Called by: kinds, executor, guard. Must never: look whether one is there; executor and guard do, each by its own means.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupHolding:
    """A control group and all that runs in it."""

    path: str


@dataclass(frozen=True, slots=True)
class UnitHolding:
    """A unit of systemd, which has a control group outside ours."""

    name: str


@dataclass(frozen=True, slots=True)
class AddressHolding:
    """An address that may be on any interface of this server, as the kernel writes it."""

    address: str


@dataclass(frozen=True, slots=True)
class NamespaceHolding:
    """Network namespaces of this name, or of every name that begins so where it ends in `*` (ip-netns(8)): what is configured in one
    answers without any process."""

    pattern: str

    def names(self, name: str) -> bool:
        """Whether a namespace of this name is meant."""
        return name.startswith(self.pattern[:-1]) if self.pattern.endswith("*") else name == self.pattern


@dataclass(frozen=True, slots=True)
class MountHolding:
    """Something mounted at this point: an absolute path."""

    point: str


Holding = GroupHolding | UnitHolding | AddressHolding | NamespaceHolding | MountHolding

ORDER: tuple[type[Holding], ...] = (GroupHolding, UnitHolding, AddressHolding, NamespaceHolding, MountHolding)
"""Who runs first, for it could bring back the rest; then what answers, which is quick; mounts last, for their storage may hang."""


def in_order(holdings: tuple[Holding, ...]) -> tuple[Holding, ...]:
    """As they are to be ended."""
    return tuple(sorted(holdings, key=lambda holding: ORDER.index(type(holding))))


_SYSTEM = frozenset({
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var", "/var/lib",
    "/var/log",
})  # fmt: skip


def why_no_mount_point(point: str, keep: tuple[str, ...] = ()) -> str:
    """Why a resource's mount cannot be at this point, which is taken away by force; empty: it can. `keep`: places that our own processes
    need."""
    parts = point.split("/")
    if parts[0] or any(part in ("", ".", "..") for part in parts[1:]):
        return f"{point} is no mount point: write an absolute path without . and .."
    if point in _SYSTEM:
        return f"{point} is a place of the system itself, which is never unmounted"
    needed = next((place for place in keep if place == point or place.startswith(f"{point}/")), None)
    return f"{point} has {needed} in it, which this server's own processes need" if needed else ""


MOST_PATTERNS = 16
_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\*?")
_LEAST_BEFORE_STAR = 3
"""Characters: `q*` or `*` would take what others have made."""


def why_no_namespaces(text: str) -> str:
    """Why a resource's network namespaces cannot be named so, of which the links are set down when a lease ends; empty: they can."""
    patterns = text.split()
    if len(patterns) > MOST_PATTERNS:
        return f"{len(patterns)} patterns are given, {MOST_PATTERNS} are allowed"
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            return f"{pattern} is no pattern: write names of network namespaces separated by blanks, each with one * at its end or none"
        if pattern.endswith("*") and len(pattern) <= _LEAST_BEFORE_STAR:
            return f"{pattern} would match namespaces of others: write at least {_LEAST_BEFORE_STAR} characters before the *"
    return ""
