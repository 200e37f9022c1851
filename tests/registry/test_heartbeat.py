"""When a connection is asked for a sign of life, and when it is given up; on a loop whose time the test makes pass."""

import asyncio
from collections.abc import Callable

import pytest

from understudy.registry.heartbeat import AGAIN_S, BUSY_S, CALM_S, PINGS_UNANSWERED_MAX, Heartbeat

GIVEN_UP_S = 1.0
STEP_S = 0.01


class BeatenConnection:
    """What a heartbeat asks, in virtual time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answers: bool = True) -> None:
        self.now = 100.0
        self.answers = answers
        self.waits = False
        self.pings: list[float] = []
        self.looks = 0
        self.given_up: list[float] = []
        self._timers: list[tuple[float, Callable[[], None], HeldTimer]] = []
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self)
        self.heartbeat = Heartbeat(self.ping, lambda _: self.given_up.append(self.now), busy=lambda: self.waits)
        self.heartbeat.begin()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> "HeldTimer":
        timer = HeldTimer(self.now + seconds)
        self._timers.append((self.now + seconds, call, timer))
        return timer

    def ping(self) -> None:
        self.pings.append(self.now)
        if self.answers:
            self.heartbeat.received()

    def run(self, seconds: float, *, arrives_every_s: float = 0.0) -> None:
        for step in range(1, round(seconds / STEP_S) + 1):
            self.now += STEP_S
            if arrives_every_s and step % round(arrives_every_s / STEP_S) == 0:
                self.heartbeat.received()
            due = [timer for timer in self._timers if timer[0] <= self.now + 1e-9]
            self._timers = [timer for timer in self._timers if timer not in due]
            for _, call, timer in due:
                if not timer.cancelled:
                    self.looks += 1
                    call()


class HeldTimer:
    def __init__(self, when: float) -> None:
        self._when = when
        self.cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


def test_while_anything_arrives_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = BeatenConnection(monkeypatch)
    connection.run(10, arrives_every_s=0.4)
    assert connection.pings == []
    assert connection.looks == 0, "nor is anybody woken"


def test_a_quiet_connection_that_answers_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = BeatenConnection(monkeypatch)
    connection.run(10)
    assert 10 / CALM_S - 2 <= len(connection.pings) <= 10 / CALM_S
    assert not connection.given_up


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("last_s", [0.0, 0.05, 0.35, 0.55])
def test_one_that_hangs_is_given_up_within_a_second_of_its_last_sign_of_life(
    monkeypatch: pytest.MonkeyPatch, last_s: float, *, waits: bool
) -> None:
    connection = BeatenConnection(monkeypatch)
    connection.run(5 + last_s)
    connection.heartbeat.received()
    connection.answers, connection.waits, last = False, waits, connection.now
    connection.heartbeat.asked()
    connection.run(3)
    assert len(connection.given_up) == 1
    assert connection.given_up[0] - last <= GIVEN_UP_S + STEP_S
    assert len([ping for ping in connection.pings if ping > last]) >= PINGS_UNANSWERED_MAX


def test_while_an_answer_is_waited_for_signs_of_life_are_asked_for_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """With engine etcd they say whether there is another leader: what was passed on to the one before may be lost."""
    connection = BeatenConnection(monkeypatch)
    connection.run(0.1)
    connection.waits = True
    connection.heartbeat.asked()
    asked = connection.now
    connection.run(3, arrives_every_s=0.4)
    assert connection.pings[0] - asked <= BUSY_S + STEP_S
    assert len(connection.pings) >= 3 / BUSY_S - 2


def test_a_client_that_was_paused_does_not_blame_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first look comes late; what waits in its socket is taken in after that."""
    connection = BeatenConnection(monkeypatch)
    connection.run(1)
    connection.now += 30
    connection.run(AGAIN_S / 2)
    connection.run(5)
    assert not connection.given_up
