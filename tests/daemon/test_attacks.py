"""What a user who may only look does to a daemon: it goes on, root is answered at once, nobody blocks its loop."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
TESTS = Path(__file__).parents[1]
ROOT_WAITS_S = 5.0
"""On a machine that does other things too."""
NOBODY = 65534
WORKS_ON_END_MS = 250
"""Processor time: slices are 5 ms, a collection of garbage tens. Without slices it is seconds."""


def cpu_s(pid: int) -> float:
    """How long a process has worked (s; `proc(5)`, utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class AttackTarget:
    """The process, its socket, and the answers that root gets."""

    def __init__(self, folder: Path, resources: int, *open_files: int) -> None:
        self.path = str(folder / "api.sock")
        self.log = folder / "log"
        command = [sys.executable, "-m", "daemon.attacked", self.path, str(resources), *map(str, open_files)]
        environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent / 'src'}"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)

    def begun(self) -> None:
        """Once it serves."""
        assert self.said() == "ready", self.log.read_text()

    def said(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def figures(self) -> tuple[int, int]:
        """How long its loop worked on end at most since the last time (ms), and its memory (KiB)."""
        self.process.send_signal(signal.SIGUSR1)
        worst, memory = self.said().split()
        return int(worst), int(memory)

    def settle(self) -> None:
        """Until its loop does next to nothing of its own accord."""
        wait_for(lambda: self.worst_of_a_second() < WORKS_ON_END_MS // 10, 60, "it settles")

    def worst_of_a_second(self) -> int:
        """How long its loop worked on end at most (ms)."""
        until = time.monotonic() + 1
        wait_for(lambda: time.monotonic() > until, 5, "a second")
        return self.figures()[0]

    def rest(self) -> None:
        """Until it works on nothing that it was asked: a tenth of the processor is more than its own doings take."""
        wait_for(lambda: self.work_of_a_second() < 0.1, 60, "it has done what it was asked")

    def work_of_a_second(self) -> float:
        """How long its threads worked (s)."""
        before, until = cpu_s(self.process.pid), time.monotonic() + 1
        wait_for(lambda: time.monotonic() > until, 5, "a second")
        return cpu_s(self.process.pid) - before

    def connect(self, within_s: float = ROOT_WAITS_S) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@qq", int(within_s), 0))
        connection.connect(self.path)  # waits while a queue is full, as the commands do
        connection.settimeout(within_s)
        return connection

    def ask(self, raw: bytes, within_s: float = ROOT_WAITS_S) -> str:
        """One request as root; the whole answer."""
        with self.connect(within_s) as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def answers_root(self) -> None:
        """In time, and with what is true."""
        assert '"life":"ONLINE"' in self.ask(b"GET /v1/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    def lives(self) -> bool:
        return self.process.poll() is None

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


@contextlib.contextmanager
def target(resources: int = 2, *open_files: int) -> Iterator[AttackTarget]:
    """Somewhere that others reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        made = AttackTarget(Path(folder), resources, *open_files)
        try:
            made.begun()
            yield made
            assert made.end() == 0, made.log.read_text()
            assert "Traceback" not in made.log.read_text()
        finally:
            made.process.kill()
            made.process.wait()
            assert made.process.stdout is not None
            made.process.stdout.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[AttackTarget]:
    """For attacks that leave it as it was: its log, too, has no more than a few lines at the end."""
    with target() as daemon:
        yield daemon
        assert daemon.log.stat().st_size < 8000, daemon.log.read_text()


ATTACK = """
import json, os, resource, socket, sys, threading, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
os.setgid(65534); os.setuid(int(sys.argv[2]))
path = sys.argv[1]
def connected():
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(20)
    one.connect(path)
    return one
def post(verb, body, connection=None):
    one = connection or connected()
    head = b"POST /v1/verb/%s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % (verb, len(body))
    try: one.sendall(head + body)
    except OSError: pass
    return one
def whole(one):
    found = b""
    while True:
        try: data = one.recv(65536)
        except OSError: break
        if not data: break
        found += data
    return found
"""


@contextlib.contextmanager
def attacking(daemon: AttackTarget, script: str, uid: int = NOBODY) -> Iterator["subprocess.Popen[str]"]:
    """A process of another user, which prints `there` when it has begun and ends when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", ATTACK + script, daemon.path, str(uid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "there\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def attacked(daemon: AttackTarget, script: str) -> str:
    """What a process of user nobody printed, when it has ended."""
    command = [sys.executable, "-c", ATTACK + script, daemon.path, str(NOBODY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_filter_of_a_hundred_thousand_terms_stops_nothing() -> None:
    script = """
text = " OR ".join(["NAME = x"] * 100_000)
print("there", flush=True)
while True:
    whole(post(b"stat-resource", json.dumps({"filter": text}).encode()))
"""
    with target(1000) as daemon:
        daemon.settle()
        with attacking(daemon, script):
            for _ in range(5):
                daemon.answers_root()
        assert daemon.figures()[0] < WORKS_ON_END_MS


def test_the_dearest_questions_at_a_thousand_resources_leave_the_loop_to_others() -> None:
    script = """
text = " OR ".join(["NAME co xxx"] * 250)
def dear(body):
    while True:
        whole(post(b"stat-resource", json.dumps(body).encode()))
bodies = [{"filter": text}, {"targets": True}, {"json": True, "verbose": True}, {"table": True}] * 2
for body in bodies:
    threading.Thread(target=dear, args=(body,), daemon=True).start()
print("there", flush=True)
sys.stdin.read()
"""
    with target(1000) as daemon:
        daemon.settle()
        with attacking(daemon, script):
            until = time.monotonic() + 4
            while time.monotonic() < until:
                daemon.answers_root()
        assert daemon.figures()[0] < WORKS_ON_END_MS


def test_a_thousand_connections_of_one_user_leave_room_for_root_and_for_other_users() -> None:
    script = """
held = []
for _ in range(1100):
    try: held.append(connected())
    except OSError: break
print("there", flush=True)
sys.stdin.read()
"""
    with target(2, 1024) as daemon, attacking(daemon, script):
        daemon.answers_root()
        assert daemon.lives()


def test_connections_in_a_loop_neither_end_nor_hold_up_anything() -> None:
    script = """
print("there", flush=True)
while True:
    held = []
    try:
        for _ in range(1100): held.append(connected())
    except OSError: pass
    for each in held: each.close()
"""
    with target(2, 1024) as daemon:
        with attacking(daemon, script):
            until = time.monotonic() + 3
            while time.monotonic() < until:
                daemon.answers_root()
        assert daemon.log.stat().st_size < 20_000


def test_without_a_free_descriptor_it_waits_for_one() -> None:
    """Also when they are its own that are used up."""
    with target(2, 64) as daemon:
        held = []
        with contextlib.suppress(OSError):
            for _ in range(80):
                held.append(daemon.connect(1.0))
        wait_for(lambda: "LimitNOFILE" in daemon.log.read_text(), 5, "it says what is used up, and what to do")
        assert daemon.lives()
        for each in held:
            each.close()
        daemon.answers_root()


def test_a_body_of_six_hundred_megabytes_is_not_read() -> None:
    script = """
one = connected()
one.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 600000000\\r\\n\\r\\n")
sent, part = 0, b" " * 1000000
try:
    for _ in range(200): one.sendall(part); sent += len(part)
except OSError: pass
print(sent)
other = connected()
other.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
try:
    for _ in range(200): other.sendall(b"F4240\\r\\n" + part + b"\\r\\n"); sent += len(part)
except OSError: pass
print(sent)
"""
    with target() as daemon:
        before = daemon.figures()[1]
        sent = attacked(daemon, script).split()
        daemon.answers_root()
        assert int(sent[-1]) < 8_000_000
        assert daemon.figures()[1] - before < 32_000, "KiB"


@pytest.mark.parametrize(("users", "most_kib"), [(1, 40_000), (8, 100_000)])
def test_connections_that_never_read_do_not_fill_the_memory(users: int, most_kib: int) -> None:
    """Two MB each. What is asked at the same moment counts too: no answer waits yet when they all are let in."""
    script = f"""
held, ask = [], (b"stat-resource", b'{{"json": true, "full": true}}')
for user in range({users}):
    os.seteuid(0); os.seteuid(60000 + user)
    held += [post(*ask) for _ in range(60 // {users})]
print("there", flush=True)
sys.stdin.read()
"""
    with target(1000) as daemon:
        daemon.ask(b"GET /v1/resources HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 20)
        daemon.rest()
        before = daemon.figures()[1]
        with attacking(daemon, script, uid=0):
            daemon.answers_root()
            daemon.rest()
            assert daemon.figures()[1] - before < most_kib, "KiB"


@pytest.mark.parametrize(
    ("name", "request_", "status"),
    [
        ("brackets", "post(b'stat-resource', b'[' * 60_000)", "400"),
        ("a number beyond all", "post(b'history', b'{\"last\": 1e999}')", "200"),
        ("parentheses", "post(b'stat-resource', b'{\"filter\": \"%s\"}' % (b'(' * 3000))", "200"),
        ("a word for a number", "connected(); one.sendall(b'GET /v1/history?last=x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')", "400"),
        ("no HTTP", "connected(); one.sendall(b'\\x16\\x03\\x01 hello\\r\\n\\r\\n')", "400"),
        ("a head without end", "connected(); one.sendall(b'GET / HTTP/1.1\\r\\n' + b'X: y\\r\\n' * 6000)", "431"),
        ("a name of a megabyte", "post(b'stat-resource', b'{\"names\": [\"%s\"]}' % (b'x' * 60_000))", "200"),
        ("names without end", "post(b'stat-resource', b'{\"names\": [%s]}' % b','.join(b'\"%d\"' % n for n in range(9000)))", "200"),
    ],
)
def test_a_bad_request_is_answered_and_costs_a_line(shared: AttackTarget, name: str, request_: str, status: str) -> None:
    script = f"""
for number in range(5):
    one = {request_}
    found = whole(one)
    assert found.split()[1] == b"{status}", found[:300]
    assert len(found) < 1_000_000
print("done")
"""
    assert attacked(shared, script) == "done\n"
    shared.answers_root()


def test_a_bad_chunk_behind_an_answer_breaks_nothing(shared: AttackTarget) -> None:
    script = """
one = connected()
one.sendall(b"POST /v1/verb/nothing HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
one.recv(100)
try: one.sendall(b"no chunk\\r\\n\\r\\n"); whole(one)
except OSError: pass
print("done")
"""
    assert attacked(shared, script) == "done\n"
    shared.answers_root()


def test_who_goes_away_in_the_middle_of_a_body_leaves_nothing_behind(shared: AttackTarget) -> None:
    """Those that have gone count until the daemon has seen it: on a busy machine it sends away who is one too many of this user, before its
    request has come (EPIPE; `crsctl` reads why)."""
    script = """
for _ in range(50):
    one = connected()
    try: one.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\nhalf")
    except BrokenPipeError: pass
    one.close()
print("done")
"""
    assert attacked(shared, script) == "done\n"
    shared.answers_root()


def test_a_request_that_does_not_come_is_not_waited_for_for_ever(shared: AttackTarget) -> None:
    """Head and body each have a time; the answer says so."""
    with shared.connect(20) as silent, shared.connect(20) as half:
        half.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        silent.sendall(b"GET /v1")
        assert b" 408 " in silent.recv(4096)
        assert b" 408 " in half.recv(4096)


def test_a_reader_that_has_gone_is_not_written_to(shared: AttackTarget) -> None:
    """`history -n 100000 | head`: not a line of the log for each line that nobody takes."""
    script = """
for _ in range(20):
    one = post(b"history", b'{"last": 100000}')
    one.recv(10)
    one.close()
print("done")
"""
    assert attacked(shared, script) == "done\n"
    shared.answers_root()
    assert "socket.send()" not in shared.log.read_text()
