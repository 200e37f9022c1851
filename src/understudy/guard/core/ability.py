"""Whether this server can act, as its guard reports to the others, and what they report of theirs; pure.

A lease proves that the guard works. Whether daemon, executor and the way to the registry do as well, the daemon proves to its own guard
about once a second; a guard whose daemon does not says so for it.
Called by: `core/guard.py`. Must never: touch a lease. What is said here moves resources only by an eviction, which goes the whole way.

Time is counted in the guard's own beats: while the machine is paused no daemon is at fault, and no beat is made.
"""

from typing import NamedTuple

from understudy.guard.core.messages import Able, Pulse

PULSE_S = 1.0
"""How often it is reported to the others, apart from changes."""
SILENT_S = 3.0
"""A daemon that has proved nothing for so long does not answer. Longer than its restart takes on a busy machine."""
LONGEST_WHY = 120
"""Bytes of a reason that travel."""
SILENT = "its daemon does not answer"
BEGINS_S = 10.0
"""The first daemon that has come has so long until it is called silent, if it has proved nothing: on a busy machine it needs seconds."""
BEGINNING = "its daemon is beginning, and has not proved yet that it can act"


class _Said(NamedTuple):
    """A server's ability as it was last reported, and the beat since which it is so."""

    incarnation: bytes
    able: bool
    why: str
    since_beat: int


class Abilities:
    """One guard's memory of who can act."""

    def __init__(self, *, beat_ns: int) -> None:
        self._beat_ns = beat_ns
        self._pulse_beats = max(1, _beats(PULSE_S, beat_ns))
        self._silent_beats = max(1, _beats(SILENT_S, beat_ns))
        self._begins_beats = max(1, _beats(BEGINS_S, beat_ns))
        self._beat = 0
        self._turn = self._sent_turn = 0
        """Which repetition is due, on the grid of the guard's beats, and which was sent."""
        self._proved_beat = 0
        self._proved = False
        """A daemon ever has."""
        self._met = False
        """Whether a daemon has come yet."""
        self._own: Pulse | None = None
        """None: no daemon has spoken yet, and none is late. Nothing is reported then: a new guard has no reason to doubt its daemon."""
        self._sent: Pulse | None = None
        self._own_since = 0
        self.others: dict[str, _Said] = {}

    def met(self) -> None:
        """A daemon has come. The first has its time from now on: on a slow machine it begins seconds after its guard. Those after it have
        not, or one that ends again and again before it has proved anything would never be called silent."""
        if not self._met and self._own is None:
            self._proved_beat = self._beat
        self._met = True

    def prove(self, able: bool, why: str) -> None:
        """The daemon's word about itself, its executor and its way to the registry: its loop runs."""
        self._proved_beat, self._proved = self._beat, True
        self._become(able, clipped(why), since=self._beat)

    def beat(self, number: int) -> Pulse | None:
        """A beat has passed; what to tell the others now, if anything. `number`: its place on the guard's grid, those missed included."""
        self._beat += 1
        self._turn = number // self._pulse_beats
        if self._beat - self._proved_beat >= self._silent_beats:
            begins = self._met and not self._proved and self._beat - self._proved_beat < self._begins_beats
            self._become(False, BEGINNING if begins else SILENT, since=self._proved_beat)
        return self.due()

    def due(self) -> Pulse | None:
        """What to tell the others now: what has changed, or is to be repeated."""
        own, sent = self._own, self._sent
        changed = own is not None and (sent is None or (own.able, own.why) != (sent.able, sent.why))
        if own is None or not (changed or self._turn != self._sent_turn):
            return None
        self._sent_turn = self._turn
        self._sent = own._replace(for_ms=self._ms(self._own_since))
        return self._sent

    def receive(self, server: str, incarnation: bytes, pulse: Pulse) -> Able | None:
        """Take in what a guard reported of its server; the news in it, if any."""
        known = self.others.get(server)
        since = self._beat - pulse.for_ms * 1_000_000 // self._beat_ns
        if known is not None and known[:3] == (incarnation, pulse.able, pulse.why):
            return None
        self.others[server] = _Said(incarnation, pulse.able, pulse.why, since)
        return Able(server, incarnation, pulse.able, pulse.why, pulse.for_ms)

    def known(self) -> list[Able]:
        """What was last received of every server, for a daemon that comes later."""
        return [Able(server, *said[:3], self._ms(said.since_beat)) for server, said in sorted(self.others.items())]

    def _become(self, able: bool, why: str, *, since: int) -> None:
        if self._own is None or (self._own.able, self._own.why) != (able, why):
            if self._own is None or self._own.able != able:
                self._own_since = since  # another reason is no new beginning
            self._own = Pulse(able, why, 0)

    def _ms(self, since_beat: int) -> int:
        return (self._beat - since_beat) * self._beat_ns // 1_000_000


def clipped(why: str) -> str:
    """A reason short enough to travel."""
    return why.encode()[:LONGEST_WHY].decode(errors="ignore")


def _beats(seconds: float, beat_ns: int) -> int:
    return round(seconds * 1_000_000_000 / beat_ns)
