"""How the life of an incarnation goes on: one table of what may follow what, and the one function that goes by it.

Called by whoever writes an incarnation's record: its own server, the leader, operators' verbs. Nothing may write a life past it: none comes
back that was proved over (S3, S5), and none that voters were asked to refuse is granted again (S4).
"""

from collections.abc import Mapping
from dataclasses import replace

from understudy.model.state import Life
from understudy.model.view import IncarnationRecord

LIFE_TRANSITIONS: Mapping[Life, frozenset[Life]] = {
    Life.JOINING: frozenset({Life.ONLINE, Life.LEAVING, Life.EVICTED, Life.LOST, Life.FENCED, Life.LEFT}),
    Life.ONLINE: frozenset({Life.LEAVING, Life.EVICTED, Life.LOST, Life.FENCED, Life.LEFT}),
    Life.LEAVING: frozenset({Life.LEAVING, Life.EVICTED, Life.LOST, Life.FENCED, Life.LEFT}),
    Life.EVICTED: frozenset({Life.LOST, Life.FENCED, Life.LEFT}),
    Life.LOST: frozenset({Life.FENCED}),
    Life.FENCED: frozenset({Life.FENCED}),
    Life.LEFT: frozenset(),
}
"""LEAVING again: at once after all. FENCED again: by one more proof; FENCED without being LOST first: by a power fence, which alone
suffices."""


def may_follow(before: Life, after: Life) -> bool:
    """Whether an incarnation may go from `before` to `after`."""
    return after in LIFE_TRANSITIONS[before]


def go_on(record: IncarnationRecord, life: Life, proof: str = "") -> IncarnationRecord:
    """The record of the same incarnation in its next life, with what proves it after what was proved before.

    AssertionError where the table has no such way: whoever calls this has asked what the life is now.
    """
    assert may_follow(record.life, life), f"{record.server}/{record.incarnation} is {record.life.value}, and does not become {life.value}"
    proofs = "; ".join(part for part in (record.proof, proof) if part)
    return replace(record, life=life, proof=proofs, evicted=record.evicted or life is Life.EVICTED)
