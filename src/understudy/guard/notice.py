"""What the guard wants operators to see although it may not answer: why this server is not stopped, and what to do.

A file in run_dir, made and mapped when nothing is pressing, so that to post a notice is a copy in memory: no descriptor, no block of the
file system, no wait. Called by: keeper and guard (post, clear), `understudy-guard --kill-all`, daemon and commands (`read_notice`).
Must never: be trusted for a decision; it is for people.
"""

import mmap
import os
import time
from collections.abc import Sequence

NAME = "guard-says"
SETTINGS = "guard-says-settings"
"""Beside it: whose settings differ. It stays while they do, whatever else is said and cleared."""
_SIZE = 4096


class Notice:
    """The mapped file; made by the keeper before it forks, so that the guard posts to the same one."""

    def __init__(self, run_dir: str, name: str = NAME) -> None:
        descriptor = os.open(os.path.join(run_dir, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, _SIZE)
            self._map = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)

    def post(self, sentences: Sequence[str]) -> None:
        """Instead of what stood there; with the time of day."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        text = "\n".join(f"{at} {sentence}" for sentence in sentences).encode()
        self._map[:] = text[: _SIZE - 1].ljust(_SIZE, b"\0")

    def read(self) -> list[str]:
        """What stands there."""
        return bytes(self._map).partition(b"\0")[0].decode(errors="replace").splitlines()

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self._map[:] = bytes(_SIZE)


def read_notice(run_dir: str) -> tuple[str, ...]:
    """The sentences; none if all is well or there is no such file."""
    found: list[str] = []
    for name in (NAME, SETTINGS):
        try:
            with open(os.path.join(run_dir, name), "rb") as file:
                text = file.read(_SIZE).partition(b"\0")[0]
        except OSError:
            continue
        found += text.decode(errors="replace").splitlines()
    return tuple(found)
