"""What is wanted of servers: `server evict`, `server confirm-off`, `server leave`, and `cluster accept-settings`. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from understudy.intent.edit import Edit
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.model.lifecycle import go_on
from understudy.model.names import ServerName
from understudy.model.settings import Settings
from understudy.model.state import ALIVE, Life
from understudy.model.view import ClusterRecord, IncarnationRecord, View
from understudy.policy.liveness import CONFIRMED_OFF


def present(view: View, server: ServerName) -> IncarnationRecord:
    """The server's life, if it takes part. Declined (CRS-2546) if not."""
    record = view.present().get(server)
    if record is None or record.life not in ALIVE:
        raise Declined(2546, server)
    return record


def evict(view: View, server: ServerName, operator: Operator) -> Edit:
    """No voter grants it a lease any more."""
    evicted = go_on(present(view, server), Life.EVICTED, f"evicted by {operator.by}")
    return Edit(incarnations=(evicted,))


def silent(view: View, server: ServerName) -> IncarnationRecord:
    """The server's life, if it has only been silent: whoever is alive is not off, and who has left holds nothing."""
    record = view.present().get(server)
    if record is None:
        raise Declined(20024, server)
    if record.life is Life.LEFT:
        raise Declined(20104, server)
    if record.life not in (Life.LOST, Life.FENCED):
        raise Declined(20103, server, record.life.value)
    return record


def confirm_off(view: View, server: ServerName, operator: Operator) -> Edit:
    """An operator's word that a silent server has no power."""
    record = silent(view, server)
    off = go_on(record, Life.FENCED, f"{CONFIRMED_OFF} by {operator.by}")
    return Edit(incarnations=(off,))


def leave(view: View, servers: Sequence[ServerName], operator: Operator, *, at_once: bool = False) -> Edit:
    """They stop everything in order (`at_once`: their guards end it) and leave."""
    records = [present(view, server) for server in servers]
    asked = [record for record in records if record.life is not Life.LEAVING or (at_once and not record.at_once)]
    return Edit(incarnations=tuple(replace(go_on(record, Life.LEAVING), by=operator.by, at_once=at_once) for record in asked))


def keep_a_majority(view: View, leaving: Sequence[ServerName]) -> None:
    """Who stays needs a majority of voters: without it every lease ends, and what runs is not stopped in order. Declined."""
    records = view.present()
    staying = [server for server, record in records.items() if server not in leaving and record.life in (Life.JOINING, Life.ONLINE)]
    for voters in view.cluster.voter_sets if view.cluster is not None else ():
        votes, needed = len([voter for voter in voters if voter in staying]), len(voters) // 2 + 1
        if staying and votes < needed and any(voter in voters for voter in leaving):
            raise Declined(20076, ", ".join(leaving), votes, len(voters), needed)


def the_cluster(view: View) -> ClusterRecord:
    """The cluster's own record. Declined while there is none."""
    if view.cluster is None:
        raise Declined(20122)
    return view.cluster


def accepted(view: View, settings: Settings) -> ClusterRecord:
    """The cluster's record with this server's settings; the same one if they differ in nothing but the order of voters, or its number.
    Other voters have a number that no guard has seen: else those that remember the ones before would go on by them."""
    cluster = the_cluster(view)
    same = sorted(settings.voters) == sorted(cluster.voters) and not cluster.old_voters
    return replace(
        cluster,
        name=settings.cluster,
        voters=cluster.voters if same else tuple(ServerName(voter) for voter in settings.voters),
        voter_set=max(settings.voter_set, cluster.voter_set + (not same)),
        old_voters=(),
        pause_tolerance=settings.pause_tolerance,
    )


def accept_settings(view: View, operator: Operator) -> Edit:
    """The settings of the operator's server become the cluster's."""
    return Edit(cluster=accepted(view, operator.settings))
