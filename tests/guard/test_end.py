"""The end of everything, with what may fail or hang in its way: real guards, real kernel."""

import fcntl
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import NetNS

from guard.hosts import ROOT, VIRTUAL, GuardHost, Hosts, kill
from guard.test_process import answers_arp, flush_rule_set, gate_is_there, incarnation
from support import wait_for
from understudy.guard.notice import Notice, read_notice
from understudy.guard.scribe import Scribe
from understudy.guard.starters import Starters
from understudy.guard.system import say
from understudy.linux.lease import read_lease
from understudy.linux.processes import status
from understudy.model.limits import derive
from understudy.model.logevents import NOT_STOPPED

LIMITS = derive(0.5)
OUT_S = LIMITS.lease_s + 1.0
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
EndReport = Callable[[str], None]


def executor(host: GuardHost) -> int:
    """A real understudy-exec on this server; its process id."""
    with host.log.open("ab") as log:
        process = host.run([sys.executable, "-IS", str(ROOT / "bin/understudy-exec"), "--config", str(host.config)], log)
    wait_for((host.run_dir / "exec.sock").exists, 10, "the executor listens")
    return process.pid


def add(host: GuardHost, address: str, prefix: int, interface: str = "eth0") -> None:
    with NetNS(host.namespace) as kernel:
        kernel.addr("add", index=kernel.link_lookup(ifname=interface)[0], address=address, prefixlen=prefix)


def addresses(host: GuardHost) -> list[str]:
    with NetNS(host.namespace) as kernel:
        return [str(message.get_attr("IFA_ADDRESS")) for message in kernel.get_addr(family=socket.AF_INET)]


@pytest.mark.lab
@needs_root
def test_a_guard_without_a_free_descriptor_kills_as_always(servers: Hosts) -> None:
    host = servers[1]
    service, daemon = host.resource(), host.starter()
    host.virtual_address()
    guard = host.guard_pid()
    assert guard is not None
    wait_for(lambda: knows(host, daemon.pid), 2, "its pid file was seen")
    most = 1 + max(map(int, os.listdir(f"/proc/{guard}/fd")))
    resource.prlimit(guard, resource.RLIMIT_NOFILE, (most, most))
    host.cut()
    wait_for(lambda: not host.runs_anything(), OUT_S, "nothing runs")
    assert (service.wait(1), daemon.wait(1)) == (-9, -9)
    wait_for(lambda: not host.has_virtual_address(), 1, "the address is gone")
    assert "guard-killed" not in host.log.read_text()


def knows(host: GuardHost, pid: int) -> bool:
    """Whether the guard holds a pidfd of this process."""
    guard = host.guard_pid()
    for path in Path(f"/proc/{guard}/fdinfo").iterdir():
        try:
            if f"Pid:\t{pid}\n" in path.read_text():
                return True
        except OSError:
            continue  # closed meanwhile
    return False


@pytest.mark.lab
@needs_root
def test_a_client_that_leaks_connections_loses_its_own(servers: Hosts) -> None:
    host = servers[1]
    daemon = host.connect("daemon")
    json.loads(daemon.recv(1 << 20))
    leaked = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(300)]

    def connected(client: socket.socket) -> bool:
        return client.connect_ex(str(host.run_dir / "guard.sock")) == 0

    for client in leaked:
        wait_for(partial(connected, client), 2, "connected")
    guard = host.guard_pid()
    wait_for(lambda: len(os.listdir(f"/proc/{guard}/fd")) < 120, 5, "the oldest are dropped")
    daemon.send(b'{"op": "state"}')
    assert json.loads(daemon.recv(1 << 20))["held"] is True
    assert host.holds()
    for connection in (*leaked, daemon):
        connection.close()


@pytest.mark.lab
@needs_root
def test_guard_and_keeper_stopped_leave_nothing_running(servers: Hosts, report: EndReport) -> None:
    host, client = servers[1], servers[2]
    pid = executor(host)
    service = host.resource()
    host.virtual_address()
    assert answers_arp(client)
    wait_for(lambda: knows(host, pid), 2, "the executor has said hello")
    guard = host.guard_pid()
    assert host.keeper is not None
    kill(host.keeper.pid, signal.SIGSTOP)
    kill(guard, signal.SIGSTOP)
    end_s = read_lease(str(host.run_dir / "lease")).until.boot_ns / 1e9
    assert service.wait(OUT_S) == -9
    report(f"guard and keeper stopped: dead {1000 * (time.clock_gettime(time.CLOCK_BOOTTIME) - end_s):.0f} ms after the lease's end")
    assert time.clock_gettime(time.CLOCK_BOOTTIME) >= end_s, "not under a valid lease"
    wait_for(lambda: not host.has_virtual_address(), 1, "the address is gone")
    assert not answers_arp(client)
    wait_for(lambda: any("it is paused" in line for line in read_notice(str(host.run_dir))), 1, "it is said where operators look")
    kill(host.keeper.pid, signal.SIGCONT)
    kill(guard, signal.SIGCONT)
    wait_for(host.holds, 5, "rejoined")
    assert read_notice(str(host.run_dir)) == ()


@pytest.mark.lab
@needs_root
def test_a_guard_that_stands_still_at_the_lapse_is_helped(servers: Hosts, report: EndReport) -> None:
    """Stopped so shortly before the end that it does not count as hanging yet."""
    host = servers[1]
    service = host.resource()
    host.virtual_address()
    host.cut()
    path = str(host.run_dir / "lease")
    wait_for(lambda: read_lease(path).left_s() < LIMITS.stop_now_s + 0.03, 2, "the lease is nearly over")
    kill(host.guard_pid(), signal.SIGSTOP)
    end_s = read_lease(path).until.boot_ns / 1e9
    assert service.wait(2) == -9
    if end_s:
        early_s = end_s - time.clock_gettime(time.CLOCK_BOOTTIME)
        report(f"guard stopped 30 ms before the lapse: dead {1000 * early_s:.0f} ms before the lease's end")
        assert -early_s < LIMITS.quiet_s
    wait_for(lambda: not host.has_virtual_address(), 1, "the address is gone")


@pytest.mark.lab
@needs_root
def test_a_process_that_left_its_control_group_is_ended_too(servers: Hosts) -> None:
    host = servers[1]
    stray = host.run(["env", f"_CRS_CGROUP={host.resources}", "_CRS_NAME=db", "sleep", "1000"])
    other = host.run(["env", "_CRS_CGROUP=/another", "sleep", "1000"])
    host.cut()
    assert stray.wait(OUT_S) == -9
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    assert other.poll() is None, "another cluster's"


@pytest.mark.lab
@needs_root
@pytest.mark.parametrize("spoilt", ["unlinked", "unreadable"])
def test_without_a_kill_list_all_that_is_known_goes(servers: Hosts, spoilt: str) -> None:
    host, path = servers[1], servers[1].run_dir / "kill-list.json"
    before = incarnation(host)
    host.virtual_address()
    path.unlink() if spoilt == "unlinked" else path.write_text("{")
    host.cut()
    wait_for(lambda: not host.has_virtual_address(), OUT_S, "the address is gone")
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    assert incarnation(host) != before
    assert not answers_arp(servers[2])


@pytest.mark.lab
@needs_root
def test_an_address_is_removed_wherever_it_is(servers: Hosts) -> None:
    host = servers[1]
    host.virtual_address()
    add(host, VIRTUAL, 16)
    add(host, VIRTUAL, 32, "lo")
    host.cut()
    wait_for(lambda: VIRTUAL not in addresses(host), OUT_S, "gone from all interfaces")
    assert host.address in addresses(host), "its own stays"
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    add(host, VIRTUAL, 24)
    assert not answers_arp(servers[2]), "a new incarnation opens none, whatever the one before had open"


@pytest.mark.lab
@needs_root
def test_an_address_answers_only_after_its_own_start_under_this_life(servers: Hosts) -> None:
    host, client = servers[1], servers[2]
    assert host.ask("protect", addresses=[VIRTUAL, host.address])["ok"] is True
    add(host, VIRTUAL, 24)
    assert not answers_arp(client), "added by hand, and started by nobody"
    assert host.ask("opened", addresses=[VIRTUAL])["open"] == []
    refused = host.ask("gate", addresses=[VIRTUAL], incarnation="0" * 32)
    assert (refused["ok"], refused["why"]) == (False, "the start is of another incarnation of this server")
    assert host.ask("gate", addresses=[host.address])["ok"] is False, "a server's own address is none of the cluster's"
    assert host.ask("gate", addresses=[VIRTUAL], incarnation=incarnation(host))["ok"] is True
    wait_for(lambda: answers_arp(client), 2, "started")
    host.replace_guard()
    assert host.ask("opened", addresses=[VIRTUAL])["open"] == [VIRTUAL], "a successor goes on with it"
    assert answers_arp(client)
    assert host.ask("gate", shut=[VIRTUAL])["ok"] is True
    assert not answers_arp(client), "stopped"


@pytest.mark.lab
@needs_root
def test_an_address_that_no_definition_names_passes_again(servers: Hosts) -> None:
    host, client = servers[1], servers[2]
    host.ask("protect", addresses=[VIRTUAL])
    add(host, VIRTUAL, 24)
    host.ask("protect", addresses=[])
    assert not answers_arp(client), "it is here: whoever left it there may be an older incarnation"
    with NetNS(host.namespace) as kernel:
        kernel.addr("del", index=kernel.link_lookup(ifname="eth0")[0], address=VIRTUAL, prefixlen=24)
    host.ask("protect", addresses=[])
    add(host, VIRTUAL, 24)
    wait_for(lambda: answers_arp(client), 2, "nobody's but the operator's")


@pytest.mark.lab
@needs_root
def test_a_flushed_rule_set_is_said(servers: Hosts) -> None:
    host = servers[1]
    host.virtual_address()

    def counted(times: int) -> bool:
        found = re.search(r"recreated (\d+) times", host.ask("hello")["gate"])
        return found is not None and int(found[1]) >= times

    for count in (1, 2):
        host.inside(flush_rule_set)
        wait_for(lambda: host.inside(gate_is_there), 5, "made again")
        wait_for(partial(counted, count), 5, "counted")
    assert "nft flush ruleset" in host.log.read_text()
    assert any("was recreated" in line for line in host.ask("hello")["says"]), "a daemon tells it in history and alert log"
    assert any("was recreated" in line for line in read_notice(str(host.run_dir)))


@pytest.mark.lab
@needs_root
def test_a_new_keeper_remembers_the_addresses_of_one_that_died(servers: Hosts) -> None:
    """Keeper, guard and kill list are gone; nobody ran --kill-all: the kernel's tables know."""
    host = servers[1]
    host.virtual_address()
    (host.run_dir / "kill-list.json").unlink()
    assert host.keeper is not None
    kill(host.keeper.pid)
    host.keeper.wait(2)
    add(host, VIRTUAL, 16)
    host.start()
    wait_for(host.holds, 5, "holds again")
    assert VIRTUAL not in addresses(host)


# What needs no guard.


def test_a_log_that_takes_nothing_keeps_nobody_waiting() -> None:
    """The log is a pipe that nobody reads: far more is said than fits, at once; what was dropped is counted when it is read again."""
    with scribe_to_a_pipe() as (_, reading):
        began = time.monotonic()
        for number in range(1000):
            say(NOT_STOPPED, why=f"{number} {'x' * 200}")
        assert time.monotonic() - began < 1
        heard = bytearray()

        def lines() -> list[dict[str, Any]]:
            return [json.loads(line) for line in heard.rpartition(b"\n")[0].splitlines()]

        def counted() -> bool:
            say(NOT_STOPPED, why="and on")
            heard.extend(_read(reading))
            return sum(int(line.get("lost", 0)) for line in lines()) > 100

        wait_for(counted, 10, "the count, in as many lines as it takes")
        assert lines()[0]["why"].startswith("0 xxx")


def test_a_scribe_that_dies_has_a_successor() -> None:
    with scribe_to_a_pipe() as (scribe, reading):
        say(NOT_STOPPED, why="first")
        wait_for(lambda: b"first" in _read(reading), 5, "written")
        _end(_holder_of_pipe(reading))  # one that is still dying may take what is said now with it

        def written() -> bool:
            scribe.look()
            return b"second" in _read(reading)

        say(NOT_STOPPED, why="second")
        wait_for(written, 5, "written by its successor")


def test_a_scribe_keeps_nothing_of_its_keepers_memory() -> None:
    """For as long as the guard runs: that of keeper and guard is locked, so none of it is shared with who was forked."""
    with scribe_to_a_pipe() as (_, reading):
        say(NOT_STOPPED, why="first")
        wait_for(lambda: b"first" in _read(reading), 5, "written")
        scribe = _holder_of_pipe(reading)
        assert _anonymous_kb(scribe) < min(_anonymous_kb(os.getpid()) / 2, 8192)
        assert Path(f"/proc/{scribe}/comm").read_text().strip() == "understudy-guar"


def test_a_scribe_that_cannot_begin_anew_goes_on_as_it_was_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Python is found, or the one that is found ends at once."""
    for python in ("/nowhere", "/bin/true"):
        monkeypatch.setattr(sys, "executable", python)
        with scribe_to_a_pipe() as (scribe, reading):

            def written(scribe: Scribe = scribe, reading: int = reading) -> bool:
                scribe.look()
                return b"first" in _read(reading)

            say(NOT_STOPPED, why="first")
            wait_for(written, 10, "written")


def _anonymous_kb(process: int) -> int:
    return int(Path(f"/proc/{process}/status").read_text().partition("RssAnon:")[2].split()[0])


@contextmanager
def scribe_to_a_pipe() -> Iterator[tuple[Scribe, int]]:
    """This process's standard error is a pipe meanwhile, and a scribe writes to it: the scribe, and the other end, which never waits."""
    reading, writing = os.pipe()
    own = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    scribe = Scribe()
    os.set_blocking(reading, False)
    try:
        yield scribe, reading
    finally:
        scribe.close(1)
        os.dup2(own, 2)
        os.close(own)
        os.close(reading)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""  # the scribe has not written on yet


def _end(process_id: int) -> None:
    """Kill a process that is no child of the test, and wait until it is gone."""
    process = os.pidfd_open(process_id)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        gone = select.poll()
        gone.register(process, select.POLLIN)
        assert gone.poll(5000), f"process {process_id} does not end"
    finally:
        os.close(process)


def _holder_of_pipe(reading: int) -> int:
    """The one other process that has this pipe open."""
    number = os.stat(reading).st_ino
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                if any(os.stat(path).st_ino == number for path in (process / "fd").iterdir()):
                    return int(process.name)
            except OSError:
                continue  # it has ended
    raise AssertionError("nobody")


def test_a_starter_without_a_pid_file_is_known_by_its_lock(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "understudyd.lock", os.O_RDWR | os.O_CREAT)
    child = subprocess.Popen(["flock", "--no-fork", str(tmp_path / "understudyd.lock"), "sleep", "100"])
    try:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(lock, fcntl.LOCK_UN)
            return False

        wait_for(taken, 5, "locked")
        starters = Starters(str(tmp_path))
        starters.look()
        assert {pid for pid, _ in starters.living("understudyd")} == {child.pid}
        assert starters.living("understudy-exec") == set()
        starters.kill()
        assert starters.left(time.monotonic() + 5) == []
        assert child.wait(5) == -9
        starters.close()
    finally:
        os.close(lock)
        child.kill()
        child.wait()


def test_who_is_known_is_not_forgotten_with_its_pid_file(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "100"])
    (tmp_path / "understudy-exec.pid").write_text(f"{child.pid} {status(child.pid).started}\n")
    starters = Starters(str(tmp_path))
    starters.look()
    (tmp_path / "understudy-exec.pid").unlink()
    starters.look()
    starters.kill()
    assert child.wait(5) == -9
    assert starters.left(time.monotonic() + 5) == []
    starters.close()


def test_a_notice_is_there_until_it_is_taken_back(tmp_path: Path) -> None:
    notice = Notice(str(tmp_path))
    assert read_notice(str(tmp_path)) == ()
    notice.post(["one", "x" * 10_000])
    first, second = read_notice(str(tmp_path))
    assert first.endswith(" one")
    assert len(second) < 4096
    notice.clear()
    assert read_notice(str(tmp_path)) == ()
    assert (tmp_path / "guard-says").stat().st_blocks > 0, "no block is needed to post it"
