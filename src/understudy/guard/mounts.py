"""Cut off what is mounted for resources, at the end of everything: a mount that stays could still be read and written by whoever is left.

Called by: `guard/kill.py`, the second line. Each mount is done by a process of its own, side by side and with one bound for all: storage
that hangs holds up nobody. Must never: unmount a place of the system, or one that our own processes need.
"""

import time
from collections.abc import Iterable, Sequence
from functools import partial

from understudy.guard.helper import Helper
from understudy.holdings.holding import why_no_mount_point
from understudy.linux.mounts import cut_off, is_mounted


def cut_off_all(points: Sequence[str], *, keep: Iterable[str], within_s: float) -> list[str]:
    """What is still mounted afterwards, or cannot be told, as sentences."""
    needed = tuple(keep)
    left = [why for point in points if (why := why_no_mount_point(point, needed))]
    begun: list[tuple[str, Helper]] = []
    for point in (point for point in points if not why_no_mount_point(point, needed)):
        try:
            begun.append((point, Helper(partial(_cut_off_or_say, point))))
        except OSError as error:
            left.append(f"{point} cannot be unmounted: {error.strerror}")
    deadline = time.monotonic() + within_s
    for point, helper in begun:
        told = helper.told(deadline)
        left += _left(point) if told is None else [told] if told else []
    return left


def _cut_off_or_say(point: str) -> str:
    try:
        return cut_off(point)
    except OSError as error:
        return f"{point} cannot be unmounted: {error.strerror}"


def _left(point: str) -> list[str]:
    """The helper hangs, as it does over the last write to a dead device: the mount has left the tree by then, or has not."""
    try:
        return [f"{point} is still mounted: its storage does not answer; try umount -fl {point}"] if is_mounted(point) else []
    except OSError as error:
        return [f"{point}: it cannot be told whether it is still mounted: {error.strerror}"]
