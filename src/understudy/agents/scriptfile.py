"""What the file of an action script is: whether it can be run at all, and whether others than those it runs for may change it.

Called by the verbs that register resources, before they write anything, and by the executor before it runs one as root. Storage may hang:
every function here is called beside the loop (`aside`). Never changes anything.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of every action."""
_HEAD = 256
"""Bytes of a file that its first line is looked for in, as the kernel does."""
_MOST_LINKS = 40
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Owner:
    """As whom a script runs."""

    uid: int = 0
    gid: int = 0
    """Who may write as this group does no harm to the user (root: the group root)."""


def head_of(path: str) -> bytes:
    """The beginning of the file. OSError: it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return file.read(_HEAD)


def why_not_run(path: str) -> str:
    """Why the kernel will not run this file as it is meant, in words; empty: nothing is seen. OSError: it cannot be looked at."""
    head = head_of(path)
    if not head:
        return "it is empty, and would answer 0 to every action"
    if not head.startswith(b"#!"):
        odd = b"\0" in head and not head.startswith(_ELF)
        return "it is neither a script nor a program" if odd else ""
    first = head.split(b"\n", 1)[0]
    if first.endswith(b"\r"):
        return f"its first line ends with a carriage return (DOS line ends); to fix it: sed -i 's/\\r$//' {path}"
    words = first[2:].decode(errors="replace").split()
    if not words:
        return "its first line (#!) names no interpreter"
    return _why_no_interpreter(words)


def _why_no_interpreter(words: list[str]) -> str:
    if not os.path.exists(words[0]):
        return f"its interpreter {words[0]} does not exist on this server"
    if not os.access(words[0], os.X_OK):
        return f"its interpreter {words[0]} is not executable on this server"
    if os.path.basename(words[0]) == "env":
        named = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
        if named and not any(os.access(f"{folder}/{named}", os.X_OK) for folder in PATH.split(":")):
            return f"its interpreter {named} is not in {PATH} on this server"
    return ""


def who_may_change(path: str, owner: Owner) -> str:
    """Who else than root and the owner may change what runs there, with the cure; empty: nobody. OSError: it cannot be looked at.

    Every directory on the way counts, and so does what symbolic links lead to. In a directory with the sticky bit (/tmp) others can
    neither remove nor rename what is not theirs: what is there counts by its own owner and mode.
    """
    for place, found in _way(path):
        shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_uid not in (0, owner.uid):
            return f"{place} belongs to {_user(found.st_uid)}: chown {_user(owner.uid)} {place}"
        if stat.S_ISLNK(found.st_mode) or shared:
            continue
        if found.st_mode & stat.S_IWOTH:
            return f"{place} may be written by everybody: chmod o-w {place}"
        if found.st_mode & stat.S_IWGRP and found.st_gid not in (0, owner.gid):
            return f"{place} may be written by group {_group(found.st_gid)}: chmod g-w {place}"
    return ""


def _way(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything on the way to the file, symbolic links followed one by one: whoever may write to any of it chooses what runs."""
    here, left, links = "/", path.split("/"), 0
    yield here, os.lstat(here)
    while left:
        name = left.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        place = f"{here.rstrip('/')}/{name}"
        found = os.lstat(place)
        yield place, found
        if not stat.S_ISLNK(found.st_mode):
            here = place
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"{path}: more than {_MOST_LINKS} symbolic links")
        target = os.readlink(place)
        here = "/" if target.startswith("/") else here
        left = target.split("/") + left


def _user(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group(gid: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
