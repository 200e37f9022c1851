"""When silence is proof: one round of questions; pure.

Called by: `core/guard.py`, for the leader or whoever wants to become it.
Must never: add up answers of different rounds. A voter that restarted in between may have granted again (S5). Nor believe one set of voters
while they change: whoever has acknowledged the new ones holds its lease by these alone, everybody else by the old ones.
"""

from collections.abc import Iterator, Sequence

from understudy.guard.core.common import VoterSet
from understudy.guard.core.messages import (
    Census,
    CensusAnswer,
    CensusEnded,
    GrantedLife,
    NotSilent,
    Query,
    RoundEnded,
    Silent,
)
from understudy.linux.reading import Reading, most_elapsed

GRANTED_PER_PART, WHILE_CHANGING = 5, 2
"""Incarnations in one datagram: with the longest names they fit; while the voters change it names both sets."""
PARTS_MAX = 255


def census_answer(nonce: int, granted: Sequence[GrantedLife], at_once: int) -> list[CensusAnswer]:
    """A voter's answer in parts of so many incarnations; empty: there are too many of them."""
    parts = [tuple(granted[at : at + at_once]) for at in range(0, len(granted), at_once)] or [()]
    if len(parts) > PARTS_MAX:
        return []
    answer = sum(int.from_bytes(life.incarnation[:8], "big") for life in granted) & 0xFFFFFFFF
    return [CensusAnswer(nonce, answer, number, len(parts), part) for number, part in enumerate(parts)]


class Round:
    """One question to all voters under one nonce."""

    def __init__(self, query: Query, sets: Sequence[VoterSet], started: Reading, *, round_ns: int) -> None:
        self.query = query
        self._sets = sets
        self._voters = frozenset().union(*(wanted.voters for wanted in sets))
        self._started = started
        self._round_ns = round_ns
        self._silent: set[str] = set()
        self._not_silent: set[str] = set()

    def answer(self, voter: str, answer: Silent | NotSilent, now: Reading) -> None:
        """Note a voter's answer, if it belongs to this round and came in time on the asker's faster clock."""
        if answer.nonce != self.query.nonce or answer.incarnation != self.query.incarnation:
            return
        if voter not in self._voters or self.over(now):
            return
        (self._silent if isinstance(answer, Silent) else self._not_silent).add(voter)

    def over(self, now: Reading) -> bool:
        """The time in which answers count has passed."""
        return most_elapsed(self._started, now) > self._round_ns

    def ended(self, now: Reading) -> RoundEnded | None:
        """The result, as soon as there is one."""
        lost = all(wanted.agrees(self._silent) for wanted in self._sets)
        alive = any(wanted.agrees(self._not_silent - self._silent) for wanted in self._sets)
        if not (lost or alive or self.over(now)):
            return None
        _, server, incarnation = self.query
        answered = tuple(sorted(self._silent | self._not_silent))
        return RoundEnded(self.query.nonce, server, incarnation, lost, tuple(sorted(self._silent)), answered)

    def unanswered(self) -> list[str]:
        """Voters that have not said silent: worth asking again within the round."""
        return sorted(self._voters - self._silent)

    def over_boot_ns(self) -> int:
        """When the round is over, on the boot clock."""
        return self._started.boot_ns + self._round_ns + 1


class Count:
    """One census: who is alive, as a majority of voters knows it.

    Whoever holds a lease has it from a majority, and in any other majority there is one voter of these; that one has not fallen silent
    about it. While the voters change it has it from a majority of one set, and nobody knows of which: so a majority of each is
    asked. A voter that is mute after its start does not remember whom it granted before, and does not answer.
    """

    def __init__(self, census: Census, sets: Sequence[VoterSet], started: Reading, *, round_ns: int) -> None:
        self.census = census
        self._sets = sets
        self._voters = frozenset().union(*(wanted.voters for wanted in sets))
        self._started = started
        self._round_ns = round_ns
        self._parts: dict[str, dict[int, CensusAnswer]] = {}

    def answer(self, voter: str, known: CensusAnswer, now: Reading) -> None:
        """Note a part of a voter's answer, if it belongs to this census."""
        if voter not in self._voters or self.over(now):
            return
        parts = self._parts.setdefault(voter, {})
        if any((part.answer, part.parts) != (known.answer, known.parts) for part in parts.values()):
            parts.clear()
        parts[known.part] = known

    def over(self, now: Reading) -> bool:
        """The time in which answers count has passed."""
        return most_elapsed(self._started, now) > self._round_ns

    def ended(self, now: Reading) -> CensusEnded | None:
        """The result, as soon as there is one."""
        whole = self._whole()
        if all(wanted.agrees(whole) for wanted in self._sets):
            granted = dict.fromkeys(life for voter in whole for _, part in sorted(self._parts[voter].items()) for life in part.granted)
            return CensusEnded(self.census.nonce, tuple(granted))
        return CensusEnded(self.census.nonce, None) if self.over(now) else None

    def unanswered(self) -> list[str]:
        """Voters whose whole answer has not come: worth asking again."""
        return sorted(self._voters - self._whole())

    def over_boot_ns(self) -> int:
        """When the census is over, on the boot clock."""
        return self._started.boot_ns + self._round_ns + 1

    def _whole(self) -> set[str]:
        return {voter for voter, parts in self._parts.items() if parts and len(parts) == next(iter(parts.values())).parts}


class Asked:
    """Rounds and censuses that are under way, by nonce."""

    def __init__(self, *, round_ns: int) -> None:
        self._round_ns = round_ns
        self.rounds: dict[int, Round] = {}
        self.counts: dict[int, Count] = {}

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self.rounds or self.counts)

    def begin(self, question: Query | Census, sets: Sequence[VoterSet], now: Reading) -> None:
        """One begins; its nonce was never used before."""
        if isinstance(question, Query):
            self.rounds[question.nonce] = Round(question, sets, now, round_ns=self._round_ns)
        else:
            self.counts[question.nonce] = Count(question, sets, now, round_ns=self._round_ns)

    def answer(self, voter: str, answer: Silent | NotSilent | CensusAnswer, now: Reading) -> None:
        """Note a voter's answer, if it belongs to one of them."""
        if isinstance(answer, CensusAnswer):
            if answer.nonce in self.counts:
                self.counts[answer.nonce].answer(voter, answer, now)
        elif answer.nonce in self.rounds:
            self.rounds[answer.nonce].answer(voter, answer, now)

    def ended(self, now: Reading) -> list[RoundEnded | CensusEnded]:
        """Those that are over are so no more; their results."""
        results: list[RoundEnded | CensusEnded] = []
        for nonce, asked in list(self.rounds.items()):
            if (proved := asked.ended(now)) is not None:
                del self.rounds[nonce]
                results.append(proved)
        for nonce, count in list(self.counts.items()):
            if (counted := count.ended(now)) is not None:
                del self.counts[nonce]
                results.append(counted)
        return results

    def dropped(self) -> list[RoundEnded | CensusEnded]:
        """None is under way any more, and none has proved anything."""
        results: list[RoundEnded | CensusEnded] = [unproved(asked.query) for asked in self.rounds.values()]
        results += [unproved(count.census) for count in self.counts.values()]
        self.rounds.clear()
        self.counts.clear()
        return results

    def unanswered(self) -> Iterator[tuple[str, Query | Census]]:
        """Whom to ask what again."""
        for asked in list(self.rounds.values()):
            yield from ((voter, asked.query) for voter in asked.unanswered())
        for count in list(self.counts.values()):
            yield from ((voter, count.census) for voter in count.unanswered())

    def over_boot_ns(self) -> list[int]:
        """When they are over, on the boot clock."""
        return [asked.over_boot_ns() for asked in self.rounds.values()] + [count.over_boot_ns() for count in self.counts.values()]


def unproved(question: Query | Census) -> RoundEnded | CensusEnded:
    """The result of a question that nobody was asked, or whose answers count no more."""
    if isinstance(question, Census):
        return CensusEnded(question.nonce, None)
    return RoundEnded(*question, lost=False, silent=(), answered=())
