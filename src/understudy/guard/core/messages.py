"""What goes in and out of the guard's core: clock readings, messages between guards, and verdicts; pure values.

Called by: all of `guard/core`, `guard/wire.py` (as bytes), the simulator.
Must never: carry a time that was not read from a clock by the one who stamps it.
"""

from typing import NamedTuple

from understudy.guard.core.common import CommonSettings
from understudy.linux.reading import Reading
from understudy.model.position import NOWHERE, Position

PUSHED = 0
"""The nonce of a word nobody asked for: it wakes a leader, and proves nothing."""
NO_BOOT = 0
"""No voter has this boot number."""

# Messages between guards.


class Renew(NamedTuple):
    """A holder asks a voter; the stamp is the holder's own clock when it sent this."""

    sequence: int
    stamp: Reading
    echo: int = NO_BOOT
    """The boot number that the holder last received from this voter: a recording made before the voter's restart has another."""
    position: Position = NOWHERE
    """What the holder's daemon has acted on: whoever decides about it must know that much."""


class Grant(NamedTuple):
    """A voter grants; it gives the holder's stamp back, so that a successor can use it too."""

    incarnation: bytes
    sequence: int
    stamp: Reading
    boot: int = NO_BOOT
    """The voter's boot number: 64 random bits, drawn when its memory began."""


class BootNumber(NamedTuple):
    """A voter's answer to a renew that echoes another boot number than its own: it refreshed nothing."""

    incarnation: bytes
    sequence: int
    """Of that renew: an older answer teaches nothing."""
    boot: int


class Lost(NamedTuple):
    """A voter knows from the registry that this incarnation is lost, fenced or evicted."""

    incarnation: bytes


class Query(NamedTuple):
    """An asker wants to know whether the voter is silent about an incarnation."""

    nonce: int
    server: str
    incarnation: bytes


class Silent(NamedTuple):
    """A voter's word, for good: unheard for `silent_after`, and never granted again."""

    nonce: int
    server: str
    incarnation: bytes
    boot: int = NO_BOOT


class NotSilent(NamedTuple):
    """A voter's answer to a query when it cannot say silent."""

    nonce: int
    incarnation: bytes
    boot: int = NO_BOOT


class FarewellMessage(NamedTuple):
    """The sender has stopped everything and verified it: proof like a release."""


class Pulse(NamedTuple):
    """Whether the sender's server can act, beyond its guard; about once a second, and at every change. Says nothing about its lease."""

    able: bool
    why: str
    """Empty when able."""
    for_ms: int
    """For how long it has been so."""


class Differs(NamedTuple):
    """The receiver's common settings are not the sender's, which this message carries as every one does: neither listens to the other."""


class Census(NamedTuple):
    """An asker wants to know every incarnation that the voter grants."""

    nonce: int


class GrantedLife(NamedTuple):
    """An incarnation that a voter grants, and what it has acted on as it said last."""

    server: str
    incarnation: bytes
    position: Position


class CensusAnswer(NamedTuple):
    """A part of a voter's answer to a census: one datagram holds a few incarnations."""

    nonce: int
    answer: int
    """The same in all parts of one answer: parts of two make none."""
    part: int
    parts: int
    granted: tuple[GrantedLife, ...]


Body = Renew | Grant | Lost | Query | Silent | NotSilent | FarewellMessage | Pulse | Differs | BootNumber | Census | CensusAnswer


class Envelope(NamedTuple):
    """A message with what it is bound to; all of it is under the HMAC."""

    common: CommonSettings
    """The sender's."""
    sender: str
    incarnation: bytes
    """The sender's."""
    receiver: str
    body: Body


# Verdicts: what the process around the core must do.


class Send(NamedTuple):
    """Send on every network."""

    envelope: Envelope


class Leased(NamedTuple):
    """A majority granted: the lease ends when either clock reaches this; refresh the gate."""

    until: Reading


class Lapsed(NamedTuple):
    """Stop everything now, asking nobody; said once."""

    why: str


class Word(NamedTuple):
    """A voter says silent: tell the daemon."""

    voter: str
    server: str
    incarnation: bytes


class Gone(NamedTuple):
    """A server said farewell: tell the daemon."""

    server: str
    incarnation: bytes


class Able(NamedTuple):
    """Whether a server can act has changed: tell the daemon."""

    server: str
    incarnation: bytes
    able: bool
    why: str
    for_ms: int


class RoundEnded(NamedTuple):
    """The result of one round; `lost` is proof, for good."""

    nonce: int
    server: str
    incarnation: bytes
    lost: bool
    silent: tuple[str, ...]
    answered: tuple[str, ...]


class CensusEnded(NamedTuple):
    """The result of a census: all that any of a majority grants, one incarnation perhaps twice. None: no majority has answered in time."""

    nonce: int
    granted: tuple[GrantedLife, ...] | None


class Keep(NamedTuple):
    """A voter's memory of one incarnation: to be written where the next guard finds it, before what follows is carried out."""

    server: str
    incarnation: bytes
    sequence: int
    at: Reading
    silent: bool


class WentOver(NamedTuple):
    """The lease rests on the voters of this number alone from now on: tell the daemon. Said when an incarnation goes over to newer ones."""

    voter_set: int


class BeganToVote(NamedTuple):
    """This server has become a voter, with a memory that begins now: to be kept before what follows is carried out."""

    boot: int
    started: Reading


class RefusedSettings(NamedTuple):
    """Common settings differ, from another server's or (`server` empty) from the registry's: tell the operator; said at each change."""

    server: str
    why: str


GuardEffect = Send | Leased | Lapsed | Word | Gone | Able | RoundEnded | CensusEnded | Keep | WentOver | BeganToVote | RefusedSettings
