"""The daemon's end of guard.sock: whatever a guard has to say fits into packets, and no packet ends the daemon."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from understudy.daemon.guardlink import PACKET, GuardLink
from understudy.errors import Unreachable
from understudy.guard import answers
from understudy.guard.held import Notes
from understudy.model.names import ResourceName
from understudy.ports import GuardSays

HELLO = {"incarnation": "0" * 32, "server": "ctr1", "held": True, "voters": [], "registry_seen": [0, 0, 0]}


class Guard:
    """A guard by hand: its notes, and what it answers."""

    def __init__(self, room: int = 4 << 20) -> None:
        self.notes = Notes(memoryview(bytearray(room)))
        self.longest = 0

    def answer(self, request: dict[str, Any]) -> bytes:
        match request["op"]:
            case "hello":
                fields: dict[str, Any] = {**HELLO, **answers.epochs(self.notes)}
            case "epochs":
                fields = answers.epochs(self.notes, request["after"])
            case "epoch":
                fields = answers.epoch(self.notes, request["resource"], request["epoch"])
        packet = json.dumps({"op": request["op"], "id": request["id"], **fields}).encode()
        self.longest = max(self.longest, len(packet))
        return packet


@contextlib.asynccontextmanager
async def linked(path: Path, answer: Callable[[dict[str, Any]], bytes]) -> AsyncIterator[GuardLink]:
    """A link to a guard that answers so."""
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
                    await loop.sock_sendall(client, answer(json.loads(packet)))

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
    guard = Guard()
    names = [ResourceName(f"{number:08x}-instance-of-a-virtual-machine-{number:08}") for number in range(5200)]
    async with linked(tmp_path, guard.answer) as link:
        for number, name in enumerate(names):
            guard.notes.put(name, number + 1)
        state = await link.state()
        assert guard.longest < PACKET
    assert state.epochs == {name: number + 1 for number, name in enumerate(names)}


async def test_a_guard_without_room_for_another_name_is_told_of(tmp_path: Path) -> None:
    guard = Guard(room=256)
    async with linked(tmp_path, guard.answer) as link:
        await link.state()
        while await link.remember(ResourceName(f"db{len(guard.notes.all())}"), 1):
            pass
        assert await link.remember(ResourceName("db0"), 2)
        event = await link.next_event()
        assert isinstance(event, GuardSays)
        assert "has room for no more" in event.text


async def test_a_packet_that_is_cut_is_a_guard_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.daemon.guardlink.ANSWER_S", 0.3)
    async with linked(tmp_path, lambda _: b'{"op": "hello", "epochs": {') as link:
        with pytest.raises(Unreachable):
            await link._ask({"op": "hello", "role": "daemon"}, within_s=0.3)
        assert link._reading is not None
        await asyncio.wait([link._reading])
        assert link._reading.exception() is None
