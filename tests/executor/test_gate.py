"""The executor's word with the guard: nothing but a yes opens the gate."""

import socket
from pathlib import Path

import pytest

from cutting import exchange_value
from executor.rig import guard_that_says
from understudy.executor import gate
from understudy.executor.gate import open_gate, shut_out

ADDRESSES = ("10.99.0.9",)


async def test_a_guard_that_refuses_says_why(tmp_path: Path) -> None:
    with guard_that_says(tmp_path, {"ok": False, "why": "no lease"}) as asked:
        assert await open_gate(tmp_path / "guard.sock", ADDRESSES, "abc") == "no lease"
    assert asked == [{"op": "gate", "id": 1, "addresses": ["10.99.0.9"], "incarnation": "abc"}]


async def test_a_guard_that_is_not_there_is_a_no(tmp_path: Path) -> None:
    assert "cannot be asked" in str(await open_gate(tmp_path / "guard.sock", ADDRESSES, "abc"))


async def test_a_guard_that_hangs_up_is_a_no(tmp_path: Path) -> None:
    with guard_that_says(tmp_path, None) as asked:
        assert await open_gate(tmp_path / "guard.sock", ADDRESSES, "abc") == "it closed the connection"
    assert len(asked) == 1


async def test_a_guard_that_is_silent_is_a_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, gate, "ANSWER_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.bind(str(tmp_path / "guard.sock"))
        silent.listen()
        assert await open_gate(tmp_path / "guard.sock", ADDRESSES, "abc") == "no answer within 0.05 s"


async def test_only_a_guards_word_makes_an_address_one_that_was_not_started_here(tmp_path: Path) -> None:
    """Who cannot be asked has not said so: then the kernel alone is believed."""
    assert await shut_out(tmp_path / "guard.sock", ADDRESSES) == frozenset()
    with guard_that_says(tmp_path, {"ok": True, "open": []}):
        assert await shut_out(tmp_path / "guard.sock", ADDRESSES) == {"10.99.0.9"}
