"""The daemon's end of guard.sock: whatever a guard has to say fits into packets, and no packet ends the daemon."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from understudy.daemon import facts, guardlink
from understudy.daemon.guardlink import PACKET, GuardLink
from understudy.errors import Unreachable
from understudy.guard import answers
from understudy.guard.clients import MOST_TOGETHER, parse_packet
from understudy.guard.core.epochs import Remembered
from understudy.guard.held import HeldEpochs
from understudy.guard.notes import Notes
from understudy.model.names import ResourceName, ServerName
from understudy.model.servers import ServerRecord
from understudy.model.settings import Settings
from understudy.model.view import ClusterRecord
from understudy.ports import GuardSays

HELLO = {"incarnation": "0" * 32, "server": "ctr1", "held": True, "voters": [], "registry_seen": [0, 0, 0]}


class ScriptedGuard:
    """A guard by hand: what it remembers of epochs, and what it answers."""

    def __init__(self, room: int = 4 << 20) -> None:
        self.epochs = HeldEpochs(Notes(memoryview(bytearray(room))), memoryview(bytearray(8)).cast("q"))
        self.longest = 0

    def answer(self, request: dict[str, Any]) -> bytes:
        match request["op"]:
            case "cluster" | "servers" | "able" | "protect":
                fields: dict[str, Any] = {}
            case "state":
                fields = HELLO
            case "hello":
                fields = {**HELLO, **answers.epochs(self.epochs)}
            case _:
                fields = answers.of_epochs(self.epochs, request)
        packet = json.dumps({"op": request["op"], "id": request["id"], **fields}).encode()
        self.longest = max(self.longest, len(packet))
        return packet


@contextlib.asynccontextmanager
async def linked(
    path: Path, answer: Callable[[dict[str, Any]], bytes], note: Callable[[list[str]], object] = lambda _: None
) -> AsyncIterator[GuardLink]:
    """A link to a guard that answers so; `note` is called with what each packet asks."""
    loop = asyncio.get_running_loop()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path / "guard.sock"))
    listening.listen()
    listening.setblocking(False)

    async def serve() -> None:
        while True:
            client, _ = await loop.sock_accept(listening)
            client.setblocking(False)
            with client, contextlib.suppress(OSError):
                while packet := await loop.sock_recv(client, 1 << 20):
                    asked = json.loads(packet)
                    requests = asked if isinstance(asked, list) else [asked]
                    note([request["op"] for request in requests])
                    for request in requests:
                        await loop.sock_sendall(client, answer(request))

    serving = asyncio.create_task(serve())
    link = GuardLink(path, round_s=0.1)
    try:
        yield link
    finally:
        await link.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        listening.close()


async def test_a_daemon_begins_however_many_names_its_guard_remembers(tmp_path: Path) -> None:
    """5,200 resources that were started here once, most of them deleted long ago, kept every daemon of the server from beginning."""
    guard = ScriptedGuard()
    names = [ResourceName(f"{number:08x}-instance-of-a-virtual-machine-{number:08}") for number in range(5200)]
    async with linked(tmp_path, guard.answer) as link:
        for number, name in enumerate(names):
            guard.epochs.put(name, Remembered(number + 1))
        state = await link.state()
        assert guard.longest < PACKET
    assert state.epochs == {name: number + 1 for number, name in enumerate(names)}


async def test_a_guard_without_room_for_another_name_is_told_of(tmp_path: Path) -> None:
    guard = ScriptedGuard(room=256)
    async with linked(tmp_path, guard.answer) as link:
        await link.state()
        while await link.remember(ResourceName(f"db{len(guard.epochs)}"), 1):
            pass
        assert await link.remember(ResourceName("db0"), 2)
        event = await link.next_event()
        assert isinstance(event, GuardSays)
        assert "has room for no more" in event.text


async def test_names_are_forgotten_that_were_released_and_are_no_higher_than_the_floor(tmp_path: Path) -> None:
    """And what was forgotten starts only above it, while what is remembered goes on from its own epoch."""
    guard = ScriptedGuard()
    started, released, higher = map(ResourceName, ("started", "released", "higher"))
    async with linked(tmp_path, guard.answer) as link:
        assert await link.remember(started, 4)
        assert await link.remember(released, 4)
        assert await link.remember(released, 5, released=True)
        assert await link.remember(higher, 9, released=True)
        assert await link.forget(5, (started, released, higher)) == {started, higher}
        state = await link.state()
        assert not await link.remember(released, 5)
        assert await link.remember(released, 5, released=True)
        assert await link.remember(released, 6)
        assert await link.remember(started, 4)
    assert state.epochs == {started: 4, higher: 9}
    guard.epochs.begin(fresh=True)  # of a new incarnation, for which everything was seen gone
    assert answers.forget(guard.epochs, 9, [started, higher]) == {"ok": True, "kept": []}


async def test_the_guard_has_room_for_as_many_names_as_are_registered_at_once(tmp_path: Path) -> None:
    """70,000 names, longer and longer, a few hundred at a time."""
    guard = ScriptedGuard(room=64 << 10)
    async with linked(tmp_path, guard.answer) as link:
        for number in range(140):
            names = [ResourceName(f"{'n' * (number % 40)}{number}-{count}") for count in range(500)]
            for name in names:
                assert guard.answer({"op": "epoch", "id": 0, "resource": name, "epoch": 2, "released": True}).endswith(b'"highest": 2}')
            assert not await link.forget(2, names)
            await link.remember(ResourceName("db"), number + 3)
    assert guard.epochs.page("", 1 << 20) == ({"db": Remembered(142)}, False)


async def test_a_packet_that_is_cut_is_a_guard_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, guardlink, "ANSWER_S", 0.3)
    async with linked(tmp_path, lambda _: b'{"op": "hello", "epochs": {') as link:
        with pytest.raises(Unreachable):
            await link._ask({"op": "hello", "role": "daemon"}, within_s=0.3)
        assert link._reading is not None
        await asyncio.wait([link._reading])
        assert link._reading.exception() is None


async def test_settings_that_could_not_be_kept_are_kept_when_there_is_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was tried once: the state was shown for as long as the daemon ran, whatever an administrator did about the disk."""
    exchange_value(monkeypatch, facts, "AGAIN_S", 0.0)
    folder = tmp_path / "state"
    folder.touch()  # in whose place no folder can be made
    ctr1 = ServerName("ctr1")
    async with linked(tmp_path, ScriptedGuard().answer) as link:
        link._facts = facts.KeptFacts(Settings(cluster="c", server="ctr1", servers=(), voters=("ctr1",), state_dir=str(folder)))
        await link.cluster(ClusterRecord(name="c", voters=(ctr1,)))
        await link.servers([ServerRecord(server=ctr1, addresses=("10.0.0.1",), attributes={"ROOM": "north"})])
        before = (await link.sight()).not_kept
        folder.unlink()
        after = (await link.sight()).not_kept

    assert f"{folder}/servers.json cannot be written: " in before
    assert (folder / "servers.json").exists()
    assert before.startswith(f"{folder}/cluster.json cannot be written: ")
    assert (after, (folder / "cluster.json").exists()) == ("", True)


async def test_what_is_asked_at_once_is_one_packet_for_a_guard_that_takes_lists(tmp_path: Path) -> None:
    """And one for each for a guard of an older version, which would take a list for noise and hang up."""
    packets: dict[bool, list[list[str]]] = {}
    for takes_lists in (False, True):
        guard, asked = ScriptedGuard(), packets.setdefault(takes_lists, [])

        def answer(request: dict[str, Any], guard: ScriptedGuard = guard, takes: bool = takes_lists) -> bytes:
            fields = json.loads(guard.answer(request))
            return json.dumps({**fields, "ok": True, **({"takes_lists": True} if takes and request["op"] == "hello" else {})}).encode()

        folder = tmp_path / str(takes_lists)
        folder.mkdir()
        async with linked(folder, answer, asked.append) as link:
            await link.state()
            asked.clear()
            await asyncio.gather(link.able(True, ""), link.remember(ResourceName("db"), 3), link.protect(["10.0.0.1"] * 1000))
    assert sorted(packets[False]) == [["able"], ["epoch"], ["protect"]]
    assert sorted(packets[True]) == [["able", "epoch"], ["protect"]]


async def test_however_much_is_asked_at_once_a_packet_holds_what_a_guard_takes(tmp_path: Path) -> None:
    guard, asked = ScriptedGuard(), list[list[str]]()
    async with linked(tmp_path, lambda request: _that_takes_lists(guard, request), asked.append) as link:
        await link.state()
        await asyncio.gather(*(link.able(True, "") for _ in range(50)))
    assert sum(map(len, asked)) == 51 + 1, "and two for who it is"
    assert 1 < max(map(len, asked)) <= MOST_TOGETHER
    assert parse_packet(json.dumps([{"op": "able"}] * MOST_TOGETHER).encode())
    assert not parse_packet(json.dumps([{"op": "able"}] * (MOST_TOGETHER + 1)).encode())


def _that_takes_lists(guard: ScriptedGuard, request: dict[str, Any]) -> bytes:
    return json.dumps({**json.loads(guard.answer(request)), "ok": True, "takes_lists": True}).encode()
