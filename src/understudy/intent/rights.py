"""What an access list gives to whom. Pure.

Called by `permitted.py` (what a change takes), `visible.py` (what may be seen) and `permissions.py` (`crsctl getperm`). Never looks anybody
up: who asks, and in which groups, is the caller's to know.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ROOT_USER = "root"
BUILT_IN_ACL = "owner:root:rwx,pgrp:root:r-x,other::r--"
"""Of whatever has no access list of its own."""
NOTHING = "---"


class Right(StrEnum):
    """One letter of an entry. On a server pool `x` is: to have resources run there; on a type: to register resources of it."""

    READ = "r"
    WRITE = "w"
    EXECUTE = "x"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as access lists name people."""

    user: str
    groups: frozenset[str] | None = frozenset()
    """None: nobody could say in time; then the least counts that any group might give."""

    @property
    def root(self) -> bool:
        """Whether no access list applies."""
        return self.user == ROOT_USER


def rights(acl: str, who: Identity) -> str:
    """`rwx` with a dash for each right that the list does not give. The nearest entry counts alone: the owner's, else the user's, else all
    of the user's groups together, else that of all others."""
    if who.root:
        return "rwx"
    found = entries(acl or BUILT_IN_ACL)
    for name in (f"owner:{who.user}", f"user:{who.user}"):
        if name in found:
            return found[name]
    others = found.get("other:", NOTHING)
    of_groups = [(name.partition(":")[2], given) for name, given in found.items() if name.startswith(("pgrp:", "group:"))]
    if who.groups is None:
        return _common(others, *(given for _, given in of_groups))
    own = [given for group, given in of_groups if group in who.groups]
    return _united(*own) if own else others


def may(acl: str, who: Identity, right: Right) -> bool:
    """Whether the list gives this right."""
    return right in rights(acl, who)


@functools.lru_cache(maxsize=1024)
def entries(acl: str) -> Mapping[str, str]:
    """`owner:root` -> `rwx`, in the order of the list; all others are `other:`."""
    return dict(entry.strip().rsplit(":", 1) for entry in acl.split(",") if ":" in entry)


def _united(*given: str) -> str:
    return "".join(letter if any(letter in each for each in given) else "-" for letter in "rwx")


def _common(*given: str) -> str:
    return "".join(letter if all(letter in each for each in given) else "-" for letter in "rwx")
