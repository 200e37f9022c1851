"""The guard: one plain loop around the core, at real-time priority.

Owns: the sockets, the timer, the lease file's contents, the gate's refresh, the clients.
Called by: `guard/keeper.py`, in the child it forked.
Must never: wait for anything but its poll; hand the core a reading taken before the message it goes with; go on after a lapse.
"""

import os
import select
import signal
from collections.abc import Sequence
from typing import Any, assert_never

from understudy.guard import answers, kill, registered
from understudy.guard.clients import Client, Clients
from understudy.guard.copies import Copies
from understudy.guard.core import (
    Able,
    BeganToVote,
    Census,
    CensusEnded,
    Gone,
    GuardCore,
    GuardStart,
    Keep,
    Lapsed,
    Leased,
    Member,
    Query,
    RefusedSettings,
    RoundEnded,
    Send,
    VoterMemory,
    WentOver,
    Word,
    common_settings,
)
from understudy.guard.core.ending import EndScope, EndStage
from understudy.guard.core.keeper import last_words
from understudy.guard.core.messages import GuardEffect
from understudy.guard.core.watch import HeldState, look_boot_ns
from understudy.guard.gating import Gating
from understudy.guard.held import Held
from understudy.guard.kept import Kept
from understudy.guard.leave import LeaveDeadline, stay_away
from understudy.guard.means import LOOK_S, Means
from understudy.guard.networks import Networks
from understudy.guard.notice import SETTINGS, Notice
from understudy.guard.peers import KnownServer, changed, listen_to, names_of, peers_of
from understudy.guard.protected import Protected
from understudy.guard.starters import STARTERS
from understudy.guard.system import say
from understudy.guard.wire import BadMessage, decode, encode
from understudy.linux.clocks import Timer, read_clocks
from understudy.linux.keys import key_id, parse_keys
from understudy.linux.lease import LeaseFile
from understudy.linux.processes import start_time
from understudy.linux.reading import Reading
from understudy.model import logevents
from understudy.model.limits import Limits
from understudy.model.position import Position
from understudy.model.settings import Settings

KILL_WITHIN_S = 0.5
"""How long the guard itself tries before it leaves the rest to its keeper."""
FAREWELLS = 3
MOST_SAID = 8
AT_ONCE = Reading(0, 0)
_LOOK_NS = round(LOOK_S * 1e9)


class GuardProcess:
    """The process; `run` returns its exit code."""

    def __init__(
        self, settings: Settings, limits: Limits, held: Held, lease: LeaseFile, start: GuardStart, *, notice: Notice | None
    ) -> None:
        self.settings, self.limits = settings, limits
        self.priority = "unknown"
        self.held_file = held
        self.registry_seen = held.read().seen
        self._keys, self._lease = held.keys, lease
        self._poll = select.poll()
        self._timer, self._timer_boot_ns, self._due = Timer(), 0, AT_ONCE
        self._poll.register(self._timer.fileno(), select.POLLIN)
        self._networks = Networks(settings, self._poll)
        self._rounds: dict[int, tuple[Client, dict[str, Any]]] = {}
        self._pushed_held: bool | None = None
        self._lapsed: str | None = None
        self._asked_to_end: list[tuple[Client, dict[str, Any]]] = []
        self._ending: str | None = None
        """Why it is to end now."""
        self._in_order = False
        """The daemon has stopped everything in order already."""
        self._terminated = self._heeded = 0
        """How many SIGTERMs came, and how many of them were answered."""
        self.leave = LeaveDeadline(held)
        held.epochs.begin(fresh=start.begun_here)
        # All that the end will need is opened now.
        self._means = Means(settings)
        self._looked_boot_ns = 0
        self._notice = notice
        self._settings_notice = _settings_notice(settings) if notice is not None else None
        self._settings_notified: list[str] = []
        self.says: list[str] = [] if notice is None else notice.read()
        """For people; a new daemon receives it too, with what the guard of the lease before this one left."""
        self.gating = Gating(self._means, Protected(held.protected), self._notify_operators)
        troubles = self.gating.begin(fresh=start.begun_here)
        self.core = self._begin(start)
        self._save()
        # Last, for whoever connects is answered at once.
        self._clients = Clients(os.path.join(settings.run_dir, "guard.sock"), self._poll)
        for sentence in troubles:
            self._notify_operators(sentence)
        signal.signal(signal.SIGTERM, lambda *_: self._count_signal())

    def _begin(self, start: GuardStart) -> GuardCore:
        """The core, with what the keeper holds."""
        self._copies, self._beat_ms = Copies(), self.limits.beat_s * 1000
        self._saved: HeldState | None = None
        self._renewed_ns = round((self.limits.lease_s - self.limits.stop_now_s - 3 * self.limits.beat_s) * 1e9)
        """Less is left of a lease only when it is not renewed."""
        settings, now = self.settings, read_clocks()
        self.gap_s: float | None = None if start.base is None else 0.0
        """For how long this server had no lease before it won the present one; None: it has not won one yet."""
        self._peers = self.held_file.peers.read() or peers_of(settings)
        self._networks.reach(self._peers)
        self._kept = Kept(self.held_file.voting, tuple(peer.name for peer in self._peers))
        memory = self._kept.read() or VoterMemory(int.from_bytes(os.urandom(8)) | 1, now)
        self._kept.write(memory)
        common = common_settings(settings.cluster, settings.voters, settings.voter_set, self.limits)
        member = Member(settings.server, names_of(self._peers), common)
        core = GuardCore(member, self.limits, start._replace(memory=memory, registry=self.held_file.registry), now)
        if core.refused:
            say(logevents.REFUSED_SETTINGS, why=core.refused)
        return core

    def run(self) -> int:
        """Until the lease lapses or the guard is asked to end."""
        while not self._turn():
            pass
        return self._stop_everything()

    def _turn(self) -> bool:
        """Once round the loop; True when it is time to stop everything."""
        now = read_clocks()
        self.held_file.beat(now.boot_ns)
        if (now.boot_ns >= self._due.boot_ns or now.raw_ns >= self._due.raw_ns) and self._on_time():
            return True
        now = read_clocks()
        wake_boot_ns = self.core.wake_boot_ns(now)
        self._due = Reading(wake_boot_ns, now.raw_ns + wake_boot_ns - now.boot_ns)
        if wake_boot_ns != self._timer_boot_ns or wake_boot_ns <= now.boot_ns:
            self._timer_boot_ns = wake_boot_ns
            self._timer.set(wake_boot_ns)
        # The timeout is a second alarm, should the boot clock stop.
        for descriptor, _ in self._poll.poll(self._beat_ms):
            self._take(descriptor)
            if self._has_lapsed():
                return True
        return False

    def _on_time(self) -> bool:
        """What is due at least at every beat; True when it is time to stop everything. First all that waits is read: after a pause a voter
        must not judge by what it has not read yet."""
        if self._read_all():
            return True
        now = read_clocks()
        self._perform(self.core.tick(now))
        self._notify_of_settings(now)
        self._look_around(now)
        self._heed_signals()
        if over := self._ending or self.leave.over(now, daemon_there=self._clients.daemon_there()):
            self._ending = over
            self._perform(self.core.stop(over))
        return self._has_lapsed()

    def _read_all(self) -> bool:
        """Everything that waits; True when it is time to stop everything."""
        for datagram in self._networks.waiting():
            self._receive(datagram)
            if self._has_lapsed():
                return True
        return False

    def _has_lapsed(self) -> bool:
        return self._lapsed is not None

    def _notify_of_settings(self, now: Reading) -> None:
        """Whose settings differ, for as long as they do."""
        core = self.core
        if not (core.refused or core.differing or self._settings_notified):
            return
        noted = [*([core.refused] if core.refused else []), *answers.differing(self, now)]
        if noted != self._settings_notified and self._settings_notice is not None:
            self._settings_notice.post(noted)
        self._settings_notified = noted

    def _notify_operators(self, sentence: str) -> None:
        """In the log, where `crsctl check crs` looks, and by the daemon in history and alert log."""
        say(logevents.GUARD_NOTICE, why=sentence)
        self.says = [*self.says, sentence][-MOST_SAID:]
        self._clients.push({"op": "says", "says": [sentence]})
        if self._notice is not None:
            self._notice.post([sentence])

    def _look_around(self, now: Reading) -> None:
        """Whether the keeper has begun to stop this server; whether what the end needs is still the right one: now and then, when something
        has begun, and at every beat while the lease is not renewed."""
        left_ns = self.core.pass_ns(now)
        self.held_file.alarm.set(look_boot_ns(self.limits, now, left_ns))
        if self.held_file.stage is not EndStage.RUNNING:
            self._perform(self.core.stop("the keeper has stopped this server, because this guard did not when the lease ended"))
            return
        ending = left_ns is None or left_ns < self._renewed_ns
        if ending or now.boot_ns - self._looked_boot_ns >= _LOOK_NS or self._means.changed():
            self._looked_boot_ns = now.boot_ns
            self._means.look()
            self.gating.look(left_ns)
        else:
            self.gating.look_at_what_passes(left_ns)

    # What comes in.

    def _take(self, descriptor: int) -> None:
        if self._networks.owns(descriptor):
            datagram = self._networks.take(descriptor)
            if datagram is not None:
                self._receive(datagram)
        elif self._clients.owns(descriptor):
            for client, request in self._clients.take(descriptor):
                self._request(client, request)
            self._due = AT_ONCE  # also what was asked for may be due
        # Else the timer: the tick follows, and setting it again clears it.

    def _receive(self, datagram: bytes) -> None:
        if datagram in self._copies:
            return  # it came over another network already: the same again refreshes nothing
        now = read_clocks()  # after the datagram: a voter's stamp must not be older than what it answers
        for key in self._keys:
            try:
                envelope = decode(datagram, key=key)
            except BadMessage:
                continue
            self._copies.note(datagram)
            self._perform(self.core.receive(envelope, now))
            return

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
                self._meet(client, str(request.get("role", "tool")), request.get("pid"))
                return answers.hello(self, read_clocks())
            case "state":
                return answers.state(self, read_clocks(), brief=bool(request.get("brief")))
            case "epoch" | "epochs" | "forget":
                return answers.of_epochs(self.held_file.epochs, request)
            case "gate":
                return self._let_pass(request)
            case "opened":
                return self.gating.opened(list(request["addresses"]))
            case "protect":
                return self.gating.protect(list(request["addresses"]), before_a_lease=self.core.holder.base is None)
            case "round" | "census":
                self._ask(client, request)
                return None
            case "cluster":
                return self._note_registry(request)
            case "servers":
                return self._note_servers(request)
            case "note" | "keys" as op:
                return (self._note if op == "note" else self._take_keys)(request)
            case "dead":
                noted = tuple(bytes.fromhex(text) for text in request["incarnations"])
                self._perform(self.core.note_gone(noted, read_clocks()))
                return {"ok": True}
            case "leave":
                return self._begin_leave(float(request["within_s"]), str(request.get("stay_out") or ""))
            case "able":
                self._perform(self.core.note_able(bool(request["able"]), str(request["why"])))
                return {"ok": True}
            case "farewell":
                self._asked_to_end.append((client, request))
                self._in_order = bool(request.get("in_order"))
                self._ending = "asked to end"
                return None
            case other:
                return {"ok": False, "why": f"unknown op {other!r}"}

    def _meet(self, client: Client, role: str, pid: object) -> None:
        """Daemon and executor are to be ended at a lapse: their connection says who they are, whatever becomes of their pid files."""
        self._clients.introduce(client, role)
        if role == "daemon":
            self.core.met_daemon()
        name = {"daemon": STARTERS[0], "executor": STARTERS[1]}.get(role)
        if name is not None and client.pid and pid == client.pid:
            started = start_time(client.pid)
            if started is not None:
                self._means.starters.met(name, (client.pid, started))
                self.held_file.met(STARTERS.index(name), (client.pid, started))

    def _let_pass(self, request: dict[str, Any]) -> dict[str, Any]:
        """A start or stop of addresses by the executor, under the incarnation that it names."""
        holder = self.core.holder
        left_ns = self.core.pass_ns(read_clocks())
        if request.get("storage"):
            return self.gating.guard_storage(list(request["storage"]))
        if request.get("shut"):
            return self.gating.shut(list(request["shut"]), left_ns)
        if left_ns is None or left_ns <= 0:
            return {"ok": False, "why": "this server holds no lease"}
        if request.get("incarnation") not in (None, holder.incarnation.hex()):
            return {"ok": False, "why": "the start is of another incarnation of this server"}
        return self.gating.open(list(request["addresses"]), left_ns)

    def _ask(self, client: Client, request: dict[str, Any]) -> None:
        nonce, phase = int.from_bytes(os.urandom(8), "big") | 1, request.get("phase")
        question: Query | Census = Census(nonce)
        if request["op"] == "round":
            question = Query(nonce, str(request["server"]), bytes.fromhex(request["incarnation"]))
        self._rounds[nonce] = (client, request)
        self._perform(self.core.ask(question, read_clocks(), phase))

    def _note(self, request: dict[str, Any]) -> dict[str, Any]:
        self.core.noted(Position(*map(int, request["position"])))
        self.registry_seen = Position(*map(int, request["seen"]))
        self._save()
        return {"ok": True}

    def _take_keys(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the daemon has written to the key file: from the next message on, also of a successor."""
        keys = parse_keys("\n".join(map(str, request["keys"])).encode())
        if not keys:
            return {"ok": False, "why": "these are no keys"}
        if keys != self._keys:
            self.held_file.keys = self._keys = keys
            say(logevents.KEYS_TAKEN, sends=key_id(keys[0]), accepts=[key_id(key) for key in keys])
        return {"ok": True}

    def _counted(self, ended: CensusEnded) -> None:
        client, request = self._rounds.pop(ended.nonce)
        granted = None
        if ended.granted is not None:
            granted = [{"server": life.server, "incarnation": life.incarnation.hex(), "position": life.position} for life in ended.granted]
        self._clients.answer(client, request, {"lives": granted})

    def _count_signal(self) -> None:
        self._terminated += 1

    def _heed_signals(self) -> None:
        """SIGTERM: a leave in order; the second time, or where nothing can be running, at once."""
        if self._terminated == self._heeded:
            return
        again = self.leave.under_way
        self._heeded = self._terminated
        if again or self._terminated > 1 or self.core.holder.base is None or not self._clients.daemon_there():
            self._ending = "asked to end at once" if again else "asked to end"
        else:
            self._begin_leave(self.settings.leave_within)

    def _begin_leave(self, within_s: float, stay_out: str = "") -> dict[str, Any]:
        if stay_out:
            try:
                stay_away(self.settings, stay_out)
            except OSError as error:
                say(logevents.STAY_OUT_NOT_WRITTEN, why=f"{self.settings.run_dir}: {error.strerror}")
        now = read_clocks()
        self.leave.begin(now, within_s)
        left_s = self.leave.left_s(now)
        say(logevents.LEAVE_ASKED, within_s=round(left_s))
        self._clients.push({"op": "leave", "left_s": left_s})
        return {"ok": True, "left_s": left_s}

    # What goes out.

    def _perform(self, effects: Sequence[GuardEffect]) -> None:
        if effects:
            self._save()  # before anything leaves: a successor must not use a sequence twice
        for effect in effects:
            match effect:
                case Send(envelope):
                    self._networks.send(envelope.receiver, encode(envelope, key=self._keys[0]))
                case Leased(until):
                    if self.held_file.stage is EndStage.RUNNING:
                        self._note_gap(until)
                        self._lease.extend(until)
                        self.gating.refresh(self.core.pass_ns(read_clocks()))
                        self._push_held(True)
                case Lapsed(why):
                    self._lapsed = why
                case Word(voter, server, incarnation):
                    self._clients.push({"op": "silent", "server": server, "incarnation": incarnation.hex(), "voter": voter})
                case Gone(server, incarnation):
                    self._clients.push({"op": "farewell", "server": server, "incarnation": incarnation.hex()})
                case Able():
                    self._clients.push({"op": "able", **answers.ability(effect)})
                case CensusEnded():
                    self._counted(effect)
                case RoundEnded():
                    self._round_ended(effect)
                case Keep():
                    self._keep(effect)
                case BeganToVote(boot, started):
                    self._kept.write(VoterMemory(boot, started))
                case WentOver(voter_set):
                    self._clients.push({"op": "acknowledged", "incarnation": self.core.holder.incarnation.hex(), "acknowledged": voter_set})
                case RefusedSettings(_, why):
                    say(logevents.REFUSED_SETTINGS, why=why)
                case _:
                    assert_never(effect)

    def _note_gap(self, until: Reading) -> None:
        """At the first lease of an incarnation: for how long this server had none."""
        if self.gap_s is None:
            lapsed_ns = self.held_file.lapsed_boot_ns
            self.gap_s = (until.boot_ns - lapsed_ns) / 1e9 - self.limits.lease_s if lapsed_ns else 0.0

    def _round_ended(self, ended: RoundEnded) -> None:
        client, request = self._rounds.pop(ended.nonce)
        fields = {"lost": ended.lost, "silent": ended.silent, "answered": ended.answered}
        self._clients.answer(client, request, {"server": ended.server, "incarnation": ended.incarnation.hex(), **fields})

    def _keep(self, keep: Keep) -> None:
        if not self._kept.put(keep) and self.core.voter is not None:
            self._kept.write(self.core.voter.memory())

    def _note_registry(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the registry says that the common settings are; the daemon has written it to the disk already. A successor must find what
        it was as a voter of new voters before it finds that it is one."""
        noted = registered.of_record(request)
        effects = self.core.note_registry(noted, read_clocks(), knows_changes="old_voters" in request)
        self._perform(effects)
        if self.core.registry is not None:
            self.held_file.registry = self.core.registry
        return {"ok": not self.core.refused, "why": self.core.refused, **answers.voters(self.core)}

    def _note_servers(self, request: dict[str, Any]) -> dict[str, Any]:
        """Which servers there are by now; the daemon has written it to the disk already."""
        peers = changed(self._peers, (KnownServer(str(each["name"]), tuple(map(str, each["addresses"]))) for each in request["servers"]))
        self.held_file.peers.write(peers)  # first: what is kept from now on may name a new one
        self._peers, self._kept.servers = peers, tuple(peer.name for peer in peers)
        self._networks.reach(peers)
        listen_to(self.core, names_of(peers))
        return {"ok": True}

    def _push_held(self, held: bool) -> None:
        if held != self._pushed_held:
            self._pushed_held = held
            self._clients.push({"op": "lease", "held": held, "incarnation": self.core.holder.incarnation.hex()})

    def _save(self) -> None:
        holder = self.core.holder
        state = HeldState(holder.incarnation, holder.sequence, holder.base, holder.position, self.registry_seen, holder.voter_set)
        if state != self._saved:
            self._saved = state
            self.held_file.write(state)

    # The end.

    def _stop_everything(self) -> int:
        if self._ending:
            self._means.look()  # nothing is pressing
        self.held_file.reach(EndStage.STOPPING)
        self._lease.clear()
        scope = EndScope(in_order=self._in_order)
        ended = kill.end_everything(self._means, within_s=KILL_WITHIN_S, scope=scope, on_stage=self.held_file.reach)
        words = last_words(ended, asked=self._ending is not None)
        if words.farewell:
            self._say_farewell()
        say(logevents.EVERYTHING_STOPPED if ended.stopped else logevents.NOT_EVERYTHING_STOPPED, why=self._lapsed)
        for left in ended.left:
            say(logevents.NOT_STOPPED, why=left)
        for client, request in self._asked_to_end:
            self._clients.answer(client, request, {"ok": not ended.left, "left": ended.left})
        return words.exit

    def _say_farewell(self) -> None:
        """Everything was seen to be stopped: the others need not wait for silence."""
        for effect in self.core.farewell() * FAREWELLS:
            if isinstance(effect, Send):
                datagram = encode(effect.envelope, key=self._keys[0])
                self._networks.send(effect.envelope.receiver, datagram)


def _settings_notice(settings: Settings) -> Notice | None:
    """Emptied of what a predecessor said; None where there is no room for it: the log says it too."""
    try:
        made = Notice(settings.run_dir, SETTINGS)
    except OSError:
        return None
    made.clear()
    return made
