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
_NUMBER = "@"
"""Between a resource's name and the number of an instance: in no name, now or in any version before."""
Incarnation = NewType("Incarnation", str)
"""One run of a server in the cluster: 128 random bits as 32 hex digits, never reused."""
LONGEST_NAME = 240
"""Bytes of a resource's name as a directory is named after it: the kernel takes 255, and a few are ours."""


def instance_name(name: ResourceName, number: int) -> ResourceName:
    """What an instance of a resource is called (docs/design/0027-instances.md): the first as its resource, another `web@2`."""
    return name if number == 1 else ResourceName(f"{name}{_NUMBER}{number}")


def registered_name(name: ResourceName) -> ResourceName:
    """The name of the resource whose instance this is; of any other name that name."""
    return ResourceName(name.partition(_NUMBER)[0]) if _NUMBER in name else name


def number_of(name: ResourceName) -> int:
    """The number of an instance, from 1; 0: no instance is called so."""
    if _NUMBER not in name:
        return 1
    number = name.partition(_NUMBER)[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 and number[0] != "0" and number != "1" else 0


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
