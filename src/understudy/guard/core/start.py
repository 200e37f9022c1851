"""Who a guard is among the others, and what it begins with: values.

Made by: `guard/process.py`, the keeper (`core/keeper.py`) and the simulator; read by `core/guard.py`. Must never: change.
"""

from typing import NamedTuple

from understudy.guard.core.common import CommonSettings
from understudy.guard.core.voter import VoterMemory
from understudy.linux.reading import Reading
from understudy.model.position import NOWHERE, Position


class Member(NamedTuple):
    """Who this server is among the others."""

    server: str
    servers: tuple[str, ...]
    common: CommonSettings


class GuardStart(NamedTuple):
    """What a guard begins with: a new incarnation, or a predecessor's unexpired one."""

    incarnation: bytes
    sequence: int = 0
    base: Reading | None = None
    begun_here: bool = True
    """This guard made the incarnation. A restarted guard may not say farewell for its predecessor."""
    position: Position = NOWHERE
    """What the daemon of this incarnation has acted on."""
    memory: VoterMemory | None = None
    """What it goes on from as a voter: its predecessor's, or one that begins now. Every voter's guard is given one."""
    registry: CommonSettings | None = None
    """What the registry last said that the common settings are; None: nobody has said."""
    voter_set: int = 0
    """The number of the voters on whose grants the predecessor's lease rests."""
