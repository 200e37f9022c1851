"""A planned leave, as guard and keeper see it: real processes in network namespaces."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guard.hosts import GuardHost, Hosts
from support import wait_for
from understudy.guard.leave import DAEMON_BACK_S, STAY_OUT

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]


Connect = Callable[[GuardHost], tuple[socket.socket, dict[str, Any]]]


@pytest.fixture
def daemon_of() -> Iterator[Connect]:
    """Make connections that say they are the daemon's: each with the answer to its hello."""
    with contextlib.ExitStack() as opened:

        def connect(host: GuardHost) -> tuple[socket.socket, dict[str, Any]]:
            daemon = opened.enter_context(host.connect("daemon"))
            return daemon, read(daemon, "hello")

        yield connect


def read(daemon: socket.socket, op: str) -> dict[str, Any]:
    """The next packet of this kind."""
    while True:
        packet: dict[str, Any] = json.loads(daemon.recv(1 << 20))
        if packet["op"] == op:
            return packet


def terminate(host: GuardHost) -> None:
    assert host.keeper is not None
    host.keeper.send_signal(signal.SIGTERM)


def ended(host: GuardHost) -> bool:
    assert host.keeper is not None
    return host.keeper.poll() is not None


def test_a_signal_asks_the_daemon_and_the_lease_goes_on(servers: Hosts, daemon_of: Connect) -> None:
    host, resource = servers[2], servers[2].resource()
    daemon, _ = daemon_of(host)
    terminate(host)
    assert read(daemon, "leave")["left_s"] == pytest.approx(300, abs=1)
    assert host.holds()
    assert resource.poll() is None, "nothing is killed while the daemon stops things in order"
    daemon.send(json.dumps({"op": "farewell", "in_order": True}).encode())
    wait_for(lambda: ended(host), 3, "the keeper ends")
    assert servers[1].ask("state")["farewells"][-1]["server"] == "ctr2"


def test_a_second_signal_ends_it_at_once(servers: Hosts, daemon_of: Connect) -> None:
    host, resource = servers[2], servers[2].resource()
    daemon, _ = daemon_of(host)
    terminate(host)
    read(daemon, "leave")
    terminate(host)
    wait_for(lambda: ended(host), 3, "the keeper ends")
    assert resource.wait(1) == -9
    wait_for(lambda: "asked to end at once" in host.log.read_text(), 3, "its log says why")


def test_without_a_daemon_a_signal_ends_it_at_once(servers: Hosts) -> None:
    host, resource = servers[2], servers[2].resource()
    terminate(host)
    wait_for(lambda: ended(host), 3, "the keeper ends")
    assert resource.wait(1) == -9


def test_a_daemon_that_does_not_come_back_is_not_waited_for_long(servers: Hosts, daemon_of: Connect) -> None:
    host = servers[2]
    daemon, _ = daemon_of(host)
    terminate(host)
    read(daemon, "leave")
    daemon.close()
    began = time.monotonic()
    wait_for(lambda: ended(host), DAEMON_BACK_S + 3, "the keeper ends")
    assert time.monotonic() - began > DAEMON_BACK_S - 1
    wait_for(lambda: "no daemon is there" in host.log.read_text(), 3, "its log says why")


def test_the_time_for_it_ends(servers: Hosts, daemon_of: Connect) -> None:
    host, resource = servers[2], servers[2].resource()
    daemon, _ = daemon_of(host)
    daemon.send(json.dumps({"op": "leave", "within_s": 0.4}).encode())
    read(daemon, "leave")
    wait_for(lambda: resource.poll() is not None, 3, "everything is stopped")
    wait_for(lambda: "within the time for it" in host.log.read_text(), 3, "its log says why")


def test_a_guards_successor_goes_on_with_the_leave(servers: Hosts, daemon_of: Connect) -> None:
    host, resource = servers[2], servers[2].resource()
    daemon, _ = daemon_of(host)
    terminate(host)
    read(daemon, "leave")
    host.replace_guard()
    again, hello = daemon_of(host)
    assert 290 < hello["leave_left_s"] < 300
    assert resource.poll() is None
    again.send(json.dumps({"op": "farewell", "in_order": True}).encode())
    wait_for(lambda: ended(host), 3, "the keeper ends")


def test_a_server_that_was_taken_out_stays_out_until_it_is_asked_back(servers: Hosts, daemon_of: Connect) -> None:
    host = servers[2]
    before = host.ask("state")["incarnation"]
    daemon, _ = daemon_of(host)
    (host.run_dir / STAY_OUT).write_text("by root@ctr1\n")
    daemon.send(json.dumps({"op": "farewell", "in_order": True}).encode())
    wait_for(lambda: "understudy server join" in host.log.read_text(), 3, "the keeper waits")
    assert not ended(host)
    assert host.guard_pid() is None
    (host.run_dir / STAY_OUT).unlink()
    wait_for(host.holds, 5, "it is back")
    assert host.ask("state")["incarnation"] != before
    assert host.ask("state")["leave_left_s"] is None


def test_a_keeper_that_stays_out_ends_when_it_is_asked_to(servers: Hosts) -> None:
    host = servers[2]
    (host.run_dir / STAY_OUT).write_text("by root@ctr1\n")
    host.ask("farewell")
    wait_for(lambda: "understudy server join" in host.log.read_text(), 3, "the keeper waits")
    terminate(host)
    wait_for(lambda: ended(host), 3, "the keeper ends")
