"""Storage that does not answer: a file system of the kernel's whose server takes every question and answers none."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def hung_storage(folder: Path) -> Iterator[Path]:
    """A folder in which every look hangs, until the end: then all that hang are let go."""
    folder.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other"
    try:
        if _libc.mount(b"hung", os.fsencode(folder), b"fuse", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        yield folder
    finally:
        os.close(server)
        _libc.umount2(os.fsencode(folder), MNT_DETACH)
