"""Who can still be running something: from lost to fenced, and what that proves (design section 3: S3, S5)."""

from dataclasses import replace

from understudy.model.names import Incarnation
from understudy.model.state import Life
from understudy.model.view import Assignment, IncarnationRecord, Proof, View
from understudy.policy.plan import Memory


def fence_what_is_quiet(view: View, now: float, memory: Memory) -> tuple[tuple[IncarnationRecord, ...], float | None]:
    """LOST incarnations whose quiet time is over, as FENCED; and when the next one's will be (S5: fenced is lost plus quiet_s)."""
    fenced, waiting = [], []
    for incarnation, record in sorted(view.incarnations.items()):
        if record.life is not Life.LOST:
            continue
        until = memory.quiet_until.get(incarnation)
        if until is None:
            continue  # the leader has not witnessed it yet: its memory is filled before the next decision
        if until <= now:
            fenced.append(replace(record, life=Life.FENCED, proof=f"{record.proof}; quiet time over"))
        else:
            waiting.append(until)
    return tuple(fenced), min(waiting, default=None)


def without_proven(view: View, assignment: Assignment) -> Assignment:
    """The assignment less every holder whose incarnation is proved to run nothing, the proof stored with it (S3)."""
    gone = tuple(one for one in assignment.holders if view.proven(one.incarnation))
    if not gone:
        return assignment
    proofs = tuple(
        Proof(holder=one, kind=(view.incarnations[one.incarnation].life.value.lower()), epoch=assignment.epoch) for one in gone
    )
    return replace(
        assignment,
        holders=tuple(one for one in assignment.holders if one not in gone),
        proofs=_recent(assignment.proofs + proofs),
    )


def forgettable(view: View) -> tuple[Incarnation, ...]:
    """Incarnations that are proved gone and that nobody needs: not a holder anywhere, and not the last of its server (which tells how
    that server stands, and whose order its next incarnation goes on from)."""
    last = {one.incarnation for one in view.present().values()}
    needed = {one.incarnation for assignment in view.assignments.values() for one in assignment.holders}
    return tuple(sorted(one for one in view.incarnations if view.proven(one) and one not in last and one not in needed))


def _recent(proofs: tuple[Proof, ...]) -> tuple[Proof, ...]:
    """Enough to tell the last hand-overs; the history tells the rest."""
    return proofs[-8:]
