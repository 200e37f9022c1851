"""The command line: help with an example everywhere, what is understood, and whole processes against a real socket."""

import asyncio
import contextlib
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutting import exchange_value
from daemon.cluster import request, running
from support import wait_until
from understudy.cli import appvipcfg, client, crsctl, understudy
from understudy.cli.options import Command, Usage, parse
from understudy.cli.understudy import cluster_backup
from understudy.daemon.api import application
from understudy.daemon.http import raw_refusal
from understudy.daemon.peers import listening
from understudy.daemon.verbs import REHEARSALS
from understudy.guard.leave import STAY_OUT
from understudy.guard.notice import Notice

ROOT = Path(__file__).parents[2]
HEAVY = {"asyncio", "http.client", "logging", "dataclasses", "argparse", "typing", "ssl", "email"}


def commands() -> list[Command]:
    """Every command of crsctl, appvipcfg and understudy that asks the daemon."""
    found = [command for verb in crsctl.VERBS for command in crsctl.load(verb).values()]
    found += appvipcfg.COMMANDS.values()
    for name in understudy.ASKING:
        found += __import__(f"understudy.cli.understudy.{name}", fromlist=["COMMANDS"]).COMMANDS.values()
    return found


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.title)
def test_every_command_has_help_with_an_example_that_parses(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """The example is a command line of this very command."""
    for word in ("-h", "-help", "--help", "-?"):
        with pytest.raises(SystemExit) as ended:
            parse(command, [word])
        assert ended.value.code == 0
    assert capsys.readouterr().out.count("Example:") == 4
    for example in command.example.split("\n"):
        verb, body = request(example)
        assert verb == command.verb, example
        assert body is not None


def test_every_verb_is_reached_by_a_command() -> None:
    """And every command's verb is there, to be carried out or only rehearsed. `site-places` is asked by understudy openstack."""
    asking = {command.verb for command in commands() if command.verb}
    assert {*asking, *cluster_backup.VERBS, "site-places"} == set(REHEARSALS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("crsctl start resource a b -n ctr1", ("start-resource", {"names": ["a", "b"], "server": "ctr1"})),
        ("crsctl start res -n ctr1 a b -f", ("start-resource", {"names": ["a", "b"], "server": "ctr1", "force": True})),
        ("crsctl status resource a -t", ("stat-resource", {"names": ["a"], "table": True})),
        ("crsctl check cluster -n ctr1 ctr2", ("check-cluster", {"names": ["ctr1", "ctr2"]})),
        ("appvipcfg create -network=1 -ip 10.0.0.1 -user=root", ("appvip-create", {"network": "1", "ip": "10.0.0.1", "user": "root"})),
        ("crsctl getperm resource vip -u oracle", ("getperm", {"object": "resource", "names": ["vip"], "user": "oracle"})),
        ("understudy status", ("stat-resource", {"table": True})),
        ('crsctl stat res -w "TYPE = x"', ("stat-resource", {"filter": "TYPE = x"})),
    ],
)
def test_names_and_options_stand_in_any_order(line: str, expected: object) -> None:
    """As crsctl takes them."""
    assert request(line) == expected


@pytest.mark.parametrize(
    "line", ["crsctl start res a -x", "crsctl start res a -n", "crsctl check crs a", "crsctl add res x -file /nowhere"]
)
def test_what_is_not_understood_is_named(line: str) -> None:
    """Before the daemon is asked."""
    with pytest.raises(Usage, match=r"-x|-n|'a'|/nowhere"):
        request(line)


def test_a_file_is_read_by_the_client(tmp_path: Path) -> None:
    """It is the operator's, not the daemon's."""
    file = tmp_path / "attributes"
    file.write_text("LOAD=2\n")

    assert request(f"crsctl add res x -type t -file {file}") == ("add-resource", {"type": "t", "file": "LOAD=2\n", "names": ["x"]})


async def run(line: str, run_dir: Path) -> tuple[int, str, str]:
    """One command as a process of its own."""
    program, *words = shlex.split(line)
    code = f"import sys; from understudy.cli.{program} import main; sys.exit(main(sys.argv[1:]))"
    environment = {"PYTHONPATH": str(ROOT / "src"), "UNDERSTUDY_RUN_DIR": str(run_dir), "PATH": "/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", code, *words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_whole_processes_talk_to_the_daemon(tmp_path: Path) -> None:
    """Output and exit status come through; nothing is printed twice."""
    async with running("ctr1") as cluster, listening(application(cluster.services("ctr1")), str(tmp_path / "api.sock")):
        assert await run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/bin/true"', tmp_path) == (0, "", "")
        status, out, _ = await run("crsctl start res db", tmp_path)
        assert (status, out) == (
            0,
            "CRS-2672: Attempting to start 'db' on 'ctr1'\nCRS-2676: Start of 'db' on 'ctr1' succeeded\n",
        )
        status, out, _ = await run("crsctl stat res db --json", tmp_path)
        assert (status, out[:12]) == (0, '{"revision":')
        assert (await run("crsctl stat res nothing", tmp_path))[0] == 1
        assert (await run("understudy history -n 1", tmp_path))[0] == 0


@pytest.mark.parametrize("line", ["crsctl stat res -t", "understudy explain x", "crsctl check cluster"])
async def test_without_a_daemon_it_says_so(line: str, tmp_path: Path) -> None:
    """CRS-4639 and exit status 1, of crsctl but for its checks CRS-4000 as well; what to look at goes to standard error."""
    status, out, err = await run(line, tmp_path)

    failed = "CRS-4000: Command Status failed, or completed with errors.\n" if "stat" in line else ""
    assert (status, out) == (1, f"CRS-4639: Could not contact Oracle High Availability Services\n{failed}")
    assert "is understudyd running" in err


async def test_what_the_guard_left_to_say_is_shown_although_nobody_answers(tmp_path: Path) -> None:
    """The daemon may be gone because the guard could not stop everything: that is what the operator has to know."""
    Notice(str(tmp_path)).post(["control group /x is not empty: processes 7 do not die", "mend it"])
    _, _, err = await run("crsctl check crs", tmp_path)
    assert "understudy-guard: " in err
    assert "processes 7 do not die" in err


@pytest.mark.parametrize("line", ["crsctl start crs", "understudy server join"])
async def test_who_asks_a_server_back_at_once_waits_for_its_daemon(line: str, tmp_path: Path) -> None:
    """`crsctl stop crs && crsctl start crs`: the daemon that hears it ends with its guard in the midst of its answer, then nobody is there
    for some seconds, and the next one is asked again, until the server is back."""
    (tmp_path / STAY_OUT).write_text("root@ctr1\n")
    asked: list[bytes] = []
    with answering(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n", close=True, heard=asked):
        command = asyncio.create_task(run(line, tmp_path))
        await wait_until(lambda: asked, 10, "the first daemon is asked")
        (tmp_path / STAY_OUT).unlink()
    (tmp_path / "api.sock").unlink()
    with answering(tmp_path, b'HTTP/1.1 200 OK\r\n\r\n{"out":"CRS-4123"}\n{"exit":0}\n', close=True, heard=asked):
        status, out, err = await command

    assert (status, out) == (0, "CRS-4123\n")
    assert err.count("is being begun again") == 1
    assert b'"wait": true' in asked[-1]


async def test_a_daemon_that_never_begins_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not at all where the server was not taken out, or for another command."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    exchange_value(monkeypatch, client, "BEGINS_S", 0.05)
    for taken_out, verb in ((False, "join-server"), (True, "stat-resource"), (True, "join-server")):
        if taken_out:
            (tmp_path / STAY_OUT).write_text("root@ctr1\n")
        assert client.run(verb, {}) == 1
        out, err = capsys.readouterr()
        assert out == "CRS-4639: Could not contact Oracle High Availability Services\n"
        assert ("is being begun again" in err) == (taken_out and verb == "join-server")


@pytest.mark.parametrize(("verb", "lines"), [("check-crs", 1), ("start-resource", 2)])
def test_a_daemon_that_hangs_is_said_to_hang(
    verb: str, lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is there, accepts the connection, and sends nothing: no command waits for it silently, or without end."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    exchange_value(monkeypatch, client, "ANSWERS_S", 0.02)
    exchange_value(monkeypatch, client, "PATIENCE_S", 0.02)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hangs:
        hangs.bind(f"{tmp_path}/api.sock")
        hangs.listen()
        status = client.run(verb, {})
    out, err = capsys.readouterr()

    assert (status, out) == (1, "CRS-4639: Could not contact Oracle High Availability Services\n")
    assert err.count("has not answered for 0 s: it hangs, or is stopped") == lines


@pytest.mark.parametrize(
    ("answer", "line", "failures"),
    [
        (b'{"out":"UND-0061: no answer"}\n{"exit":1}\n', "crsctl start res db", 1),
        (b'{"out":"CRS-4000: Command Start failed, or completed with errors."}\n{"exit":1}\n', "crsctl start res db", 1),
        (b'{"exit":0}\n', "crsctl start res db", 0),
        (b'{"out":"CRS-4535: no"}\n{"exit":1}\n', "crsctl check cluster", 0),
        (b'{"out":"all runs, but"}\n{"exit":3}\n', "crsctl check crs", 0),
        (b'{"out":"UND-0061: no answer"}\n{"exit":1}\n', "understudy explain db", 0),
    ],
)
def test_every_failure_of_crsctl_ends_with_crs_4000(
    answer: bytes, line: str, failures: int, *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, whoever says it; what a check finds is no failure, and commands of ours have no such line."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    program, *words = shlex.split(line)
    main = {"crsctl": crsctl.main, "understudy": understudy.main}[program]
    with answering(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n" + answer, close=True):
        main(words)

    assert capsys.readouterr().out.count("CRS-4000: Command Start failed, or completed with errors.") == failures


def test_a_daemon_that_falls_silent_in_the_middle_is_said_to_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said before is shown."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    exchange_value(monkeypatch, client, "SILENT_S", 0.05)
    with answering(tmp_path, b'HTTP/1.1 200 OK\r\n\r\n{"out":"one"}\n{"still":true}\n'):
        status = client.run("stop-resource", {})
    out, err = capsys.readouterr()

    assert (status, out) == (1, "one\nCRS-4639: Could not contact Oracle High Availability Services\n")
    assert "it is there and has not answered for 0 s: it hangs" in err
    assert "What was asked for may still be done" in err


def test_a_refusal_that_is_sent_before_the_request_was_read_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The connection is closed by then."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    with answering(tmp_path, raw_refusal(503, "this user has 32 connections open"), close=True):
        assert client.run("stat-resource", {"names": ["x" * 500_000]}) == 1
    assert "it answers 503: this user has 32 connections open" in capsys.readouterr().err


def test_a_daemon_that_knows_no_dry_run_carries_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not know the path, and that is what the answer means."""
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    with answering(tmp_path, raw_refusal(404, "no such path"), listens=True, close=True):
        assert client.run("stop-resource", {"names": ["db"], "dry_run": True}) == 1
    assert "knows no dry run; nothing was changed" in capsys.readouterr().err


def test_a_queue_that_is_full_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("UNDERSTUDY_RUN_DIR", str(tmp_path))
    exchange_value(monkeypatch, client, "QUEUES_S", 1)
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        full.bind(f"{tmp_path}/api.sock")
        full.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                connection.setblocking(False)
                connection.connect(f"{tmp_path}/api.sock")
        assert client.run("check-crs", {}) == 1
    assert "understudyd takes no more connections" in capsys.readouterr().err


def test_an_answer_is_read_while_its_reader_waits(tmp_path: Path) -> None:
    """`| less`: the daemon is rid of it at once, and all of it is shown in the end."""
    text = b'{"out":"%s"}\n' % (b"x" * 999) * 2000
    imports = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); from understudy.cli import client"
    command = f"{imports}; sys.exit(client.run('history', {{}}))"
    with answering(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n" + text + b'{"exit":3}\n', close=True) as sent:
        process = subprocess.Popen(
            [sys.executable, "-IS", "-c", command], stdout=subprocess.PIPE, env={**os.environ, "UNDERSTUDY_RUN_DIR": str(tmp_path)}
        )
        assert sent.wait(10), "it is read although nobody reads what is printed"
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 3
    assert len(out) == 2000 * 1000


@contextlib.contextmanager
def answering(
    folder: Path, answer: bytes, *, listens: bool = False, close: bool = False, heard: list[bytes] | None = None
) -> Iterator[threading.Event]:
    """Somebody on api.sock who says this to whoever comes, or to whoever asks something (which is added to `heard`), and when all of it was
    taken."""
    sent = threading.Event()
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(f"{folder}/api.sock")
        listener.listen()

        def serve() -> None:
            connection = held.enter_context(listener.accept()[0])
            if listens or heard is not None:
                said = connection.recv(1 << 16)
                if heard is not None:
                    heard.append(said)
            connection.sendall(answer)
            if close:
                connection.close()
            sent.set()

        thread = threading.Thread(target=serve)
        thread.start()
        yield sent
        thread.join(10)


@pytest.mark.parametrize(
    "line", ["crsctl", "crsctl fly", "crsctl start", "crsctl start car", "appvipcfg", "appvipcfg fly", "understudy", "understudy fly"]
)
async def test_a_wrong_command_ends_with_1(line: str, tmp_path: Path) -> None:
    """And says what there is."""
    status, out, err = await run(line, tmp_path)

    assert status == 1
    assert out or err


@pytest.mark.parametrize("line", ["crsctl -h", "crsctl start -h", "appvipcfg -h", "understudy -h", "understudy server -h"])
async def test_help_ends_with_0(line: str, tmp_path: Path) -> None:
    """With an example."""
    status, out, _ = await run(line, tmp_path)

    assert status == 0
    assert "Example" in out


async def test_the_client_imports_nothing_heavy(tmp_path: Path) -> None:
    """What crsctl imports decides how fast it is."""
    code = (
        "import sys; from understudy.cli.crsctl import load; from understudy.cli import client; load('stat'); print(' '.join(sys.modules))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); {code}", stdout=subprocess.PIPE
    )

    loaded = set((await process.communicate())[0].decode().split())

    assert not loaded & HEAVY
    assert not any(name.startswith(("understudy.model", "understudy.daemon")) for name in loaded)
