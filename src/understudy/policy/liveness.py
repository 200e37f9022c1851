"""Who can still be running something: from lost to fenced, and what that proves (design section 3: S3, S5)."""

from collections.abc import Iterator
from dataclasses import replace

from understudy.model.lifecycle import go_on
from understudy.model.names import Incarnation, ResourceName, registered_name
from understudy.model.state import Life
from understudy.model.view import Assignment, Failure, Holder, IncarnationRecord, Proof, View
from understudy.policy.forgetting import removed
from understudy.policy.plan import Memory

QUIET_OVER = "quiet time over"
"""How the proof of an incarnation ends that is known by silence alone. Nobody has seen what became of what it could not end."""
CONFIRMED_OFF = "confirmed off"
"""How the proof ends of a server of which an operator has said that it has no power."""


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
            fenced.append(go_on(record, Life.FENCED, QUIET_OVER))
        else:
            waiting.append(until)
    return tuple(fenced), min(waiting, default=None)


def without_proven(view: View, assignment: Assignment) -> Assignment:
    """The assignment less every holder whose incarnation is proved to run nothing, the proof stored with it (S3)."""
    gone = tuple(holder for holder in assignment.holders if is_gone(view, assignment.resource, holder))
    if not gone:
        return assignment
    proofs = tuple(
        Proof(holder=holder, kind=(view.incarnations[holder.incarnation].life.value.lower()), epoch=assignment.epoch) for holder in gone
    )
    return replace(
        assignment,
        holders=tuple(holder for holder in assignment.holders if holder not in gone),
        proofs=_recent(assignment.proofs + proofs),
    )


def is_gone(view: View, resource: ResourceName, holder: Holder) -> bool:
    """Whether a holder is proved to run nothing of this resource any more."""
    return view.proven(holder.incarnation) and unended(view, resource, holder) is None


def unended(view: View, resource: ResourceName, holder: Holder) -> Failure | None:
    """What a holder said of this resource that it could not end, if nothing but its silence speaks for its end: then nobody knows.

    A keeper begins a new incarnation of its server when everything was seen gone, so a new one is proof; so are a farewell and a fence.
    """
    reports = view.reports.get(resource) or view.reports.get(registered_name(resource), {})
    report = reports.get(holder.server)
    if report is None or report.incarnation != holder.incarnation or report.failure is None or report.failure.kind != "stop":
        return None
    record = view.incarnations.get(holder.incarnation)
    if record is None or record.life is not Life.FENCED or not record.proof.endswith(QUIET_OVER):
        return None
    return report.failure if view.present()[holder.server].incarnation == holder.incarnation else None


def unended_of(view: View, life: IncarnationRecord) -> Iterator[tuple[ResourceName, Failure]]:
    """Each resource of which an incarnation has said that something could not be ended, and nobody has seen it end."""
    for name, assignment in sorted(view.assignments.items()):
        for holder in assignment.holders:
            if holder.incarnation == life.incarnation and (failure := unended(view, name, holder)) is not None:
                yield name, failure


def forgettable(view: View, now: float, memory: Memory) -> tuple[tuple[Incarnation, ...], float | None]:
    """Incarnations that are proved gone and that nobody needs, and when there will be another: not a holder anywhere, not the last of its
    server (which tells how that server stands, and whose order its next incarnation goes on from; of one that was removed nobody asks),
    and not counted by a voter: a leader that counts one of which the registry knows nothing takes the registry for one that went back."""
    out = removed(view)
    last = {record.incarnation for server, record in view.present().items() if server not in out}
    over = [name for name in sorted(view.incarnations) if view.proven(name) and name not in last]
    needed = {holder.incarnation for assignment in view.assignments.values() for holder in assignment.holders} if over else set()
    unneeded = [name for name in over if name not in needed]
    times = {name: memory.uncounted_at[name] for name in unneeded if name in memory.uncounted_at}
    gone = tuple(name for name, at in times.items() if at <= now)
    return gone, min((at for at in times.values() if at > now), default=None)


def _recent(proofs: tuple[Proof, ...]) -> tuple[Proof, ...]:
    """Enough to tell the last hand-overs; the history tells the rest."""
    return proofs[-8:]
