"""Names: strings that must not be mixed up."""

import difflib
from collections.abc import Iterable
from typing import NewType

ServerName = NewType("ServerName", str)
PoolName = NewType("PoolName", str)
TypeName = NewType("TypeName", str)
ResourceName = NewType("ResourceName", str)
"""For a local resource the instance on one server is named by (resource, server)."""
Incarnation = NewType("Incarnation", str)
"""One run of a server in the cluster: 128 random bits as 32 hex digits, never reused."""
LONGEST_NAME = 240
"""Bytes of a resource's name as a directory is named after it: the kernel takes 255, and a few are ours."""


def directory_of(resource: str) -> str:
    """The name of a resource's directories and files: `/` cannot be in one, so it is written %2F (and % itself %25)."""
    return resource.replace("%", "%25").replace("/", "%2F")


_CLOSE = 0.6
"""How alike two names are of which one may be meant for the other (`difflib`: 1 is the same)."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one known name that may have been meant; None if none is near, or several are as near."""
    likeness = sorted(((difflib.SequenceMatcher(None, name, one).ratio(), one) for one in known), reverse=True)
    if not likeness or likeness[0][0] < _CLOSE or (len(likeness) > 1 and likeness[1][0] == likeness[0][0]):
        return None
    return likeness[0][1]


def short(incarnation: str) -> str:
    """The first eight digits: enough for people."""
    return incarnation[:8]
