"""Calls beside the loop: what they say on purpose comes back, and only what hangs counts as hanging."""

import threading

import pytest

from support import wait_until
from understudy.agents.aside import MOST, aside
from understudy.errors import BadSettings


def without_the_file() -> None:
    """A call that says what is wrong."""
    raise BadSettings("guard.key cannot be read: No such file or directory")


def that_breaks() -> None:
    """A call with a fault of its own."""
    raise AttributeError("nothing")


async def test_what_a_call_says_on_purpose_is_its_answer() -> None:
    """However often: a server whose key file is gone, or for whom a key is sealed that it cannot open, tries again every two seconds."""
    for _ in range(MOST + 1):
        with pytest.raises(BadSettings, match="cannot be read"):
            await aside(without_the_file, within_s=60, kind="wrong")


async def test_a_call_that_breaks_is_said_to_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: broken.append(args.exc_type))
    for number in range(MOST + 1):
        with pytest.raises(TimeoutError) as no_answer:
            await aside(that_breaks, within_s=0.01, kind="broken")
        assert "have not come back" not in str(no_answer.value)
        await wait_until(lambda: len(broken) > number, 10, "it has broken")  # noqa: B023 - within this turn
    assert set(broken) == {AttributeError}
