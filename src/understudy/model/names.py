"""Names: strings that must not be mixed up."""

import difflib
import unicodedata
from collections.abc import Iterable
from typing import NewType

ServerName = NewType("ServerName", str)
PoolName = NewType("PoolName", str)
TypeName = NewType("TypeName", str)
CategoryName = NewType("CategoryName", str)
"""Of a category of servers."""
ResourceName = NewType("ResourceName", str)
"""For a local resource the instance on one server is named by (resource, server)."""
Incarnation = NewType("Incarnation", str)
"""One run of a server in the cluster: 128 random bits as 32 hex digits, never reused."""
LONGEST_NAME = 240
"""Bytes of a resource's name as a directory is named after it: the kernel takes 255, and a few are ours."""


def directory_of(resource: str) -> str:
    """The name of a resource's directories and files: `/` cannot be in one, so it is written %2F (and % itself %25)."""
    return resource.replace("%", "%25").replace("/", "%2F")


_PUNCTUATION = "._-+%"
_SEEN = ("L", "M", "N")
"""Unicode's letters, marks and numbers, of any script."""


def name_trouble(name: str) -> str:
    """Why an operator may not choose this name for a resource, a type, a server pool or a server category, in words; empty: he may.

    Nothing that a shell, a filter, a dependency or a path would read as something else, or that nobody can see on a terminal.
    """
    strange = next(
        (character for character in name if character not in _PUNCTUATION and unicodedata.category(character)[0] not in _SEEN), None
    )
    if strange is not None:
        shown = "a blank" if strange == " " else f"'{strange}'" if strange.isprintable() else f"U+{ord(strange):04X}"
        return f"it has {shown}; write letters, digits and any of {' '.join(_PUNCTUATION)}"
    if not name:
        return "it is empty"
    if name.startswith("-"):
        return "it begins with '-', as options do"
    if name.startswith((".", "ora")):
        return "it begins with '.' or 'ora'"
    if (size := len(directory_of(name).encode())) > LONGEST_NAME:
        return f"directories are named after it: it has {size} bytes, {LONGEST_NAME} are allowed ('%' counts as three)"
    return ""


_CLOSE = 0.6
"""How alike two names are of which one may be meant for the other (`difflib`: 1 is the same)."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one known name that may have been meant; None if none is near, or several are as near."""
    likeness = sorted(((difflib.SequenceMatcher(None, name, other).ratio(), other) for other in known), reverse=True)
    if not likeness or likeness[0][0] < _CLOSE or (len(likeness) > 1 and likeness[1][0] == likeness[0][0]):
        return None
    return likeness[0][1]


def short(incarnation: str) -> str:
    """The first eight digits: enough for people."""
    return incarnation[:8]
