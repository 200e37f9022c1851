"""The daemon's end of guard.sock: the Guard port. The lease itself is read from the mapped file, without a round trip.

Reconnects by itself; while no guard answers every question raises Unreachable, and `held` says no once the lease has run out.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.correlator import Correlator
from understudy.daemon.facts import KeptFacts
from understudy.errors import TooManyWaiting, Unreachable
from understudy.guard import registered
from understudy.guard.clients import MOST_TOGETHER
from understudy.linux.lease import read_lease
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import Position
from understudy.model.servers import ServerRecord
from understudy.model.settings import Settings
from understudy.model.view import ClusterRecord
from understudy.ports import (
    AbilityChanged,
    Counted,
    Farewell,
    GuardEvent,
    GuardSays,
    GuardSight,
    GuardState,
    LastMessage,
    LeaseChanged,
    LeaveAsked,
    SilentWord,
    VotersAcknowledged,
)

ANSWER_S = 2.0
AGAIN_S = 0.02
FORGET_AT_ONCE = 200
"""Names, of which a guard takes no more than `guard/answers.py` says."""
PACKET = 1 << 20
TOGETHER_BYTES = 4096
"""Of requests in one packet."""
FULL = (
    "it remembers the epochs of {} resources and has room for no more: what was never started on this server cannot start here. "
    "Delete resources that are needed no more: it forgets those. Or let the server leave and join again (understudy server leave, then "
    "understudy server join): then it remembers none"
)


class GuardLink:
    """One connection to the local guard."""

    def __init__(self, run_dir: Path, *, round_s: float, facts: KeptFacts | None = None) -> None:
        self._socket_path = str(run_dir / "guard.sock")
        self._lease_path = str(run_dir / "lease")
        self._round_s = round_s
        self._facts = facts
        """What is kept on disk; None: nothing is."""
        self._cluster: ClusterRecord | None = None
        self._servers: tuple[ServerRecord, ...] = ()
        """What the guard was sent last."""
        self._goes_by: dict[str, Any] = {}
        """What the guard answered to that: the voters that it goes by."""
        self._socket: socket.socket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._requests: Correlator[dict[str, Any]] = Correlator()
        self._unsent: list[str] | None = None
        """What is asked in one moment goes out as one packet, and wakes the guard once; None: one of an older version takes no lists."""
        self._sending: set[asyncio.Future[None]] = set()
        self._events: asyncio.Queue[GuardEvent] = asyncio.Queue()
        self._dead: frozenset[str] = frozenset()
        self._said: set[str] = set()
        """What the guard has said in this daemon's life; few, and a guard remembers few."""
        self.incarnation: Incarnation | None = None

    @classmethod
    def of(cls, settings: Settings, *, round_s: float) -> "GuardLink":
        """For this server."""
        return cls(Path(settings.run_dir), round_s=round_s, facts=KeptFacts(settings))

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._hang_up()

    # --- the port ---------------------------------------------------------------------------------------------------

    def held(self) -> bool:
        """See ports.Guard: reads the mapped lease on this server's own clocks (S4)."""
        lease = read_lease(self._lease_path)
        return lease.incarnation.hex() == self.incarnation and lease.left_s() > 0

    async def state(self) -> GuardState:
        """See ports.Guard."""
        answer = await self._ask({"op": "hello", "role": "daemon"})
        epochs: dict[str, int] = answer["epochs"]
        released: list[str] = answer.get("released", [])
        after = answer.get("epochs_after")
        while after is not None:  # they come in pages: a server that has seen many names has more than fit a packet
            page = await self._ask({"op": "epochs", "after": after})
            epochs |= page["epochs"]
            released += page.get("released", [])
            after = page["epochs_after"]
        self.incarnation = Incarnation(answer["incarnation"])
        return GuardState(
            server=ServerName(answer["server"]),
            incarnation=self.incarnation,
            held=answer["held"],
            epochs={ResourceName(name): epoch for name, epoch in epochs.items()},
            released=frozenset(map(ResourceName, released)),
            epoch_floor=int(answer.get("epoch_floor", 0)),
            position=Position(*answer["registry_seen"]),
            refused=str(answer.get("refused", "")),
            voter_set=int(answer.get("acknowledged", 0)),
        )

    async def remember(self, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        """See ports.Guard."""
        answer = await self._ask({"op": "epoch", "resource": resource, "epoch": epoch, "released": released})
        if "full" in answer:
            self._pass_on(FULL.format(answer["full"]))
        return bool(answer["ok"])

    async def forget(self, floor: int, names: Sequence[ResourceName]) -> frozenset[ResourceName]:
        """See ports.Guard. A guard of an older version forgets nothing."""
        kept: list[ResourceName] = []
        for first in range(0, len(names), FORGET_AT_ONCE):
            page = names[first : first + FORGET_AT_ONCE]
            answer = await self._ask({"op": "forget", "floor": floor, "names": list(page)})
            kept += [ResourceName(name) for name in answer["kept"]] if answer.get("ok") else page
        return frozenset(kept)

    async def prove_lost(self, server: ServerName, incarnation: Incarnation, phase: int) -> bool:
        """See ports.Guard."""
        asked = {"op": "round", "server": server, "incarnation": incarnation, "phase": phase}
        answer = await self._ask(asked, within_s=self._round_s + ANSWER_S)
        return bool(answer.get("lost"))

    async def note(self, position: Position, seen: Position) -> None:
        """See ports.Guard."""
        await self._ask({"op": "note", "position": position, "seen": seen})

    async def census(self, phase: int) -> tuple[Counted, ...] | None:
        """See ports.Guard."""
        granted = (await self._ask({"op": "census", "phase": phase}, within_s=self._round_s + ANSWER_S))["lives"]
        if granted is None:
            return None
        return tuple(
            Counted(server=ServerName(life["server"]), incarnation=Incarnation(life["incarnation"]), position=Position(*life["position"]))
            for life in granted
        )

    async def able(self, able: bool, why: str) -> None:
        """See ports.Guard."""
        await self._ask({"op": "able", "able": able, "why": why})

    async def sight(self) -> GuardSight:
        """See ports.Guard. A guard of an older version says less."""
        said = await self._ask({"op": "state", "brief": True})
        if self._facts is not None:
            await self._facts.again()
        return GuardSight(
            incarnation=Incarnation(said["incarnation"]),
            voters=tuple(ServerName(voter) for voter in said["voters"]),
            old_voters=tuple(ServerName(voter) for voter in said.get("old_voters", ())),
            acknowledged=int(said.get("acknowledged", 0)) >= int(said.get("voter_set", 0)),
            grants={ServerName(voter): float(age_s) for voter, age_s in said.get("grants", {}).items()},
            last_messages={
                ServerName(server): LastMessage(incarnation=Incarnation(peer["incarnation"]), age_s=float(peer["heard_s"]))
                for server, peer in said.get("peers", {}).items()
            },
            lapsed_s=said.get("lapsed_s"),
            gap_s=said.get("gap_s"),
            mute=bool((said.get("voting") or {}).get("mute")),
            priority="" if said.get("priority") in ("rr", None) else str(said["priority"]),
            gate="" if said.get("gate") in ("ready", None) else str(said["gate"]),
            differing=tuple(said.get("differing", ())),
            refused=str(said.get("refused", "")),
            not_kept=self._facts.trouble if self._facts is not None else "",
            leave_left_s=said.get("leave_left_s"),
        )

    async def cluster(self, record: ClusterRecord) -> ClusterRecord:
        """See ports.Guard. To the disk first: a guard that begins meanwhile reads it there. The epoch floor rises with deletions:
        it is not sent with the rest, nor are keys."""
        sent = replace(record, epoch_floor=0, rotation=None)
        if sent != self._cluster:
            if self._facts is not None:
                await self._facts.cluster(sent)
            self._goes_by = await self._ask({"op": "cluster", **registered.fields_of(sent)})
            self._cluster = sent
        return _later_voters(record, self._goes_by)

    async def servers(self, servers: Collection[ServerRecord]) -> None:
        """See ports.Guard. To the disk first, as above; a guard of an older version goes on with those that it began with."""
        ordered = tuple(sorted(servers, key=lambda each: each.server))
        if not ordered or ordered == self._servers:
            return
        if self._facts is not None:
            await self._facts.servers(servers)
        listed = [{"name": each.server, "addresses": each.addresses} for each in ordered]
        await self._ask({"op": "servers", "servers": listed})
        self._servers = ordered

    async def keys(self, keys: tuple[bytes, ...]) -> bool:
        """See ports.Guard. A guard of an older version takes none."""
        return bool((await self._ask({"op": "keys", "keys": [key.hex() for key in keys]})).get("ok"))

    async def dead(self, incarnations: Sequence[Incarnation]) -> None:
        """See ports.Guard."""
        if self._dead >= set(incarnations):
            return
        await self._ask({"op": "dead", "incarnations": sorted(incarnations)})
        self._dead = frozenset(incarnations)

    async def protect(self, addresses: Sequence[str]) -> None:
        """See ports.Guard."""
        await self._ask({"op": "protect", "addresses": list(addresses)})

    async def leave(self, within_s: float, stay_out: str = "") -> None:
        """See ports.Guard."""
        await self._ask({"op": "leave", "within_s": within_s, "stay_out": stay_out})

    async def farewell(self, *, in_order: bool = False) -> None:
        """See ports.Guard. The guard kills this daemon on the way."""
        await self._ask({"op": "farewell", "in_order": in_order}, within_s=30.0)

    async def next_event(self) -> GuardEvent:
        """See ports.Guard."""
        while self._socket is None:
            try:
                await self._connected()
            except OSError:
                await asyncio.sleep(AGAIN_S)
        return await self._events.get()

    # --- the connection ---------------------------------------------------------------------------------------------

    async def _ask(self, message: dict[str, Any], *, within_s: float = ANSWER_S) -> dict[str, Any]:
        """One request and its answer. Unreachable: whether it was carried out is not known; everything that a guard is asked may be
        asked again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        try:
            async with asyncio.timeout_at(until):
                connection = await self._patiently_connected()
            return await self._requests.ask(lambda number: self._send(connection, {**message, "id": number}), until=until)
        except (TimeoutError, OSError):
            raise Unreachable("the guard of this server does not answer; is understudy-guard running?") from None
        except TooManyWaiting as error:
            raise Unreachable(f"the guard of this server does not answer: {error}") from None

    async def _send(self, connection: socket.socket, request: dict[str, Any]) -> None:
        loop, text, unsent = asyncio.get_running_loop(), json.dumps(request), self._unsent
        if unsent is None or len(unsent) >= MOST_TOGETHER or sum(map(len, unsent)) + len(text) > TOGETHER_BYTES:
            return await loop.sock_sendall(connection, text.encode())
        unsent.append(text)
        if len(unsent) == 1:  # whatever else this waking asks it has asked before the loop comes to this
            loop.call_soon(loop.call_soon, self._send_together, connection, unsent)
        return None

    def _send_together(self, connection: socket.socket, unsent: list[str]) -> None:
        packet = (unsent[0] if len(unsent) == 1 else f"[{', '.join(unsent)}]").encode()
        unsent.clear()
        if connection is self._socket:
            sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(connection, packet))
            sending.add_done_callback(self._sent)
            self._sending.add(sending)

    def _sent(self, sending: "asyncio.Future[None]") -> None:
        self._sending.discard(sending)
        if not sending.cancelled() and sending.exception() is not None:
            self._hang_up()  # whoever waits gets an error, and connects anew

    async def _patiently_connected(self) -> socket.socket:
        while True:
            try:
                return await self._connected()
            except OSError:
                await asyncio.sleep(AGAIN_S)  # the keeper starts a successor within milliseconds; the caller's deadline bounds this

    async def _connected(self) -> socket.socket:
        async with self._connecting:
            if self._socket is not None:
                return self._socket
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(connection, self._socket_path)
            except OSError:
                connection.close()
                raise
            self._socket = connection
            self._dead = frozenset()  # a successor guard has to be informed again
            self._cluster, self._servers = None, ()
            self._reading = asyncio.create_task(self._read(connection), name="guard link")
            hello = {"op": "hello", "role": "daemon", "id": 0, "pid": os.getpid()}
            await asyncio.get_running_loop().sock_sendall(connection, json.dumps(hello).encode())
            return connection

    async def _read(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while packet := await loop.sock_recv(connection, PACKET):
                self._take(json.loads(packet))
        except (OSError, ValueError):
            pass  # the guard is gone, or its packet was cut: whoever waits gets an error below, and connects anew
        finally:
            self._hang_up()

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("takes_lists") and self._unsent is None:
            self._unsent = []
        for word in message.get("silent", ()) if message.get("op") == "hello" else ():
            # a hello brings what was said before this daemon listened
            self._events.put_nowait(SilentWord(ServerName(word["server"]), Incarnation(word["incarnation"]), ServerName(word["voter"])))
        for word in message.get("farewells", ()):
            self._events.put_nowait(Farewell(ServerName(word["server"]), Incarnation(word["incarnation"])))
        for text in message.get("says", ()):
            self._pass_on(text)
        for ability in message.get("abilities", ()):
            self._events.put_nowait(_ability(ability))
        if message.get("leave_left_s") is not None:
            self._events.put_nowait(LeaveAsked(message["leave_left_s"]))
        if message.get("op") == "hello" and message.get("acknowledged"):
            self._events.put_nowait(_acknowledged(message))
        number = message.get("id")
        if number is not None:
            if isinstance(number, int):
                self._requests.answer(number, message)
            return
        match message.get("op"):
            case "lease":
                self._events.put_nowait(LeaseChanged(Incarnation(message["incarnation"]), message["held"]))
            case "leave":
                self._events.put_nowait(LeaveAsked(message["left_s"]))
            case "silent":
                word = SilentWord(ServerName(message["server"]), Incarnation(message["incarnation"]), ServerName(message["voter"]))
                self._events.put_nowait(word)
            case "farewell":
                self._events.put_nowait(Farewell(ServerName(message["server"]), Incarnation(message["incarnation"])))
            case "able":
                self._events.put_nowait(_ability(message))
            case "acknowledged":
                self._events.put_nowait(_acknowledged(message))

    def _pass_on(self, text: str) -> None:
        if text not in self._said:  # every hello repeats it
            self._said.add(text)
            self._events.put_nowait(GuardSays(text))

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._unsent = None
        self._requests.fail(lambda: ConnectionResetError("the guard closed the connection"))


def _later_voters(record: ClusterRecord, goes_by: dict[str, Any]) -> ClusterRecord:
    """The record with the voters that a guard goes by, if those came later. A guard of an older version does not say."""
    if "voters" not in goes_by or "voter_set" not in goes_by:
        return record
    voters, old_voters = (tuple(map(ServerName, goes_by[name])) for name in ("voters", "old_voters"))
    found = replace(record, voters=voters, voter_set=goes_by["voter_set"], old_voters=old_voters)
    return found if found.phase > record.phase else record


def _acknowledged(fields: dict[str, Any]) -> VotersAcknowledged:
    return VotersAcknowledged(Incarnation(fields["incarnation"]), int(fields["acknowledged"]))


def _ability(fields: dict[str, Any]) -> AbilityChanged:
    server, incarnation = ServerName(fields["server"]), Incarnation(fields["incarnation"])
    return AbilityChanged(server, incarnation, fields["able"], fields["why"], fields["for_s"])
