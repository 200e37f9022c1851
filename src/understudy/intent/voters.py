"""Who votes: `cluster add-voter`, `cluster remove-voter`, and whatever else changes the voters of a living cluster. Pure.

What is written here only begins a change. Both sets are needed from then on, and the leader ends it (`policy/voters.py`) when nobody can
hold a lease by the old voters any more: docs/design/0011-voters-change-jointly.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.refusal import Declined
from understudy.intent.servers import the_cluster
from understudy.model.events import VOTERS_CHANGING
from understudy.model.names import ServerName
from understudy.model.state import PROVEN, Life
from understudy.model.view import ClusterRecord, View

SIZES = (1, 3, 5)
"""How many voters a cluster has: of an even number one more may be lost without any gain."""
TAKES_PART = (Life.JOINING, Life.ONLINE)


def change_voters(view: View, wanted: Sequence[ServerName]) -> Edit:
    """The cluster's voters are to be these, in whatever order. While a change is under way, only back to those before it, which is a change
    of the same kind. Declined: 20122 and 20295 to 20301; nothing is begun that could leave the cluster without a majority at once.
    """
    cluster = the_cluster(view)
    if view.set_back or view.recovering:
        raise Declined(20295)
    if len(wanted) not in SIZES or len(set(wanted)) != len(wanted):
        raise Declined(20296, _listed(wanted))
    if set(wanted) == set(cluster.voters):
        raise Declined(20298, _listed(cluster.voters))
    if cluster.old_voters and set(wanted) != set(cluster.old_voters):
        raise _under_way(view, cluster)
    for record in view.incarnations.values():
        if record.life not in PROVEN and not record.voter_set:
            raise Declined(20300, record.server)
    _new_ones_take_part(view, [server for server in wanted if server not in cluster.all_voters])
    _a_majority_is_there(view, wanted)
    # back from a change that is under way: both sets are needed as before, and their order is another
    begun = replace(cluster, voters=tuple(sorted(wanted)), voter_set=cluster.voter_set + 1, old_voters=cluster.voters)
    text = f"from {_listed(cluster.voters)} to {_listed(begun.voters)}"
    return Edit(cluster=begun, history=(HistoryEntry(kind=VOTERS_CHANGING, text=text),))


def _under_way(view: View, cluster: ClusterRecord) -> Declined:
    late = _listed(dict.fromkeys(record.server for record in view.unacknowledged())) or "the leader"
    return Declined(20299, _listed(cluster.old_voters), _listed(cluster.voters), late, _listed(cluster.old_voters))


def _new_ones_take_part(view: View, new: Iterable[ServerName]) -> None:
    """Whoever is to vote must be able to learn it at once: until a majority of the new set does, nobody can be proved lost."""
    present = view.present()
    for server in sorted(new):
        record = present.get(server)
        if record is None:
            raise Declined(20297, server, "no server of this name was ever seen")
        if record.life not in TAKES_PART:
            raise Declined(20297, server, f"it is {record.life.value}")
        if (unable := view.unable.get(record.incarnation)) is not None:
            raise Declined(20297, server, f"it cannot act ({unable.why})")


def _a_majority_is_there(view: View, wanted: Sequence[ServerName]) -> None:
    present = view.present()
    there = [server for server in wanted if (record := present.get(server)) is not None and record.life in TAKES_PART]
    needed = len(wanted) // 2 + 1
    if len(there) < needed:
        raise Declined(20301, _listed(wanted), _listed(there) or "none", needed)


def _listed(servers: Iterable[ServerName]) -> str:
    return ", ".join(sorted(servers))
