"""Leases by vote, without sockets, clocks or dice: messages, ticks and clock readings in; messages and verdicts out.

Owns: every rule of design section 4 that decides; one clause, one place:
  holder.py  when this server must stop        voter.py  whom this server grants, and when it says silent
  asker.py   when silence is proof             ability.py  who can act, beyond its guard
  guard.py   all of these together, as one server's guard
  keeper.py  what the guard's parent does next           watch.py    how it judges its guard
  ending.py  the order in which everything is ended     epochs.py   which starts are too old, and what may be forgotten
  common.py  what all guards must have the same, and whose votes count   messages.py  what guards say to one another
  start.py   who a guard is, and what it begins with    beats.py    when it sends its next renews
Called by: `guard/process.py` and `guard/keeper.py` (the real ones) and the simulator, which drive the same code.
Must never: wait, read a clock, roll dice, log. A freeze may happen between any two lines; the rules hold all the same.

Values are NamedTuples rather than frozen dataclasses: the simulator makes millions of them, and they cost a third.
"""

from understudy.guard.core.common import CommonSettings, VoterSet, common_settings
from understudy.guard.core.guard import GuardCore
from understudy.guard.core.messages import (
    Able,
    BeganToVote,
    BootNumber,
    Census,
    CensusAnswer,
    CensusEnded,
    Differs,
    Envelope,
    FarewellMessage,
    Gone,
    Grant,
    GrantedLife,
    Keep,
    Lapsed,
    Leased,
    Lost,
    NotSilent,
    Pulse,
    Query,
    RefusedSettings,
    Renew,
    RoundEnded,
    Send,
    Silent,
    WentOver,
    Word,
)
from understudy.guard.core.start import GuardStart, Member
from understudy.guard.core.voter import LastRenew, VoterMemory

__all__ = [
    "Able",
    "BeganToVote",
    "BootNumber",
    "Census",
    "CensusAnswer",
    "CensusEnded",
    "CommonSettings",
    "Differs",
    "Envelope",
    "FarewellMessage",
    "Gone",
    "Grant",
    "GrantedLife",
    "GuardCore",
    "GuardStart",
    "Keep",
    "Lapsed",
    "LastRenew",
    "Leased",
    "Lost",
    "Member",
    "NotSilent",
    "Pulse",
    "Query",
    "RefusedSettings",
    "Renew",
    "RoundEnded",
    "Send",
    "Silent",
    "VoterMemory",
    "VoterSet",
    "WentOver",
    "Word",
    "common_settings",
]
