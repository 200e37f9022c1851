"""The API over its real socket: who asks, what is answered, and what becomes of a command whose caller goes away."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from daemon.cluster import Cluster, running
from support import open_to_all, wait_until
from understudy.daemon import api, http
from understudy.daemon.api import application
from understudy.daemon.peers import listening
from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Life, State, Target


@asynccontextmanager
async def served(cluster: Cluster, folder: Path) -> AsyncIterator[str]:
    """ctr1's API on a socket; its path."""
    path = str(folder / "api.sock")
    async with listening(application(cluster.services("ctr1")), path):
        yield path


async def ask(path: str, method: str, target: str, body: object = None) -> tuple[int, str]:
    """One request, one connection."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        await send(writer, method, target, body)
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), unchunked(rest) if b"chunked" in head.lower() else rest.decode()
    finally:
        writer.close()
        await writer.wait_closed()


async def send(writer: asyncio.StreamWriter, method: str, target: str, body: object = None) -> None:
    """The request."""
    raw = b"" if body is None else json.dumps(body).encode()
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n\r\n".encode() + raw)
    await writer.drain()


def unchunked(raw: bytes) -> str:
    """The body of a chunked answer."""
    found = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        found, raw = found + raw[: int(size, 16)], raw[int(size, 16) + 2 :]
    return found.decode()


def messages(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


async def test_a_verb_answers_lines_and_last_its_status(tmp_path: Path) -> None:
    """Started through the socket, it runs."""
    async with running("ctr1", "ctr2") as cluster, served(cluster, tmp_path) as path:
        body = {"names": ["db"], "type": "cluster_resource", "attr": "ACTION_SCRIPT=/bin/true"}
        assert messages((await ask(path, "POST", "/v1/verb/add-resource", body))[1]) == [{"exit": 0}]

        status, text = await ask(path, "POST", "/v1/verb/start-resource", {"names": ["db"], "server": "ctr1"})

        assert status == 200
        assert messages(text) == [
            {"out": "CRS-2672: Attempting to start 'db' on 'ctr1'"},
            {"out": "CRS-2676: Start of 'db' on 'ctr1' succeeded"},
            {"exit": 0},
        ]


async def test_ready_once_this_server_has_joined(tmp_path: Path) -> None:
    """200 with its life; 503 while it is JOINING."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        assert await ask(path, "GET", "/v1/ready") == (200, '{"server":"ctr1","life":"ONLINE"}')

        mirror = cluster.nodes["ctr1"].mirror
        record = replace(mirror.view.present()[next(iter(mirror.view.present()))], life=Life.JOINING)
        after = replace(mirror.view, incarnations={Incarnation(record.incarnation): record})
        mirror.view = after

        assert (await ask(path, "GET", "/v1/ready"))[0] == 503


async def test_everything_that_is_read_is_json(tmp_path: Path) -> None:
    """One address each, and 404 for what is not there."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await cluster.run('crsctl add resource a%b -type cluster_resource -attr "ACTION_SCRIPT=/x"')
        for target in ("resources", "servers", "serverpools", "types", "cluster", "history?last=5", "view", "intent", "explain/a%25b"):
            status, text = await ask(path, "GET", f"/v1/{target}")
            assert status == 200, target
            assert json.loads(text), target

        assert (await ask(path, "GET", "/v1/explain/nothing"))[0] == 404
        assert (await ask(path, "GET", "/v1/nothing"))[0] == 404
        assert (await ask(path, "POST", "/v1/verb/nothing", {}))[0] == 404


async def test_what_is_no_request_is_refused(tmp_path: Path) -> None:
    """With 400, or the verb's own words, never a broken connection."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        assert (await ask(path, "POST", "/v1/verb/stat-resource", ["not", "an", "object"]))[0] == 400

        _, text = await ask(path, "POST", "/v1/verb/start-resource", {"names": "db"})

        assert messages(text)[-1] == {"exit": 1}


async def ask_as_nobody(path: str, *requests: tuple[str, dict[str, object]]) -> list[str]:
    """What a user other than root is answered, verb after verb. The uid is the kernel's word."""
    script = (
        "import json,os,socket,sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for verb, body in json.loads(sys.argv[2]):\n"
        "    s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); b=json.dumps(body).encode()\n"
        "    s.sendall(b'POST /v1/verb/%s HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n' % (verb.encode(), len(b)) + b)\n"
        "    print(json.dumps(b''.join(iter(lambda: s.recv(4096), b'')).decode()))"
    )
    command = ("python3", "-c", script, path, json.dumps(requests))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return [json.loads(line) for line in (await process.communicate())[0].splitlines()]


async def test_who_is_not_root_changes_what_access_lists_give(tmp_path: Path) -> None:
    """Refused by name (CRS-2725), and what no list is about is root's alone."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        open_to_all(tmp_path)
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x"')
        db: dict[str, object] = {"names": ["db"]}

        stopped, started, left = await ask_as_nobody(path, ("stop-resource", db), ("start-resource", db), ("leave-server", {}))

        for text in (stopped, started):
            assert "CRS-2725: User 'nobody' does not have permission to operate on resource 'db'" in text
            assert '{"exit": 1}' in text
        assert "UND-0064: Only root may do this, and you are user 'nobody'" in left
        assert ResourceName("db") not in cluster.nodes["ctr1"].mirror.view.targets

        await cluster.run("crsctl setperm resource db -u user:nobody:r-x")
        (started,) = await ask_as_nobody(path, ("start-resource", db))
        assert '{"exit": 0}' in started
        assert cluster.nodes["ctr1"].mirror.view.targets[ResourceName("db")].by == "nobody@ctr1"


async def test_what_may_not_be_seen_is_nowhere(tmp_path: Path) -> None:
    """Neither in what verbs print nor in what is read as JSON."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        open_to_all(tmp_path)
        acl = "ACL='owner:root:rwx,pgrp:root:r-x,other::---'"
        await cluster.run(f'crsctl add resource secret -type cluster_resource -attr "ACTION_SCRIPT=/x,{acl}"')
        await cluster.run("crsctl start resource secret")
        await cluster.run(f'crsctl add serverpool hidden -attr "{acl}"')
        await cluster.run(
            f'crsctl add type veiled.type -basetype cluster_resource -attr "ATTRIBUTE=ACL,TYPE=string,DEFAULT_VALUE={acl[4:]}"'
        )
        reading: list[tuple[str, dict[str, object]]] = [
            ("stat-resource", {}), ("stat-resource", {"names": ["secret"]}), ("history", {}), ("explain", {"names": ["secret"]}),
            ("stat-serverpool", {}), ("stat-type", {}), ("cluster-export", {}), ("cluster-status", {}), ("server-list", {}),
            ("getperm", {"names": ["secret"]}), ("file-export", {}),
        ]  # fmt: skip

        answers = await ask_as_nobody(path, *reading)

        assert len(answers) == len(reading)
        for (verb, _), answer in zip(reading, answers, strict=True):
            answer = answer.replace("Could not find resource 'secret'", "")
            hidden = ("secret",) if verb == "history" else ("secret", "hidden", "veiled")  # its lines name pools and types
            assert not [word for word in hidden if word in answer], verb
        assert "secret" in (await ask(path, "POST", "/v1/verb/history", {}))[1]


async def test_one_user_has_only_so_many_commands_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go on when their caller goes away, so connections do not bound them."""
    exchange_value(monkeypatch, api, "MOST_UNDER_WAY", 0)
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        open_to_all(tmp_path)
        (answer,) = await ask_as_nobody(path, ("stop-resource", {"names": ["db"]}))
        assert "UND-0330: User 'nobody' has 0 commands under way" in answer
        assert messages((await ask(path, "POST", "/v1/verb/stop-resource", {"names": ["db"]}))[1])[0]["out"].startswith("CRS-2613")


async def test_a_caller_that_goes_away_leaves_its_intent(tmp_path: Path) -> None:
    """Ctrl-C detaches: the start goes on to its end."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x"')
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["start"] = 0.05
        reader, writer = await asyncio.open_unix_connection(path)
        await send(writer, "POST", "/v1/verb/start-resource", {"names": ["db"]})
        await reader.readuntil(b"Attempting to start")
        writer.close()

        def up() -> bool:
            report = cluster.nodes["ctr1"].mirror.view.reports.get(ResourceName("db"), {})
            return any(known.state is State.ONLINE for known in report.values())

        await wait_until(up, 5, "the start goes on")
        assert cluster.nodes["ctr1"].mirror.view.target(ResourceName("db")) is Target.ONLINE


async def test_a_follower_that_goes_away_is_forgotten(tmp_path: Path) -> None:
    """What only reads ends with its caller."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        before = len(asyncio.all_tasks())
        reader, writer = await asyncio.open_unix_connection(path)
        await send(writer, "POST", "/v1/verb/history", {"follow": True})
        await reader.readuntil(b"joined")
        writer.close()

        await wait_until(lambda: len(asyncio.all_tasks()) <= before, 5, "its tasks end")


async def test_a_command_that_is_silent_hears_that_the_daemon_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it waits: a client that receives nothing at all may take the daemon for hung."""
    exchange_value(monkeypatch, api, "STILL_S", 0.01)
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        await send(writer, "POST", "/v1/verb/history", {"follow": True})
        async with asyncio.timeout(5):
            await reader.readuntil(b'{"still":true}')
            await reader.readuntil(b'{"still":true}')
        writer.close()


async def test_an_answer_that_nobody_reads_is_not_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is cut, and nothing of it is left."""
    exchange_value(monkeypatch, http, "UNREAD_S", 0.05)
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        before = len(asyncio.all_tasks())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            raw = json.dumps({"names": [str(number) for number in range(9000)]}).encode()
            connection.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
            await wait_until(lambda: len(asyncio.all_tasks()) > before, 5, "it is asked")
            await wait_until(lambda: len(asyncio.all_tasks()) <= before, 5, "it is cut")
            connection.settimeout(5)
            taken = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'{"exit"' not in taken


async def test_a_daemon_that_has_not_read_yet_says_so(tmp_path: Path) -> None:
    """An empty View is not an empty cluster; and what is remembered while the registry is away is said to be."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        mirror = cluster.nodes["ctr1"].mirror
        mirror.reachable = False
        _, text = await ask(path, "POST", "/v1/verb/stat-resource", {})
        assert messages(text)[0]["err"].startswith("UND-0068: The registry does not answer: for 0 s; what is shown is 0 s old.")
        assert messages(text)[-1] == {"exit": 0}

        mirror.read_once = False
        _, text = await ask(path, "POST", "/v1/verb/stat-resource", {})
        first, why, *_, last = messages(text)
        assert first == {"out": "CRS-4535: Cannot communicate with Cluster Ready Services"}
        assert "nothing is known of the cluster" in str(why["err"])
        assert last == {"exit": 1}


async def test_a_broken_verb_breaks_only_itself(tmp_path: Path) -> None:
    """The caller gets an error, the trace is logged, and the next request is answered."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        _, text = await ask(path, "POST", "/v1/verb/history", {"last": {"no": "number"}})
        assert messages(text)[-1] == {"exit": 1}

        assert (await ask(path, "GET", "/v1/ready"))[0] == 200
