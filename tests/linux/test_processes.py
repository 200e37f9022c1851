"""The priority of the processes in which the cluster is decided."""

import subprocess
import sys
from pathlib import Path

import pytest

from executor.rig import SOURCE, have_root
from understudy.linux.processes import NICE

pytestmark = pytest.mark.lab

AUTOGROUP = Path("/proc/self/autogroup")
PROGRAM = f"""
import os, sys
sys.path.insert(0, {str(SOURCE)!r})
from understudy.linux.processes import be_served_first
{{before}}
be_served_first()
kernel_says = open({str(AUTOGROUP)!r}).read() if os.path.exists({str(AUTOGROUP)!r}) else ""
print(os.getpriority(os.PRIO_PROCESS, 0), ["none", *kernel_says.split()][-1])
"""


def said(before: str = "", *, own_session: bool = True) -> list[str]:
    """Its own nice value and that of its session; `none`: the kernel does not share the processor among sessions, or its session is that of
    init, which has no share of its own and of which the file says nothing."""
    if not have_root():
        pytest.skip("needs root")
    program = [sys.executable, "-c", PROGRAM.format(before=before)]
    found = subprocess.run(program, capture_output=True, text=True, timeout=30, check=True, start_new_session=own_session)
    return found.stdout.split()


def test_a_process_with_a_session_of_its_own_is_served_first() -> None:
    """Within its session, and its session among others."""
    own, session = said()
    assert own == str(NICE)
    assert session in (str(NICE), "none")


def test_who_shares_a_session_leaves_that_as_it_is() -> None:
    """A daemon that is tried from a terminal: its shell is not served first."""
    own, session = said(own_session=False)
    assert own == str(NICE)
    assert session in ("0", "none")


def test_what_was_given_more_keeps_it_and_without_the_right_all_stays() -> None:
    """By the unit; and as somebody who may not."""
    assert said("os.setpriority(os.PRIO_PROCESS, 0, -15)")[0] == "-15"
    assert said("os.setuid(65534)")[0] == "0"
