"""The table of mounts, as the kernel tells it to this process (mountinfo): never asked of the storage itself, which may hang.

Called by: control groups (where are they mounted), the file systems and mounts that a lapse ends, the lab.
"""

import re
from pathlib import Path
from typing import NamedTuple

TABLE = "/proc/self/mountinfo"
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo."""

    device: str
    """`MAJOR:MINOR`."""
    root: str
    """What of the file system is shown: `/`, or the directory that a bind mount shows."""
    point: str
    kind: str
    """Type of the file system."""
    source: str


def read_mounts(table: str = TABLE) -> list[Mount]:
    """All mounts that this process sees, in the kernel's order: a later one at the same point covers the earlier. OSError."""
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        return parse_mounts(file.read())


def parse_mounts(text: str) -> list[Mount]:
    """The lines of a mountinfo text."""
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        after = fields.index("-")
        mounts.append(Mount(fields[2], _plain(fields[3]), _plain(fields[4]), fields[after + 1], _plain(fields[after + 2])))
    return mounts


def mount_over(path: str, mounts: list[Mount]) -> Mount | None:
    """The mount that a path is on, without following links; None: none that this process sees."""
    best = None
    for mount in mounts:
        reaches = mount.point == "/" or path == mount.point or Path(mount.point) in Path(path).parents
        if reaches and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _plain(field: str) -> str:
    """Undo the octal escapes of blank, tab, newline and backslash."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)
