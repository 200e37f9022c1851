"""What is waited for after a server was configured, and what is not."""

import json
from typing import Any

import pytest

from setup.cases import settings_of
from understudy.setup import services
from understudy.setup.services import wait_online


def test_a_server_that_was_taken_out_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays out until it is asked back, and that is said at once."""
    left = {"kind": "left", "cause": "it was taken out by root@ctr1", "advice": "It comes back with: understudy server join"}
    answers: dict[str, Any] = {"server-list": {"servers": []}, "check-crs": {"conditions": [left]}}
    monkeypatch.setattr(services, "answering", lambda settings: ("ctr2", "ctr3"))
    said: list[str] = []

    arrived = wait_online(settings_of(1), lambda verb, _: json.dumps(answers[verb]), 3600.0, said.append)

    assert (arrived.online, arrived.in_time, said) == (False, False, [])
    assert arrived.waits_for == "it was taken out by root@ctr1. It comes back with: understudy server join"
