"""Named network namespaces (ip-netns(8)): find them, set down the links in them, remove them.

What is configured in a namespace answers as long as the namespace lives, whether or not a process is in it. Without links that are up it
reaches nobody and nobody reaches it: that takes 0.1 ms each, while the end of a namespace is the kernel's own affair and may take a second.
Called by: guard, keeper and second line (which hold a `NamespaceDoor`, as at a lapse there may be no free descriptor), the executor.
Must never: touch the network of this process or of the machine's first one, whatever its name; leave the calling thread in another
namespace; hold a namespace open, for then it would outlive its name.
"""

import contextlib
import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from understudy.linux.interfaces import set_down, up_links
from understudy.linux.libc import libc
from understudy.linux.netlink import open_socket

FOLDER = "/run/netns"
_CLONE_NEWNET = 0x40000000
_DETACH, _NOFOLLOW = 2, 8
_OWN = "/proc/thread-self/ns/net"
_FIRST = "/proc/1/ns/net"
_NONE = (errno.ENOENT, errno.EINVAL)
"""Gone meanwhile; a file that is not (yet) a namespace: nothing can be in it."""


def named(wanted: Callable[[str], bool], *, folder: str = FOLDER) -> list[str]:
    """The names of the namespaces that are wanted and not this server's own network, in order. OSError: the folder cannot be read."""
    try:
        names = sorted(filter(wanted, os.listdir(folder)))
    except FileNotFoundError:
        return []
    own = _own() if names else frozenset()
    return [name for name in names if _number(f"{folder}/{name}") not in own]


def own_named(wanted: Callable[[str], bool], *, folder: str = FOLDER) -> str:
    """The name of this server's own network, if it has one and that is wanted; else empty. OSError."""
    try:
        names = sorted(filter(wanted, os.listdir(folder)))
    except FileNotFoundError:
        return ""
    return next((name for name in names if _number(f"{folder}/{name}") in _own()), "")


@dataclass(frozen=True, slots=True)
class Muted:
    """What became of the links of some namespaces."""

    links: int
    """How many were set down."""
    left: tuple[str, ...]
    """What may answer still, as sentences; empty: no link is up in any of them."""


class NamespaceDoor:
    """The way into namespaces and back, for one thread: held, because it may be needed when nothing can be opened."""

    def __init__(self) -> None:
        """OSError."""
        self._home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        self._spare = -1
        self.look()

    def look(self) -> None:
        """Have a descriptor to spare, of which one is needed at a time. OSError."""
        if self._spare < 0:
            self._spare = os.dup(self._home)

    def close(self) -> None:
        """Let go of it."""
        self._give_way()
        os.close(self._home)

    def mute(self, wanted: Callable[[str], bool], *, within_s: float, folder: str = FOLDER) -> Muted:
        """Set down whatever link is up in the namespaces that are wanted, and see that none is."""
        self._give_way()
        deadline, links, left = time.monotonic() + within_s, 0, []
        try:
            for name in named(wanted, folder=folder):
                if time.monotonic() > deadline:
                    left.append(f"network namespace {name}, and those after it, could not be set down in {within_s} s")
                    break
                try:
                    links += self._mute(f"{folder}/{name}")
                except OSError as error:
                    left.append(f"network namespace {name} may answer still: {error.strerror}")
        except OSError as error:
            left.append(f"network namespaces cannot be looked for: {folder}: {error.strerror}")
        with contextlib.suppress(OSError):
            self.look()
        return Muted(links, tuple(left))

    def _mute(self, path: str) -> int:
        with self._inside(path) as there:
            if not there:
                return 0
            with open_socket(socket.NETLINK_ROUTE) as wire:
                up = up_links(wire)
                if up:
                    set_down(wire, up)
                    if still := up_links(wire):
                        raise OSError(errno.EBUSY, f"{len(still)} of its links cannot be set down")
                return len(up)

    @contextlib.contextmanager
    def _inside(self, path: str) -> Iterator[bool]:
        """In the namespace; False: there is none."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            entered = libc.setns(descriptor, _CLONE_NEWNET) == 0
            number = ctypes.get_errno()
        finally:
            os.close(descriptor)
        if not entered and number not in _NONE:
            raise OSError(number, os.strerror(number))
        try:
            yield entered
        finally:
            if entered and libc.setns(self._home, _CLONE_NEWNET):
                os._exit(70)  # to go on in a network that is not this server's would be to speak for another; whoever watches us takes over

    def _give_way(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def remove(wanted: Callable[[str], bool], *, within_s: float, folder: str = FOLDER) -> str:
    """Set them down and take their names away: the kernel ends each when nobody is left in it. Empty, or what is left. OSError."""
    door = NamespaceDoor()
    try:
        muted = door.mute(wanted, within_s=within_s, folder=folder)
    finally:
        door.close()
    if muted.left:
        return "; ".join(muted.left)
    for name in named(wanted, folder=folder):
        path = f"{folder}/{name}"
        if libc.umount2(os.fsencode(path), _DETACH | _NOFOLLOW) and ctypes.get_errno() not in _NONE:
            return f"network namespace {name} cannot be removed: {os.strerror(ctypes.get_errno())}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return ""


def _own() -> frozenset[tuple[int, int] | None]:
    """This thread's network, and that of the machine's first process where it may be seen."""
    return frozenset({_number(_OWN), _number(_FIRST)} - {None})


def _number(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
