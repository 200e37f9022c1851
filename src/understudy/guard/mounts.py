"""Cut off what is mounted for resources, at the end of everything: a mount that stays could still be read and written by whoever is left.

Called by: `guard/kill.py`, the second line. Each mount is done by a process of its own, side by side and with one bound for all: storage
that hangs holds up nobody. Must never: unmount a place of the system, or one that our own processes need.
"""

from collections.abc import Iterable, Sequence

from understudy.guard.helper import side_by_side
from understudy.holdings.holding import why_no_mount_point
from understudy.linux.mounts import cut_off, is_mounted


def cut_off_all(points: Sequence[str], *, keep: Iterable[str], within_s: float) -> list[str]:
    """What is still mounted afterwards, or is not known to be gone, as sentences."""
    needed = tuple(keep)
    refused = {point: why for point in points if (why := why_no_mount_point(point, needed))}
    left = list(refused.values())
    for point, answer in side_by_side(
        [point for point in points if point not in refused], cut_off, cannot="unmounted", within_s=within_s
    ).items():
        left += _left(point) if answer is None else [answer] if answer else []
    return left


def _left(point: str) -> list[str]:
    """The helper hangs, as it does over the last write to a dead device: the mount has left the tree by then, or has not."""
    try:
        return [f"{point} is still mounted: its storage does not answer; try umount -fl {point}"] if is_mounted(point) else []
    except OSError as error:
        return [f"{point}: it is not known whether it is still mounted: {error.strerror}"]
