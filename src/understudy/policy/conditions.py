"""What is not as it should be this minute, and what to do about it: one pure function, from which all words are taken.

Called by the commands, by the verbs before they act, and for the alert log (`daemon/sight.py`). It decides nothing: what is said here
moves nothing. The order is that of what an operator has to know first.
"""

from collections.abc import Iterable, Iterator

from understudy.model.conditions import NOTHING_BEGINS, UNREACHED, Condition, ConditionKind, GuardSight, Lease, Own, Weight, ago
from understudy.model.engines import ENGINES
from understudy.model.names import Incarnation, ServerName, short
from understudy.model.state import ALIVE
from understudy.model.view import View
from understudy.policy.eras import held_up_by

LEADER_S = 5.0
"""A leader that has shown nothing for so long is no passing thing: another takes over within a second or two."""
JOINS_S = 3.0
"""A server that has begun needs about as long until it holds a lease."""
SEES_S = 1.0
"""A daemon that has begun has seen within this whether a leader is at work."""
GUARD_S = 3.0
"""A guard that has not answered for so long does not answer."""
NAMED = 12
"""So many names are listed; of more, how many."""
_KEEPERS = "systemctl status understudy-guard"
_NOTHING_SAID = GuardSight(incarnation=Incarnation(""))


def conditions(view: View, own: Own) -> tuple[Condition, ...]:
    """Everything that is not as it should be, as far as one server knows; nothing when all is well."""
    return tuple(_removed(view, own)) or tuple(_all(view, own))


def _all(view: View, own: Own) -> Iterator[Condition]:
    yield from _own_guard(own)
    yield from _own_lease(view, own)
    yield from _registry(view, own)
    yield from _leader(view, own)
    yield from _own_ability(view, own)
    yield from _others(view, own)
    yield from _unregistered(view, own)
    yield from _weak_points(own)
    yield from _members(own)
    yield from _voters(view, own)
    yield from _kept(own)
    yield from _said(own)


# --- what is known of leases ----------------------------------------------------------------------------------------


def led(view: View, own: Own) -> bool:
    """Whether somebody decides, so that the registry's word about servers is looked after."""
    seen = own.leader_silent_s is not None and own.leader_silent_s < LEADER_S
    return view.leader is not None and seen and not own.registry_away_s and not view.set_back


def lease_of(view: View, own: Own, server: ServerName) -> Lease:
    """What is known of the lease of the server's life that the registry knows."""
    record = view.present().get(server)
    if record is None or record.life not in ALIVE:
        return Lease.NONE
    if server == own.server:
        if own.incarnation is not None and own.incarnation != record.incarnation:
            return Lease.OVER
        return Lease.HELD if own.held else Lease.OVER
    reached = own.last_incarnation(server)
    if reached is not None:
        return Lease.HELD if reached == record.incarnation else Lease.OVER
    return Lease.HELD if led(view, own) else Lease.UNHEARD


def reached_voters(own: Own) -> tuple[ServerName, ...]:
    """Voters that are there: this server's own, and those that sent a message a moment ago."""
    return tuple(voter for voter in own.voters if (own.incarnation if voter == own.server else own.last_incarnation(voter)) is not None)


# --- this server ----------------------------------------------------------------------------------------------------


def _removed(view: View, own: Own) -> Iterator[Condition]:
    """Then nothing else matters."""
    if own.read_once and view.servers and own.server not in view.servers:
        yield _down(
            ConditionKind.REMOVED, own.server, "an operator has removed it. Nobody grants it a lease, and it runs nothing",
            "Stop understudy.target here and remove /etc/understudy and /var/lib/understudy; or add it again on another server: "
            "understudy cluster add-server",
            None,
        )  # fmt: skip


def _own_guard(own: Own) -> Iterator[Condition]:
    guard = own.guard or _NOTHING_SAID
    if own.left and not own.held:
        yield _down(
            ConditionKind.LEFT, own.server,
            f"it was taken out by {own.left}. It runs nothing and has no news of the others; what is shown may be old",
            "It comes back with: understudy server join; for the state of the others, ask one of them", None,
        )  # fmt: skip
        return
    if own.guard_age_s >= GUARD_S:
        yield _down(
            ConditionKind.GUARD_SILENT, own.server,
            f"it has not answered for {ago(own.guard_age_s)}. Without it this server has no lease and runs nothing",
            f"Check whether it runs and what stops it ({_KEEPERS}, its log); start it, or resume it", own.guard_age_s,
        )  # fmt: skip
    if guard.refused:
        cause, _, advice = guard.refused.partition(": make ")
        yield _down(
            ConditionKind.TAKES_NO_PART, own.server, cause,
            f"Make {advice}" if advice else "Make understudy.toml the same on all servers, and restart understudy-guard here", None,
        )  # fmt: skip
    if guard.leave_left_s is not None:
        yield _down(
            ConditionKind.LEAVING, own.server, f"it stops everything in order and has {ago(guard.leave_left_s)} for that",
            "It comes back with: understudy server join", None,
        )  # fmt: skip


def _own_lease(view: View, own: Own) -> Iterator[Condition]:
    """Why this server holds no lease; said once, by the first cause that explains it."""
    guard = own.guard
    if own.held or own.left or guard is None or guard.refused or own.guard_age_s >= GUARD_S:
        return
    reached, since_s = reached_voters(own), own.lapsed_s
    for_so_long = f" (for {ago(since_s)})" if since_s is not None else ""
    if _majority_lost(view, own):
        yield _down(
            ConditionKind.MAJORITY_LOST, None,
            f"of {len(own.voters)} voters {own.needed} are needed, and only {_names(reached) or 'none'} can be reached from "
            f"{own.server}{for_so_long}; {_missing(own, reached)}. Everything that this server ran was stopped, and nothing starts until "
            "a majority is back",
            _bring_back(own, reached), since_s,
        )  # fmt: skip
        return
    if _just_begun(own):
        cause, advice = "it has only just started", "It joins by itself within seconds"
    elif len(reached) < own.needed:
        cause = f"it is cut off: of the {own.needed} voters that it needs it reaches {_names(reached) or 'none'}; {_missing(own, reached)}"
        advice = f"Look at the networks of {own.server}; the others start what it ran"
    else:
        granting = [voter for voter in own.voters if own.granted(voter)]
        cause = (
            f"a majority of voters is there ({_names(reached)}) and does not grant it one: {_names(granting) or 'none'} of {own.needed} do"
            ". A voter that has just restarted grants no lease for some seconds; one that knows that this incarnation is over never does"
        )
        advice = f"It joins by itself; if this stays, restart understudy-guard on {own.server}"
    yield _down(ConditionKind.NO_LEASE, own.server, f"{cause}{for_so_long}. What it ran was stopped", advice, since_s)


def _majority_lost(view: View, own: Own) -> bool:
    """Whether so few voters are reached that no server can hold a lease, unless only this one is cut off: then a leader is seen at work."""
    if own.held or own.left or own.guard is None or own.guard.refused or own.guard_age_s >= GUARD_S or _just_begun(own):
        return False
    return len(reached_voters(own)) < own.needed and not led(view, own)


def _just_begun(own: Own) -> bool:
    """No message has come yet, or the leader was not seen yet; but who had no lease before its daemon began is soon believed."""
    if own.daemon_s < SEES_S:
        return True
    return own.daemon_s < JOINS_S and (own.lapsed_s is None or own.lapsed_s < JOINS_S)


def _own_ability(view: View, own: Own) -> Iterator[Condition]:
    for server, (why, for_s) in sorted(_unable(view, own).items()):
        advice = f"Look at {_where_to_look(server, why)}; after ten seconds it is evicted if others can run what it holds"
        yield _down(ConditionKind.CANNOT_ACT, server, f"{why} (for {ago(for_s)})", advice, for_s)


def _where_to_look(server: ServerName, why: str) -> str:
    if why == UNREACHED:
        return f"the network path from {server} to the registry"
    if why.startswith(NOTHING_BEGINS):
        return f"what uses it up on {server}: processes (pids.max, ulimit -u), open files, memory, room in /run/understudy"
    return f"understudyd and understudy-exec on {server}, their logs"


def _unable(view: View, own: Own) -> dict[ServerName, tuple[str, float]]:
    """Server -> why, and for how long; of this one its own word."""
    said = {unable.server: (unable.why, own.now - unable.since) for inc, unable in view.unable.items() if view.life(inc) in ALIVE}
    if own.unable and own.held:
        said[own.server] = (own.unable, said.get(own.server, ("", 0.0))[1])
    if not own.held:
        said.pop(own.server, None)  # that is why, and it is said already
    return {server: inability for server, inability in said.items() if not (own.registry_away_s and inability[0] == UNREACHED)}


# --- the cluster ----------------------------------------------------------------------------------------------------


def _registry(view: View, own: Own) -> Iterator[Condition]:
    if own.registry_away_s:
        shown = f"what is shown is {ago(own.registry_away_s)} old" if own.read_once else "nothing is known of the cluster"
        yield _down(
            ConditionKind.REGISTRY_AWAY, None,
            f"for {ago(own.registry_away_s)}; {shown}. {'What runs goes on and is restarted where it is. ' if own.held else ''}"
            "Nothing can be changed, moved or started elsewhere",
            ENGINES[own.engine].away, own.registry_away_s,
        )  # fmt: skip
    elif own.registry_refuses:
        yield _down(
            ConditionKind.REGISTRY_FULL, None,
            f"{own.registry_refuses}. What runs goes on and is restarted where it is; nothing can be changed, moved or started elsewhere",
            ENGINES[own.engine].full, None,
        )  # fmt: skip
    if view.set_back:
        yield _down(
            ConditionKind.REGISTRY_SET_BACK, None, f"{view.set_back}; nothing is decided until a new era has begun",
            "That happens by itself within seconds, once a server holds a lease", None,
        )  # fmt: skip
    elif view.recovering:
        late = [f"{incarnation.server}/{short(incarnation.incarnation)}" for incarnation in held_up_by(view)]
        yield _down(
            ConditionKind.RECOVERING, None,
            f"era {view.era}: nothing is assigned until it is known what runs where; not reported yet by: {_names(late) or 'nobody'}",
            "Start the servers that are named; one that stays silent is evicted after half a minute", None,
        )  # fmt: skip


def _leader(view: View, own: Own) -> Iterator[Condition]:
    if own.registry_away_s or own.registry_refuses or not own.read_once or view.set_back or _majority_lost(view, own):
        return  # a consequence, or not to be known
    silent_s = min(own.daemon_s, own.leader_watched_s) if own.leader_silent_s is None else own.leader_silent_s
    if silent_s >= LEADER_S:
        last = f" The last one was {view.leader.server}." if view.leader else ""
        yield _down(
            ConditionKind.NO_LEADER, None,
            f"no server has acted as leader for {ago(silent_s)}.{last} What runs goes on; nothing is started or moved",
            "A server that can act takes over within seconds; if this stays, look at understudyd on every server "
            "(crsctl check cluster -all)",
            silent_s,
        )  # fmt: skip


def _others(view: View, own: Own) -> Iterator[Condition]:
    """Servers that the registry still takes for alive, and that are not. Of a lost majority that is the consequence."""
    guard = own.guard or _NOTHING_SAID
    if own.left or guard.refused or own.guard_age_s >= GUARD_S or _majority_lost(view, own) or (not own.held and led(view, own)):
        return  # who reaches nobody, or is cut off while others go on, knows nothing of the others
    for server, record in view.present().items():
        if server == own.server or record.life not in ALIVE:
            continue
        reached, age_s = own.last_incarnation(server), own.silence_s(server) or own.daemon_s
        if reached not in (None, record.incarnation):
            yield _down(
                ConditionKind.OTHER_NO_LEASE, server, "it has begun a new incarnation; what it ran was stopped",
                "It joins by itself when a majority of voters grants it a lease and it reaches the registry", None,
            )  # fmt: skip
        elif reached is None and age_s > own.fresh_s:
            what = "the leader decides what happens to it" if led(view, own) else "no server decides what happens to it"
            yield _down(
                ConditionKind.OTHER_UNHEARD, server, f"for {ago(age_s)}; what is shown of it is as old, and {what}",
                f"Look at the power of {server}, its networks, and understudy-guard there", age_s,
            )  # fmt: skip


def _unregistered(view: View, own: Own) -> Iterator[Condition]:
    """What servers have found running on themselves that the registry, recreated or set back, knows nothing of."""
    for server, look in sorted(view.looks.items()):
        names = [name for name in look.unregistered if name not in view.resources]
        if names and look.incarnation == view.present()[server].incarnation and lease_of(view, own, server) is Lease.HELD:
            yield _weak(
                ConditionKind.UNREGISTERED, server,
                f"{_names(names)}. Nothing watches, restarts, moves or stops it; it ends with the lease of {server}, and starts nowhere",
                "Register it again under its old name (crsctl add resource, or a file of understudy cluster export), and crsctl start "
                "resource: it is adopted where it runs. What is not wanted any more is stopped and deleted after that",
            )  # fmt: skip


# --- what has no effect yet -----------------------------------------------------------------------------------------


def _weak_points(own: Own) -> Iterator[Condition]:
    guard, reached = own.guard or _NOTHING_SAID, reached_voters(own)
    if own.held and len(own.voters) > own.needed and len(reached) == own.needed and own.daemon_s > own.fresh_s:
        yield _weak(
            ConditionKind.LAST_MAJORITY, None, f"no voter is left to spare: {_missing(own, reached)}. If one more is lost everything stops",
            _bring_back(own, reached),
        )  # fmt: skip
    if guard.priority:
        yield _weak(
            ConditionKind.NOT_REAL_TIME, own.server,
            f"understudy-guard has no real-time priority ({guard.priority}): on a busy server its lease may end",
            "Let it run as root with LimitRTPRIO and LimitMEMLOCK of infinity (its systemd unit has them), and restart it",
        )  # fmt: skip
    if guard.gate and not guard.gate.startswith("ready"):  # that it was taken away, and is there again, the guard says itself
        yield _weak(
            ConditionKind.NO_GATE, own.server,
            f"there is no gate ({guard.gate}): if this server is paused its addresses may answer after others have taken over",
            "Let understudy-guard run as root with CAP_NET_ADMIN, on a kernel with nf_tables; keep others from flushing the rule set",
        )  # fmt: skip
    if guard.differing and not guard.refused:
        causes = "; ".join(sentence.partition(": make ")[0] for sentence in sorted(guard.differing))
        advice = guard.differing[0].partition(": make ")[2] or "understudy.toml the same on all servers"
        yield _weak(ConditionKind.SETTINGS_DIFFER, None, causes, f"Make {advice}")
    if own.not_run:
        names, whys = sorted(own.not_run), sorted(set(own.not_run.values()))
        yield _weak(
            ConditionKind.CHECKS_NOT_RUN, own.server,
            f"of {_names(names)}: {'; '.join(whys[:3])}. They are not checked meanwhile",
            f"Look at `understudy history {names[0]}`, which says what to do; it is retried",
        )  # fmt: skip
    if own.alerts_lost:
        yield _weak(
            ConditionKind.ALERTS_LOST, own.server, f"{own.alerts_lost} lines are lost ({own.alerts_why or 'too many at once'})",
            "Make room where the log is; understudy history has what was lost",
        )  # fmt: skip


def _members(own: Own) -> Iterator[Condition]:
    """Those of etcd that are missed while the registry goes on. Of a server that is lost itself that is the consequence."""
    for server, away_s in sorted(own.members_away.items()):
        if not own.registry_away_s and (server == own.server or own.last_incarnation(server) is not None):
            yield _weak(
                ConditionKind.MEMBER_AWAY, server,
                f"the member of etcd on {server} has not answered for {ago(away_s)}. The registry goes on "
                "as long as a majority of its members is there",
                f"On {server}: systemctl status understudy-etcd, journalctl -u understudy-etcd, df /var/lib/understudy",
            )  # fmt: skip


def _voters(view: View, own: Own) -> Iterator[Condition]:
    """A change of them that has not ended; and what understudy.toml says, which counts only until the registry was read once."""
    cluster = view.cluster
    if cluster is None or view.set_back:
        return
    now, mine = sorted(cluster.voters), sorted(own.settings_voters)
    if cluster.old_voters:
        late = dict.fromkeys(record.server for record in view.unacknowledged())
        first = next(iter(late), own.server)
        yield _weak(
            ConditionKind.VOTERS_CHANGE, None,
            f"from {_names(sorted(cluster.old_voters))} to {_names(now)}; not acknowledged yet by: {_names(late) or 'the leader'}. "
            "Meanwhile a majority of both is needed to replace a server",
            f"That takes less than a second where understudyd runs. If it stays: start {first}, or let it begin a new incarnation "
            f"(understudy server leave {first}, then understudy server join there), or go back to the voters of before",
        )  # fmt: skip
    elif mine and mine != now:
        listed = ", ".join(f'"{voter}"' for voter in now)
        yield _weak(
            ConditionKind.VOTERS_DIFFER, own.server, f"{_names(mine)}; the registry says {_names(now)}, and that counts",
            f"Write voters = [{listed}] and voter_set = {cluster.voter_set} there; nothing has to be restarted",
        )  # fmt: skip


def _kept(own: Own) -> Iterator[Condition]:
    """What should be on this server's disk, and is not."""
    guard = own.guard or _NOTHING_SAID
    if guard.not_kept:
        cause, _, advice = guard.not_kept.partition(". ")
        yield _weak(ConditionKind.SETTINGS_NOT_KEPT, own.server, cause, advice or "Make room there")
    if own.not_kept:
        yield _weak(
            ConditionKind.HELD_NOT_KEPT, own.server,
            f"what {own.server} holds cannot be kept on its disk ({own.not_kept}): a daemon that starts while the registry is away "
            "restarts nothing until that is back",
            "Make room in /var/lib/understudy (state_dir); it is tried again each second",
        )  # fmt: skip


def _said(own: Own) -> Iterator[Condition]:
    guard = own.guard or _NOTHING_SAID
    if own.left:
        return
    known = [sentence for sentence in (guard.refused, *guard.differing, guard.not_kept) if sentence]
    for sentence in own.notices:
        if not any(cause in sentence for cause in known) and not (guard.refused and "understudy.toml" in sentence):
            yield _weak(ConditionKind.GUARD_SAYS, own.server, sentence.rstrip("."), "Look at the log of understudy-guard")


# --- words ----------------------------------------------------------------------------------------------------------


def _down(kind: ConditionKind, about: ServerName | None, cause: str, advice: str, since_s: float | None) -> Condition:
    return Condition(kind=kind, weight=Weight.DOWN, about=about, cause=cause, advice=advice, since_s=since_s)


def _weak(kind: ConditionKind, about: ServerName | None, cause: str, advice: str) -> Condition:
    return Condition(kind=kind, weight=Weight.WEAK, about=about, cause=cause, advice=advice)


def _names(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _missing(own: Own, reached: Iterable[ServerName]) -> str:
    there = set(reached)
    missing = []
    for voter in own.voters:
        if voter not in there:
            age_s = own.silence_s(voter)
            missing.append(f"{voter} (for {ago(age_s)})" if age_s is not None else f"{voter} (not since this server's guard started)")
    return f"no message from: {_names(missing) or 'none'}"


def _bring_back(own: Own, reached: Iterable[ServerName]) -> str:
    missing = [voter for voter in own.voters if voter not in set(reached)]
    which = " or ".join(missing[:NAMED]) or "a voter"
    return f"Bring back {which} (power, understudy-guard, networks); if they run, {own.server} is cut off from them"


def about(found: Iterable[Condition], server: ServerName) -> tuple[Condition, ...]:
    """Those that are the cluster's or this server's, not another's."""
    return tuple(condition for condition in found if condition.about in (None, server))


HOPELESS_S = 2.0
"""A registry that has been away for less is waited for by whoever asks it."""


def nothing_can_be_done(found: Iterable[Condition], *, registry_alone: bool = False) -> Condition | None:
    """Why nothing can be started, stopped or moved anywhere now; None: it can. `registry_alone`: why nothing can be written down."""
    kinds = _NOBODY_WRITES if registry_alone else _NOBODY_WRITES | _NOBODY_ACTS
    hopeless = (condition for condition in found if condition.kind in kinds)
    return next(
        (
            condition
            for condition in hopeless
            if condition.kind is not ConditionKind.REGISTRY_AWAY or (condition.since_s or 0.0) >= HOPELESS_S
        ),
        None,
    )


_NOBODY_WRITES = frozenset({ConditionKind.REGISTRY_AWAY, ConditionKind.REGISTRY_FULL, ConditionKind.REGISTRY_SET_BACK})
_NOBODY_ACTS = frozenset({ConditionKind.MAJORITY_LOST, ConditionKind.NO_LEADER})
