"""A helper process of tests: runs a command in a network of its own, with a neighbour on the other end of a wire.

`python in_network.py COMMAND...`: here `eth1` 10.99.0.2/24 and fd99::2/64; there, in a second network, `far` 10.99.0.3/24 and fd99::3/64.
The machine's own network is never touched; all of it ends with this process.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    unshare_network(libc)
    ip("link add eth1 type veth peer name far")
    told, tell = os.pipe()
    neighbour, ready = spawn_neighbour(libc, told)
    os.read(ready, 1)
    ip(f"link set far netns {neighbour}")
    os.write(tell, b"x")
    os.read(ready, 1)
    for words in ("link set lo up", "addr add 10.99.0.2/24 dev eth1", "addr add fd99::2/64 dev eth1 nodad", "link set eth1 up"):
        ip(words)
    for fd in (told, tell, ready):
        os.close(fd)
    os.execvp(sys.argv[1], sys.argv[1:])


def spawn_neighbour(libc: ctypes.CDLL, told: int) -> tuple[int, int]:
    """A child in a network of its own: says when it is there, waits for `far`, sets it up, says so, and stays."""
    ready, say = os.pipe()
    child = os.fork()
    if child:
        os.close(say)
        return child, ready
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    unshare_network(libc)
    os.write(say, b"x")
    os.read(told, 1)
    for words in ("link set lo up", "addr add 10.99.0.3/24 dev far", "addr add fd99::3/64 dev far nodad", "link set far up"):
        ip(words)
    os.write(say, b"x")
    wait: Callable[[], None] = signal.pause
    while True:
        wait()


def unshare_network(libc: ctypes.CDLL) -> None:
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


if __name__ == "__main__":
    main()
