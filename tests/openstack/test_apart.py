"""Work in a process of its own: what it says is received, what it comes to is the result, and one that makes no progress is given up."""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from understudy.openstack.apart import Stalled, WorkReport, apart

ReportWork = Callable[[WorkReport], None]


def test_what_it_says_is_heard_and_what_it_comes_to_is_the_result() -> None:
    """In order; and nothing of it is left."""
    received: list[WorkReport] = []

    def work(say: ReportWork) -> WorkReport:
        for number in range(3):
            say({"number": number})
        return {"files": 3, "by": os.getpid()}

    result = apart(work, received.append, 30.0)
    assert received == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert (result["files"], result["by"] != os.getpid()) == (3, True)
    assert not is_there(int(result["by"]))


def test_work_that_makes_no_progress_is_given_up() -> None:
    """Though it had begun well; its process is ended, and for how long is said."""
    received: list[WorkReport] = []

    def work(say: ReportWork) -> WorkReport:
        say({"by": os.getpid()})
        while True:
            signal.pause()

    with pytest.raises(Stalled, match="no progress for 0 s"):
        apart(work, received.append, 0.2)
    assert not is_there(int(received[0]["by"]))


def test_work_that_ends_without_a_result_has_failed(capfd: pytest.CaptureFixture[str]) -> None:
    """What it was stands on standard error."""

    def work(say: ReportWork) -> WorkReport:
        raise ValueError("no such number")

    with pytest.raises(Stalled, match="its process ended before it was done"):
        apart(work, lambda said: None, 30.0)
    assert "ValueError: no such number" in capfd.readouterr().err


def test_an_interruption_lets_it_end_in_good_order(tmp_path: os.PathLike[str]) -> None:
    """As the operator's Ctrl-C does: it comes to both."""
    tidy = f"{tmp_path}/tidy"

    def work(say: ReportWork) -> WorkReport:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)  # a signal just before pause() would be noted only after it, that is never
        try:
            say({})
            while True:
                select.select([reading], [], [])
        finally:
            with open(tidy, "w"):
                pass

    def interrupted(said: WorkReport) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apart(work, interrupted, 30.0)
    assert os.path.exists(tidy)


def is_there(pid: int) -> bool:
    """A process, also one that nobody has waited for."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            continue
        return False
    return True
