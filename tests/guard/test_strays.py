"""Processes that have left their control group, found by the mark in their environment; real processes, and groups of the test's own."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import wait_for
from understudy.guard.strays import MARK, NAME, Stray, end, group_of, is_alive, stray, strays, within
from understudy.linux.cgroups import find_parent
from understudy.linux.processes import status

PARENT = f"/no/such/understudy-test-{os.getpid()}-{secrets.token_hex(4)}"


@contextmanager
def process(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with this environment, ended afterwards."""
    running = subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"], **environment})
    try:
        # the kernel names a program before it gives it its environment
        wait_for(lambda: status(running.pid).command == "sleep" and Path(f"/proc/{running.pid}/environ").read_bytes(), 5, "it has begun")
        yield running
    finally:
        running.kill()
        running.wait()


def test_a_marked_process_outside_the_groups_is_found_and_ended() -> None:
    """And nobody else's."""
    with process(**{MARK: PARENT, NAME: "db"}) as ours, process(**{MARK: PARENT + "2", NAME: "db"}), process():
        found = strays(PARENT)
        assert [(process.pid, process.resource, process.command) for process in found] == [(ours.pid, "db", "sleep")]
        assert found[0].description() == f"sleep (pid {ours.pid})"
        assert is_alive(found[0])
        assert end(found) == []
        assert ours.wait(5) == -9
        assert not is_alive(found[0])
        assert strays(PARENT) == []


def test_a_process_that_has_taken_its_number_is_spared() -> None:
    """The start time tells them apart. Who still answers was not killed; that it has not been buried yet would say little."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        former = Stray(other.pid, "1", "db", "cat")
        assert not is_alive(former)
        assert end([former]) == []
        assert other.communicate(b"still here")[0] == b"still here"


def test_what_has_ended_and_is_not_reaped_is_no_stray() -> None:
    """Nothing of it runs any more."""
    with process(**{MARK: PARENT, NAME: "db"}) as ours:
        ours.kill()
        wait_for(lambda: status(ours.pid).ending, 5, "it is dead and not reaped")
        assert strays(PARENT) == []


@pytest.mark.lab
def test_a_process_within_its_group_is_none() -> None:
    """The kernel's kill of the group ends it."""
    parent = f"{os.path.dirname(find_parent())}/{os.path.basename(PARENT)}"
    group = f"{parent}/db%2F1/run"
    os.makedirs(group)
    try:
        with process(**{MARK: parent, NAME: "db/1"}) as ours:
            assert [process.pid for process in strays(parent)] == [ours.pid]
            with open(f"{group}/cgroup.procs", "w") as file:
                file.write(str(ours.pid))
            assert within(parent, ours.pid)
            assert group_of(parent, ours.pid) == "db%2F1"
            assert strays(parent) == []
            assert stray(parent, ours.pid) is None
    finally:
        for folder, _, _ in os.walk(parent, topdown=False):
            os.rmdir(folder)
