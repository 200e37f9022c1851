"""A lab's directory: claimed by the one command that brings the lab up; removed, with all of the lab, in whatever state
it is.

Called by `Lab.up` and `Lab.down`. It kills only what is in the lab's own control group, and deletes only the lab's own
directory.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from understudy.errors import LabError
from understudy.lab import cgroups, orders
from understudy.lab.places import Places, make_directory, read_process


@contextmanager
def claim(places: Places, plan_text: str) -> Iterator[None]:
    """The lab's directory, new, with its plan, and ours alone inside the with; LabError if the lab is up or on its way up."""
    if is_alive(places):
        raise LabError(f"lab {places.root.name} is up already: understudy lab down --name {places.root.name}")
    remove(places)
    # Locked before it gets its name: whoever finds the directory without a lock knows that it was left behind.
    beside = Places(places.root.with_name(f".{places.root.name}.{os.getpid()}"))
    make_directory(beside.root)
    beside.plan.write_text(plan_text)
    lock = os.open(beside.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(beside.root, places.root)
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not beside.root.exists():
            raise
        shutil.rmtree(beside.root)
        raise LabError(f"lab {places.root.name} is just being brought up by another command") from None
    finally:
        os.close(lock)


def is_alive(places: Places) -> bool:
    """The lab's hardware is there, or a command is about to make it."""
    if read_process(places.power_pid) is not None:
        return True
    try:
        directory = os.open(places.root, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(directory)
    return False


def remove(places: Places) -> None:
    """End every process of the lab; with them go its namespaces, mounts, bridges. Then its control groups and files."""
    group = cgroups.group_of(places.root.name)
    power = read_process(places.power_pid, ended=True)
    if read_process(places.power_pid) is not None:
        _switch_off(places)
    if group.is_dir():
        cgroups.kill(group)
        cgroups.wait_until_empty(group)
        cgroups.remove(group)
    if power is not None:
        _reap(power)
    if places.root.is_dir():
        shutil.rmtree(places.root)
    try:
        places.root.parent.rmdir()
    except OSError:
        pass  # other labs are there, or never was one


def _switch_off(places: Places) -> None:
    """Let the hardware end and reap its hosts; where it cannot, they are killed without it."""
    try:
        orders.send(places, "off")
    except LabError:
        pass  # it is broken, which is no reason to keep it


def _reap(power: int) -> None:
    try:
        os.waitpid(power, 0)
    except ChildProcessError:
        pass  # another process brought the lab up, and has long ended: the machine's init reaps
