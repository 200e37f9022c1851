"""The members of a registry that is replicated, as etcd is: which of them run, who leads them, and how far behind each is.

Called by `sim/link.py`. What is stored is one store all the same: that replication is linearizable is etcd's, and is taken for granted.
What comes of it is not: nobody commits without a majority of members or while they elect; what was underway when the leader was lost
happened or did not; a member that is cut off serves nobody; one that lags reports what was committed seconds ago. Members run on servers,
and are lost with them. Must never know what is written.
"""

from collections.abc import Callable, Sequence

from understudy.sim.chance import Chance
from understudy.sim.loop import VirtualLoop

ELECTION_S = (0.5, 1.2)
"""From the loss of a leader until another commits: etcd's election timeout of 500 ms, up to twice that, and the votes."""
LAGS_FOR_S = 4.0
"""For how long a member lags, or does not."""
LAGS = 0.25
"""Chance that a member lags in such a time."""
LAG_S = (0.05, 2.5)
"""How far behind it is then."""
DEPOSED = 0.03
"""Chance, at each flush in bad weather, that the leader is deposed: its disk was too slow for its followers."""


class Ensemble:
    """The members, by the names of their servers."""

    def __init__(
        self, loop: VirtualLoop, seed: int, members: Sequence[str], works: Callable[[str], bool], changed: Callable[[], None]
    ) -> None:
        """`works`: whether a member runs and reaches the others; `changed` is called when there is a leader again."""
        self.members = tuple(members)
        self.leader: str | None = None
        """Who leads, or is about to."""
        self.term = 0
        self._loop = loop
        self._works = works
        self._changed = changed
        self._leads_at = 0.0
        self._luck = Chance(loop, seed, "ensemble")
        self._lags = {member: Chance(loop, seed, f"lag {member}") for member in self.members}

    @property
    def commits(self) -> bool:
        """Whether there is a leader, and a majority that follows."""
        return self.leader is not None and self._loop.now >= self._leads_at

    @property
    def whole(self) -> bool:
        """Every member works, and one of them leads."""
        return self.commits and all(map(self._works, self.members))

    def serves(self, member: str) -> bool:
        """Whether this member answers: one without a leader does not."""
        return self.commits and self._works(member)

    def look(self) -> None:
        """A server or a cable may have changed."""
        working = [member for member in self.members if self._works(member)]
        if 2 * len(working) <= len(self.members):
            self.leader = None
        elif self.leader not in working:
            self._elect(working)

    def depose(self) -> None:
        """The leader loses its followers, and another is elected, or the same once more."""
        if self.leader is not None:
            self._elect([member for member in self.members if self._works(member)])

    def lag_s(self, member: str) -> float:
        """In bad weather: how old what this member reports is. It changes now and then, with the time alone."""
        luck, stretch = self._lags[member], int(self._loop.now / LAGS_FOR_S)
        if luck.of(2 * stretch) >= LAGS:
            return 0.0
        return LAG_S[0] + (LAG_S[1] - LAG_S[0]) * luck.of(2 * stretch + 1)

    def deposed_now(self) -> bool:
        """In bad weather, asked at each flush."""
        return self._luck.random() < DEPOSED

    def survives(self) -> bool:
        """Whether what was underway when a leader was lost had reached a majority."""
        return self._luck.random() < 0.5

    def _elect(self, working: Sequence[str]) -> None:
        self.term += 1
        self.leader = self._luck.choice(working)
        self._leads_at = self._loop.now + self._luck.uniform(*ELECTION_S)
        self._loop.post(self._leads_at, self._changed)
