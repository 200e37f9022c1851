"""The guard: one plain loop around the core, at real-time priority.

Owns: the sockets, the timer, the lease file's contents, the gate's refresh, the clients.
Called by: `guard/keeper.py`, in the child it forked.
Must never: wait for anything but its poll; hand the core a reading taken before the message it goes with; go on after a lapse.
"""

import ipaddress
import os
import select
import signal
from collections.abc import Iterable
from typing import Any, assert_never

from understudy.guard import answers, kill
from understudy.guard.clients import Client, Clients
from understudy.guard.core import (
    Able,
    Gone,
    Guard,
    Keep,
    Lapsed,
    Leased,
    Member,
    Memory,
    Query,
    Refused,
    RoundEnded,
    Send,
    Start,
    Word,
    common_settings,
)
from understudy.guard.core.messages import Effect, Reading
from understudy.guard.gate import CLUSTER, STORAGE, Gate
from understudy.guard.held import STOPPING, Held, State
from understudy.guard.lease import LeaseFile
from understudy.guard.leave import Leave
from understudy.guard.networks import Networks
from understudy.guard.system import Timer, read_clocks, say
from understudy.guard.wire import BadMessage, decode, encode
from understudy.model.limits import Limits
from understudy.model.settings import Settings

ENDED_FAREWELL = 0
ENDED_LAPSED = 10
"""Everything was stopped and seen to be stopped: the keeper begins a new incarnation."""
ENDED_NOT_EMPTY = 11
"""Something is left: the keeper goes on killing, then begins a new incarnation."""
ENDED_FAREWELL_NOT_EMPTY = 12
"""The same, but the keeper ends too."""

KILL_WITHIN_S = 0.5
"""How long the guard itself tries before it leaves the rest to its keeper."""
FAREWELLS = 3


class GuardProcess:
    """The process; `run` returns its exit code."""

    def __init__(self, settings: Settings, limits: Limits, key: bytes, held: Held, lease: LeaseFile, start: Start) -> None:
        self.settings = settings
        self.limits = limits
        self.priority = "unknown"
        self.gate_state = "ready"
        self.held_file = held
        self._key = key
        self._lease = lease
        self._poll = select.poll()
        self._timer = Timer()
        self._poll.register(self._timer.fileno(), select.POLLIN)
        self._gate: Gate | None = None
        self._networks = Networks(settings, self._poll)
        self._rounds: dict[int, tuple[Client, dict[str, Any]]] = {}
        self._told_held: bool | None = None
        self._lapsed: str | None = None
        self._asked_to_end: list[tuple[Client, dict[str, Any]]] = []
        self._ending: str | None = None
        """Why it is to end now."""
        self._in_order = False
        """The daemon has stopped everything in order already."""
        self._terminated = self._heeded = 0
        """How many SIGTERMs came, and how many of them were answered."""
        self.leave = Leave(held)
        held.epochs.reload()
        held.protected.reload()
        for address in settings.storage:
            held.protected.put(address, int(True))
        self._open_gate(fresh=start.begun_here)
        common = common_settings(settings.cluster, settings.voters, settings.voter_set, limits)
        member = Member(settings.server, tuple(one.name for one in settings.servers), common)
        now = read_clocks()
        self.core = Guard(member, limits, start._replace(memory=Memory(int.from_bytes(os.urandom(8)) | 1, now)), now)
        self._save()
        # Last, for whoever connects is answered at once.
        self._clients = Clients(os.path.join(settings.run_dir, "guard.sock"), self._poll)
        signal.signal(signal.SIGTERM, lambda *_: self._count_signal())

    def run(self) -> int:
        """Until the lease lapses or the guard is asked to end."""
        while not self._turn():
            pass
        return self._stop_everything()

    def _turn(self) -> bool:
        """Once round the loop; True when it is time to stop everything."""
        self.held_file.beat()
        now = read_clocks()
        self._perform(self.core.tick(now))
        self._heed_signals(now)
        if over := self._ending or self.leave.over(now, daemon_there=self._clients.daemon_there()):
            self._ending = over
            self._perform(self.core.stop(over))
        if self._has_lapsed():
            return True
        self._timer.set(self.core.wake_boot_ns(now))
        # The timeout is a second alarm, should the boot clock stand still.
        for descriptor, _ in self._poll.poll(self.limits.beat_s * 1000):
            self._take(descriptor)
            if self._has_lapsed():
                return True
        return False

    def _has_lapsed(self) -> bool:
        return self._lapsed is not None

    # What comes in.

    def _take(self, descriptor: int) -> None:
        if self._networks.owns(descriptor):
            for datagram in self._networks.take(descriptor):
                self._receive(datagram)
        elif self._clients.owns(descriptor):
            for client, request in self._clients.take(descriptor):
                self._request(client, request)
        # Else the timer: the tick follows, and setting it again clears it.

    def _receive(self, datagram: bytes) -> None:
        now = read_clocks()  # after the datagram: a voter's stamp must not be older than what it answers
        try:
            envelope = decode(datagram, key=self._key)
        except BadMessage:
            return
        self._perform(self.core.receive(envelope, now))

    def _request(self, client: Client, request: dict[str, Any]) -> None:
        try:
            fields = self._answer(client, request)
        except (KeyError, TypeError, ValueError) as error:
            fields = {"ok": False, "why": f"malformed request: {error!r}"}
        if fields is not None:
            self._clients.answer(client, request, fields)

    def _answer(self, client: Client, request: dict[str, Any]) -> dict[str, Any] | None:
        match request.get("op"):
            case "hello":
                client.role = str(request.get("role", "tool"))
                return answers.hello(self, read_clocks())
            case "state":
                return answers.state(self, read_clocks())
            case "epoch":
                return answers.epoch(self.held_file.epochs, str(request["resource"]), int(request["epoch"]))
            case "gate":
                return self._protect(list(request.get("addresses", ())), list(request.get("storage", ())))
            case "protect":
                return self._protect(list(request["addresses"]), [])
            case "round":
                self._ask(client, request)
                return None
            case "dead":
                told = tuple(bytes.fromhex(one) for one in request["incarnations"])
                self._perform(self.core.told_dead(told, read_clocks()))
                return {"ok": True}
            case "leave":
                return self._begin_leave(float(request["within_s"]))
            case "able":
                self._perform(self.core.told_able(bool(request["able"]), str(request["why"])))
                return {"ok": True}
            case "farewell":
                self._asked_to_end.append((client, request))
                self._in_order = bool(request.get("in_order"))
                self._ending = "asked to end"
                return None
            case other:
                return {"ok": False, "why": f"unknown op {other!r}"}

    def _ask(self, client: Client, request: dict[str, Any]) -> None:
        nonce = int.from_bytes(os.urandom(8), "big") | 1
        self._rounds[nonce] = (client, request)
        query = Query(nonce, str(request["server"]), bytes.fromhex(request["incarnation"]))
        self._perform(self.core.ask(query, read_clocks()))

    def _count_signal(self) -> None:
        self._terminated += 1

    def _heed_signals(self, now: Reading) -> None:
        """SIGTERM: a leave in order; the second time, or where nothing can be running, at once."""
        if self._terminated == self._heeded:
            return
        again = self.leave.under_way
        self._heeded = self._terminated
        if again or self._terminated > 1 or self.core.holder.base is None or not self._clients.daemon_there():
            self._ending = "asked to end at once" if again else "asked to end"
        else:
            self._begin_leave(self.settings.leave_within)

    def _begin_leave(self, within_s: float) -> dict[str, Any]:
        now = read_clocks()
        self.leave.begin(now, within_s)
        left_s = self.leave.left_s(now)
        say(f"asked to leave: the daemon stops everything in order, within {left_s:.0f} s")
        self._clients.push({"op": "leave", "left_s": left_s})
        return {"ok": True, "left_s": left_s}

    # What goes out.

    def _perform(self, effects: Iterable[Effect]) -> None:
        effects = list(effects)
        if effects:
            self._save()  # before anything leaves: a successor must not use a sequence twice
        for effect in effects:
            match effect:
                case Send(envelope):
                    self._networks.send(envelope.receiver, encode(envelope, key=self._key))
                case Leased(until):
                    self._lease.extend(until)
                    self._refresh_gate()
                    self._tell_held(True)
                case Lapsed(why):
                    self._lapsed = why
                case Word(voter, server, incarnation):
                    self._clients.push({"op": "silent", "server": server, "incarnation": incarnation.hex(), "voter": voter})
                case Gone(server, incarnation):
                    self._clients.push({"op": "farewell", "server": server, "incarnation": incarnation.hex()})
                case Able():
                    self._clients.push({"op": "able", **answers.ability(effect)})
                case RoundEnded():
                    self._round_ended(effect)
                case Keep():
                    pass
                case Refused(_, why):
                    say(why)
                case _:
                    assert_never(effect)

    def _round_ended(self, ended: RoundEnded) -> None:
        client, request = self._rounds.pop(ended.nonce)
        fields = {"lost": ended.lost, "silent": ended.silent, "answered": ended.answered}
        self._clients.answer(client, request, {"server": ended.server, "incarnation": ended.incarnation.hex(), **fields})

    def _tell_held(self, held: bool) -> None:
        if held != self._told_held:
            self._told_held = held
            self._clients.push({"op": "lease", "held": held, "incarnation": self.core.holder.incarnation.hex()})

    def _save(self) -> None:
        holder = self.core.holder
        self.held_file.write(State(holder.incarnation, holder.sequence, holder.base))

    # The gate.

    def _open_gate(self, *, fresh: bool) -> None:
        """Install it shut for a new incarnation; a successor takes the tables as they stand, open or not."""
        try:
            self._gate = Gate()
            if fresh:
                self._gate.install(self._protected())
        except OSError as error:
            self._gate = None
            self.gate_state = f"unavailable: {error.strerror}"

    def _protected(self) -> list[tuple[str, str]]:
        return [(address, STORAGE if use else CLUSTER) for address, use in self.held_file.protected.all().items()]

    def _protect(self, addresses: list[str], storage: list[str]) -> dict[str, Any]:
        if self._gate is None:
            return {"ok": False, "why": f"gate {self.gate_state}"}
        try:
            for address in (*addresses, *storage):
                ipaddress.ip_address(address)
            for listed, use in ((addresses, CLUSTER), (storage, STORAGE)):
                if not all(self.held_file.protected.put(address, int(use == STORAGE)) for address in listed):
                    return {"ok": False, "why": "no room for another address"}
                self._gate.protect(listed, use)
        except (OSError, ValueError) as error:
            return {"ok": False, "why": f"gate: {error}"}
        return {"ok": True}

    def _refresh_gate(self) -> None:
        """With the time left until this server would stop."""
        if self._gate is None:
            return
        try:
            self._open_for_the_time_left(self._gate)
        except OSError:
            # Somebody flushed the rule set: make the gate again before anything else passes.
            try:
                self._gate.install(self._protected())
                self._open_for_the_time_left(self._gate)
                self.gate_state = "ready"
            except OSError as error:
                self.gate_state = f"unavailable: {error.strerror}"

    def _open_for_the_time_left(self, gate: Gate) -> None:
        left_ns = self.core.holder.stop_in_ns(read_clocks())
        if left_ns is not None and left_ns >= 1_000_000:
            gate.refresh(left_ns // 1_000_000)

    # The end.

    def _stop_everything(self) -> int:
        self.held_file.stage = STOPPING
        self._lease.clear()
        say(f"stopping everything: {self._lapsed}")
        ended = kill.end_everything(self.settings, within_s=KILL_WITHIN_S, file_systems=not self._in_order)
        for one in ended.left:
            say(f"not stopped: {one}")
        if not ended.left:
            self._say_farewell()
        for client, request in self._asked_to_end:
            self._clients.answer(client, request, {"ok": not ended.left, "left": ended.left})
        if self._ending:
            return ENDED_FAREWELL if ended.groups_empty else ENDED_FAREWELL_NOT_EMPTY
        return ENDED_LAPSED if ended.groups_empty else ENDED_NOT_EMPTY

    def _say_farewell(self) -> None:
        """Everything was seen to be stopped: the others need not wait for silence."""
        for effect in self.core.farewell() * FAREWELLS:
            if isinstance(effect, Send):
                datagram = encode(effect.envelope, key=self._key)
                self._networks.send(effect.envelope.receiver, datagram)
