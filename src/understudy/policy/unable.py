"""Servers that hold a lease and cannot act, or cannot stop what others could run: whom the leader moves off by an eviction of its own,
and when (docs/design/0006-able.md).

An eviction only ends a lease: what was held starts elsewhere when the incarnation is proved gone, as always (S3, S5). Pure.
Called by `decide.py`.
"""

from collections.abc import Iterator, Sequence

from understudy.model.lifecycle import go_on
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName, ServerName
from understudy.model.shown import one_line
from understudy.model.state import ALIVE, Internal, Life, State
from understudy.model.view import IncarnationRecord, Report, Unable, View
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import Ground, is_wanted, survey
from understudy.policy.groups import group_of, groups
from understudy.policy.plan import Memory

EVICT_AFTER_S = 10.0
"""A server that could not act for so long, while the leader itself could, loses what it holds. Longer than a daemon or an executor that
ends takes to come back."""
EVICT_PAUSE_S = 30.0
"""Between two evictions by the leader: the first server has rejoined by then, and its guard grants again."""
LONGEST_CAUSE = 200
"""Characters of what a resource said that stand in the proof."""


def evict_who_holds_up(view: View, now: float, memory: Memory) -> tuple[tuple[IncarnationRecord, ...], float | None]:
    """The incarnation that the leader evicts now, if any, for the one reason or the other, and when there may be another."""
    evicted, act_at = evict_who_cannot_act(view, now, memory)
    if evicted:
        return evicted, act_at
    evicted, stop_at = evict_who_cannot_stop(view, now, memory)
    return evicted, min((at for at in (act_at, stop_at) if at is not None), default=None)


def evict_who_cannot_act(view: View, now: float, memory: Memory) -> tuple[tuple[IncarnationRecord, ...], float | None]:
    """The incarnation that is evicted now, if any, and when there may be another. At most one, and none while another is on its way out."""
    unable = sorted(_who(view), key=lambda pair: (pair[1].since, pair[0].server))
    if not unable or memory.acting_since is None or view.recovering:
        return (), None  # after the registry went back they may have been held up by that; `eras.py` says for how long
    if any(incarnation.life in (Life.EVICTED, Life.LOST) for incarnation in view.incarnations.values()):
        return (), None  # its proof will be news
    earliest = max(memory.acting_since + EVICT_AFTER_S, memory.evicted_at + EVICT_PAUSE_S)
    due = [(max(said.since + EVICT_AFTER_S, earliest), record, said) for record, said in unable]
    ground = survey(view)
    for at, record, said in due:
        if at <= now and _may_go(ground, record):
            proof = f"evicted by the leader: {said.why} (for {now - said.since:.0f} s)"
            return (go_on(record, Life.EVICTED, proof),), None
    return (), min((at for at, _, _ in due if at > now), default=None)


def evict_who_cannot_stop(view: View, now: float, memory: Memory) -> tuple[tuple[IncarnationRecord, ...], float | None]:
    """STOP_FAILURE=fence: the incarnation on which a resource could not be stopped that another server could run, and when there may be
    one. With the bounds of the others: one at a time, with a pause, and none on whose voters a majority rests."""
    stuck = sorted(_stuck(view), key=lambda found: (found[0].server, found[1]))
    if not stuck or memory.acting_since is None or view.recovering:
        return (), None
    if any(incarnation.life in (Life.EVICTED, Life.LOST) for incarnation in view.incarnations.values()):
        return (), None  # its proof will be news
    ground, at = survey(view), memory.evicted_at + EVICT_PAUSE_S
    for record, name, report in stuck:
        if not (_voters_left(ground, record) and _has_another_home(ground, record, group_of(ground.view, name))):
            continue
        if at > now:
            return (), at
        said = "" if report.failure is None else f" ({one_line(report.failure.text)[:LONGEST_CAUSE]})"
        proof = f"evicted by the leader: {report.resource} cannot be stopped there{said}, and its STOP_FAILURE is fence"
        return (go_on(record, Life.EVICTED, proof),), None
    return (), None


def _stuck(view: View) -> Iterator[tuple[IncarnationRecord, ResourceName, Report]]:
    """Where something is UNKNOWN, after all that can be tried, whose operator wants the server to go for it."""
    for name in with_trait(view.resources, Trait.FENCES):
        for report in view.reports.get(name, {}).values():
            record = view.incarnations.get(report.incarnation)
            tried = report.internal is Internal.STABLE and report.failure is not None and report.failure.kind == "stop"
            if record is not None and record.life in ALIVE and report.state is State.UNKNOWN and tried:
                yield record, name, report


def _who(view: View) -> Iterator[tuple[IncarnationRecord, Unable]]:
    """Living servers that cannot act, but not the one that decides."""
    for incarnation, said in view.unable.items():
        record = view.incarnations.get(incarnation)
        leads = view.leader is not None and view.leader.incarnation == incarnation
        if record is not None and record.life in ALIVE and not leads:
            yield record, said


def _may_go(ground: Ground, record: IncarnationRecord) -> bool:
    """Whether anybody gains by its end, and enough voters are left without it."""
    return _voters_left(ground, record) and any(_has_another_home(ground, record, members) for members in groups(ground.view))


def _voters_left(ground: Ground, record: IncarnationRecord) -> bool:
    """A voter that begins anew may be mute for a while: a majority must be there without it."""
    sets = ((),) if ground.view.cluster is None else ground.view.cluster.voter_sets
    return all(_majority_left(ground, record, voters) for voters in sets)


def _majority_left(ground: Ground, record: IncarnationRecord, voters: Sequence[ServerName]) -> bool:
    there = [voter for voter in voters if voter != record.server and ground.life(voter) in ALIVE]
    return record.server not in voters or len(there) > len(voters) // 2


def _has_another_home(ground: Ground, record: IncarnationRecord, members: tuple[ResourceName, ...]) -> bool:
    """Whether it holds some of this group that another server could run, or is to run already and waits for its release."""
    view = ground.view
    wanted = [name for name in members if is_wanted(view, name)]
    held = [name for name in wanted if ground.holds(record.server, name)]
    if not held or not all(view.resources[name].instance_failover for name in wanted):
        return False
    return any(group_standing.admitted and group_standing.server != record.server for group_standing in group_standings(ground, wanted))
