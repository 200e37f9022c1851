"""Leases by vote, without sockets, clocks or dice: messages, ticks and clock readings in; messages and verdicts out.

Owns: every rule of design section 4 that decides; one clause, one place:
  holder.py  when this server must stop        voter.py  whom this server grants, and when it says silent
  asker.py   when silence is proof             ability.py  who can act, beyond its guard
  guard.py   all of these together, as one server's guard
Called by: `guard/process.py` (the real one) and the simulator, which drive the same code.
Must never: wait, read a clock, roll dice, log. A freeze may happen between any two lines; the rules hold all the same.

Values are NamedTuples rather than frozen dataclasses: the simulator makes millions of them, and they cost a third.
"""

from understudy.guard.core.guard import Guard, Member, Start
from understudy.guard.core.messages import (
    Able,
    Envelope,
    Farewell,
    Gone,
    Grant,
    Heard,
    Lapsed,
    Leased,
    Lost,
    Pulse,
    Query,
    Reading,
    Renew,
    RoundEnded,
    Send,
    Silent,
    Word,
)

__all__ = [
    "Able",
    "Envelope",
    "Farewell",
    "Gone",
    "Grant",
    "Guard",
    "Heard",
    "Lapsed",
    "Leased",
    "Lost",
    "Member",
    "Pulse",
    "Query",
    "Reading",
    "Renew",
    "RoundEnded",
    "Send",
    "Silent",
    "Start",
    "Word",
]
