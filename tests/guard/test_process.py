"""Real guards, real kernel: three servers in network namespaces, each test with its own."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyroute2.nftables.main import NFTables

from guard.beats import last_beat
from guard.hosts import VIRTUAL, GuardHost, Hosts, hosts, kill
from support import wait_for
from understudy.guard.configured import read_settings
from understudy.guard.core.ending import EndSeen
from understudy.guard.gate import Gate
from understudy.guard.kill import end_everything
from understudy.guard.means import Means
from understudy.linux.lease import read_lease
from understudy.model.limits import derive

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]

LIMITS = derive(0.5)
CAP_NET_ADMIN, CAP_SYS_NICE = 12, 23
ProcessReport = Callable[[str], None]


def incarnation(host: GuardHost) -> str:
    return str(host.ask("state")["incarnation"])


def never_ends(host: GuardHost) -> Callable[[], bool]:
    """Watch the lease file: False from when it has shown no lease, whatever it shows later."""
    path, ended = str(host.run_dir / "lease"), threading.Event()

    def lasts() -> bool:
        if read_lease(path).left_s() <= 0:
            ended.set()
        return not ended.is_set()

    return lasts


def test_a_killed_guard_is_replaced_and_the_lease_goes_on(servers: Hosts, report: ProcessReport) -> None:
    host, lease_lasts = servers[1], never_ends(servers[1])
    before, first, resource = incarnation(host), host.guard_pid(), host.resource()
    for _ in range(3):
        killed_at = time.monotonic()
        host.replace_guard()
        report(f"guard killed: successor answers after {1000 * (time.monotonic() - killed_at):.1f} ms")
        assert lease_lasts()
    # Longer than a lease: the successor renews, it does not merely inherit.
    until = time.monotonic() + 1.2 * LIMITS.lease_s
    wait_for(lambda: time.monotonic() > until or not lease_lasts(), 5, "a lease has passed")
    assert lease_lasts()
    assert incarnation(host) == before
    assert host.guard_pid() != first
    assert resource.poll() is None


def test_a_guard_that_hangs_is_replaced_and_the_lease_goes_on(servers: Hosts, report: ProcessReport) -> None:
    host, lease_lasts = servers[1], never_ends(servers[1])
    before, resource, old = incarnation(host), host.resource(), host.guard_pid()
    kill(old, signal.SIGSTOP)
    stopped_at = time.monotonic()
    wait_for(lambda: host.guard_pid() not in (None, old), LIMITS.lease_s, "the keeper killed the hung guard")
    report(f"guard stopped: replaced after {1000 * (time.monotonic() - stopped_at):.0f} ms (hang_s {LIMITS.hang_s:g})")
    until = time.monotonic() + 1.2 * LIMITS.lease_s
    wait_for(lambda: time.monotonic() > until or not lease_lasts(), 5, "a lease has passed")
    assert lease_lasts()
    assert incarnation(host) == before
    assert resource.poll() is None


def test_a_server_cut_off_is_empty_before_its_lease_ends(servers: Hosts, report: ProcessReport) -> None:
    """Judged by what the resource itself wrote down on the lease's own clock, so that a slow machine makes nobody late. Only between
    two beats may the resource have run on unseen; the longest such gap is reported."""
    host = servers[1]
    resource, evidence = host.beating_resource()
    daemon, executor = host.starter("understudyd"), host.starter("understudy-exec")
    host.virtual_address()
    before = incarnation(host)
    host.cut()
    wait_for(lambda: not host.runs_anything(), 5, "nothing of a resource is left")
    beat = last_beat(evidence)
    left_ms, unseen_ms = (beat.lease_end - beat.at) / 1e6, beat.longest_pause / 1e6
    report(
        f"cut off: last sign of life {left_ms:.1f} ms before the lease ended (stop_now {1000 * LIMITS.stop_now_s:.0f} ms), "
        f"a sign at least every {unseen_ms:.1f} ms"
    )
    assert left_ms > 0
    assert (resource.wait(1), daemon.wait(1), executor.wait(1)) == (-9, -9, -9)
    wait_for(lambda: not host.has_virtual_address(), 1, "the address is gone")
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    assert incarnation(host) != before
    assert host.resource().poll() is None, "the group can be used again"


def test_the_others_hear_of_silence_and_can_prove_it(servers: Hosts) -> None:
    host, other = servers[1], servers[2]
    gone = incarnation(host)
    daemon = other.connect("daemon")
    json.loads(daemon.recv(1 << 20))
    assert other.ask("round", server=host.name, incarnation=gone)["lost"] is False
    host.cut()
    words = {json.loads(daemon.recv(4096))["voter"] for _ in range(2)}
    daemon.close()
    assert words == {"ctr2", "ctr3"}
    result = other.ask("round", id=7, server=host.name, incarnation=gone)
    assert (result["lost"], result["silent"], result["id"]) == (True, ["ctr2", "ctr3"], 7)


def test_an_evicted_server_stops_and_says_farewell(servers: Hosts) -> None:
    host, other = servers[3], servers[1]
    resource, evicted = host.resource(), incarnation(host)
    daemon = other.connect("daemon")
    json.loads(daemon.recv(1 << 20))
    assert other.ask("dead", incarnations=[evicted])["ok"] is True
    assert json.loads(daemon.recv(4096)) == {"op": "farewell", "server": "ctr3", "incarnation": evicted}
    daemon.close()
    assert not host.runs_anything()
    assert resource.wait(1) == -9
    wait_for(host.holds, 5, "rejoined")


def test_a_farewell_stops_everything_and_ends_the_guard(servers: Hosts) -> None:
    host = servers[2]
    resource, daemon = host.resource(), host.starter()
    assert host.ask("farewell") == {"op": "farewell", "ok": True, "left": []}
    assert host.keeper is not None
    assert (resource.wait(1), daemon.wait(1), host.keeper.wait(2)) == (-9, -9, 0)


def test_a_guard_does_not_outlive_its_keeper_and_kill_all_ends_the_rest(servers: Hosts, report: ProcessReport) -> None:
    host = servers[1]
    resource, daemon, executor = host.resource(), host.starter("understudyd"), host.starter("understudy-exec")
    host.virtual_address()
    guard = host.guard_pid()
    assert host.keeper is not None
    kill(host.keeper.pid)
    host.keeper.wait(1)
    wait_for(lambda: is_dead(guard), 1, "the guard died with its keeper")
    began = time.monotonic()
    ended = host.run([*guard_command(host), "--kill-all"])
    assert ended.wait(10) == 0, host.log.read_text()
    report(f"--kill-all: {1000 * (time.monotonic() - began):.0f} ms")
    assert (resource.wait(1), daemon.wait(1), executor.wait(1)) == (-9, -9, -9)
    assert not host.runs_anything()
    assert not host.has_virtual_address()
    assert read_lease(str(host.run_dir / "lease")).left_s() == 0
    # The next keeper leaves alone what started after that.
    newcomer = host.starter("understudyd")
    host.start()
    wait_for(host.holds, 5, "holds again")
    assert newcomer.poll() is None


def test_kill_all_ends_a_guard_that_still_runs(servers: Hosts) -> None:
    host = servers[1]
    resource, guard = host.resource(), host.guard_pid()
    ended = host.run([*guard_command(host), "--kill-all"])
    assert ended.wait(10) == 0, host.log.read_text()
    assert host.keeper is not None
    assert (host.keeper.wait(1), resource.wait(1)) == (-9, -9)
    assert is_dead(guard)
    assert read_lease(str(host.run_dir / "lease")).left_s() == 0


def test_a_pid_that_was_used_again_is_left_alone(servers: Hosts) -> None:
    host = servers[1]
    other = host.run(["sleep", "1000"], subprocess.DEVNULL, host.guards)
    (host.run_dir / "understudyd.pid").write_text(f"{other.pid} 1\n")  # at once: a guard that looks in between would know the right one
    assert host.ask("farewell")["ok"] is True, "everything was ended, and seen to be"
    assert other.poll() is None


def test_a_frozen_server_answers_nobody_once_its_lease_is_over(servers: Hosts, report: ProcessReport) -> None:
    host, client = servers[1], servers[2]
    host.resource()
    host.virtual_address()
    assert answers_arp(client)
    assert answers_ping(client)
    host.freeze()
    frozen_at = time.monotonic()
    wait_for(lambda: not answers_arp(client), 3, "no ARP answer")
    ended_s = time.monotonic() - frozen_at
    report(f"frozen: ARP ended after {1000 * ended_s:.0f} ms (lease {1000 * LIMITS.lease_s:.0f} ms)")
    assert ended_s < LIMITS.lease_s + 0.1
    assert not answers_ping(client)
    assert host.has_virtual_address(), "the gate did it, no process"
    thawed_at = time.monotonic()
    host.freeze(still=False)
    wait_for(lambda: not host.runs_anything(), 2, "killed on waking")
    report(f"thawed: all dead {1000 * (time.monotonic() - thawed_at):.1f} ms later")
    assert not answers_arp(client)
    wait_for(lambda: not host.has_virtual_address(), 1, "the address is gone")


def test_a_dead_guard_and_keeper_leave_no_open_gate(servers: Hosts) -> None:
    host, client = servers[1], servers[2]
    host.virtual_address()
    assert answers_arp(client)
    assert host.keeper is not None
    kill(host.keeper.pid)
    wait_for(lambda: not answers_arp(client), 3, "no ARP answer")
    assert not answers_ping(client)


def test_a_client_that_does_not_read_is_dropped(servers: Hosts) -> None:
    host = servers[1]
    with host.connect("daemon") as silent:
        silent.setblocking(False)
        wait_for(lambda: not still_takes(silent), 5, "dropped")
    assert host.holds()


def test_epochs_survive_guards_and_lapses(servers: Hosts) -> None:
    host = servers[1]
    assert host.ask("epoch", resource="db", epoch=4) == {"op": "epoch", "ok": True, "highest": 4}
    host.replace_guard()
    assert host.ask("epoch", resource="db", epoch=3) == {"op": "epoch", "ok": False, "highest": 4}
    host.cut()
    wait_for(lambda: not host.holds(), 2, "lapsed")
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    assert host.ask("hello")["epochs"] == {"db": 4}


def test_a_guard_tells_since_when_its_server_had_no_lease_and_who_grants_it_one(servers: Hosts) -> None:
    """For people: the next life knows of the end of the one before it, and a successor of nothing that ended."""
    host = servers[1]
    before = host.ask("state", brief=True)

    def without_a_lease() -> bool:
        with contextlib.suppress(OSError):  # between two guards nobody answers
            return host.ask("state")["lapsed_s"] is not None
        return False

    host.cut()
    wait_for(without_a_lease, 5, "a new incarnation without a lease")
    without = host.ask("state")
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    after = host.ask("state")

    assert (before["gap_s"], before["lapsed_s"], before["epochs"]) == (0.0, None, {})
    assert set(before["grants"]) <= {"ctr1", "ctr2", "ctr3"}
    assert len(before["grants"]) >= 2
    assert (without["gap_s"], "ctr2" in without["grants"], "ctr2" in without["peers"]) == (None, False, False)
    assert 0 <= without["lapsed_s"] < 5
    assert after["lapsed_s"] is None
    assert without["lapsed_s"] <= after["gap_s"] < 10


def test_a_flushed_rule_set_is_made_again_within_a_beat(servers: Hosts) -> None:
    host, client = servers[1], servers[2]
    host.virtual_address()

    host.inside(flush_rule_set)
    wait_for(lambda: host.inside(gate_is_there), 1, "made again")
    assert answers_arp(client)
    host.freeze()
    wait_for(lambda: not answers_arp(client), 3, "and it shuts")


def _close(means: Means) -> None:
    """A guard ends with its process, and never has to."""
    for group in means.groups:
        group.close()
    means.starters.close()
    if means.addresses is not None:
        means.addresses.close()
    if means.gate is not None:
        means.gate.close_socket()


def test_a_look_at_what_is_open_opens_nothing(servers: Hosts) -> None:
    """Several a second, for months: whatever a look left open would leave the guard without a free descriptor some day."""
    host = servers[1]

    def opened() -> tuple[int, int]:
        means = Means(read_settings(str(host.config)))
        try:
            means.look()
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                means.look()
            return before, len(os.listdir("/proc/self/fd"))
        finally:
            _close(means)

    before, after = host.inside(opened)
    assert after == before


def test_what_cannot_be_verified_is_named(servers: Hosts) -> None:
    host = servers[1]
    (host.run_dir / "kill-list.json").write_text("{")

    def end() -> EndSeen:
        means = Means(read_settings(str(host.config)))
        means.unchecked["tables"] = "the gate's tables cannot be read either"
        try:
            return end_everything(means, within_s=1)
        finally:
            _close(means)

    ended = host.inside(end)
    assert ended.stopped
    assert any("kill-list.json" in sentence for sentence in ended.left)


def test_what_the_machine_refuses_is_said(tmp_path: Path) -> None:
    with hosts(tmp_path, 1) as alone:
        host = alone[1]
        host.start(without=(CAP_SYS_NICE, CAP_NET_ADMIN))
        wait_for(host.holds, 5, f"holds a lease; its log: {host.log.read_text()}")
        state = host.ask("state")
        assert "real time refused" in state["priority"]
        assert "needs real time" in state["priority"]
        assert state["gate"] == "unavailable: Operation not permitted"
        refused = host.ask("gate", addresses=[VIRTUAL])
        assert (refused["ok"], refused["why"]) == (False, "gate unavailable: Operation not permitted")


def test_a_malformed_request_is_answered(servers: Hosts) -> None:
    host = servers[1]
    assert host.ask("gate", addresses=["10.77.0.300"])["ok"] is False
    assert host.ask("epoch", resource="db")["ok"] is False
    assert host.ask("sing")["why"] == "unknown op 'sing'"
    assert host.holds()


def test_a_second_guard_is_refused(servers: Hosts) -> None:
    second = servers[1].run(guard_command(servers[1]), subprocess.DEVNULL)
    assert second.wait(10) == 1


def test_help_shows_an_example(servers: Hosts) -> None:
    shown = servers[1].command("--help")
    assert shown.returncode == 0
    assert "understudy-guard --kill-all" in shown.stdout


# What tests ask of the network.


def guard_command(host: GuardHost) -> list[str]:
    assert host.keeper is not None
    assert isinstance(host.keeper.args, list)
    return [str(part) for part in host.keeper.args]


def is_dead(process_id: int | None) -> bool:
    """Gone, or waiting to be reaped by whoever inherited it."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def answers_arp(client: GuardHost) -> bool:
    """Whether anybody answers for the address, by ARP from another server."""
    return client.inside(lambda: _arping(client))


def _arping(client: GuardHost) -> bool:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as wire:
        wire.bind(("eth0", 0x0806))
        wire.settimeout(0.02)
        own = wire.getsockname()[4]
        question = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, own, _packed(client.address), bytes(6), _packed(VIRTUAL))
        wire.send(b"\xff" * 6 + own + b"\x08\x06" + question)
        try:
            while True:
                answer = wire.recv(256)
                if answer[20:22] == b"\0\x02" and answer[28:32] == _packed(VIRTUAL):
                    return True
        except TimeoutError:
            return False


def answers_ping(client: GuardHost) -> bool:
    """Whether the address answers an echo request."""
    return client.inside(_ping)


def _ping() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        wire.settimeout(0.05)
        wire.sendto(b"\x08\x00\xf7\xff\x00\x00\x00\x00", (VIRTUAL, 0))
        try:
            while True:
                packet, (sender, _) = wire.recvfrom(256)
                if sender == VIRTUAL and packet[20] == 0:
                    return True
        except TimeoutError:
            return False


def _packed(address: str) -> bytes:
    return socket.inet_aton(address)


def still_takes(client: socket.socket) -> bool:
    """Ask without reading what is answered: False once the connection was closed."""
    takes = True
    while takes:
        try:
            client.send(b'{"op": "state"}')
        except BlockingIOError:
            break
        except OSError:
            takes = False
    return takes


def flush_rule_set() -> None:
    """What `nft flush ruleset` does to us."""
    for family in (1, 3):
        with NFTables(nfgen_family=family) as kernel:
            kernel.table("del", name="understudy")


def gate_is_there() -> bool:
    """Whether the gate's tables exist here."""
    gate = Gate()
    try:
        gate.protect([VIRTUAL])
    except OSError:
        return False
    finally:
        gate.close_socket()
    return True
