"""By which voters' grants this server's incarnation holds its lease, as its guard says: what its daemon acknowledges in the registry.

Owned by `daemon/node.py`, which writes it into the incarnation's record. Must never: take the word about another incarnation for one about
its own; a change of the voters ends when everybody has acknowledged it (docs/design/0011-voters-change-jointly.md).
"""

import asyncio

from understudy.model.names import Incarnation
from understudy.model.view import View
from understudy.ports import GuardState, VotersAcknowledged


class AcknowledgedVoters:
    """The number, which only grows in an incarnation's life."""

    def __init__(self) -> None:
        self.voter_set = 0
        """0: of a guard that knows of no change of the voters, or before the first lease."""
        self.news = asyncio.Event()
        """There is something to write."""
        self._last: VotersAcknowledged | None = None

    def begin(self, state: GuardState) -> None:
        """An incarnation holds its lease. What the guard has sent may be later than what it was asked."""
        last = self._last
        later = last.voter_set if last is not None and last.incarnation == state.incarnation else 0
        self.voter_set = max(state.voter_set, later)

    def note(self, word: VotersAcknowledged, incarnation: Incarnation | None) -> None:
        """The guard says that it went over to other voters; `incarnation`: the daemon's."""
        self._last = word
        if word.incarnation == incarnation and word.voter_set > self.voter_set:
            self.voter_set = word.voter_set
            self.news.set()

    def may_register(self, view: View) -> bool:
        """Not with a lease of voters that may count no more: nobody else could tell when it ends (S5). The guard is asking the others. (0:
        it holds its lease by those of the registry, or none.)"""
        cluster = view.cluster
        return cluster is None or not self.voter_set or self.voter_set >= cluster.voter_set - bool(cluster.old_voters)

    def by_the_old(self, view: View) -> bool:
        """While the voters change, whether this incarnation does not hold its lease by the new ones alone."""
        return view.cluster is not None and bool(view.cluster.old_voters) and self.voter_set < view.cluster.voter_set
