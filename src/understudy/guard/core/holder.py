"""When this server must stop: the holder's side of the lease; pure.

Called by: `core/guard.py`. Must never: extend a lease by anything but the send time of a renew that a majority granted; or add up grants of
two sets of voters. While they change a lease rests on one of the sets; once it rests on the new one it never does on the old one again.
"""

from collections.abc import Sequence

from understudy.guard.core.common import VoterSet
from understudy.guard.core.messages import BootNumber, Grant, Renew
from understudy.linux.reading import Reading, most_elapsed
from understudy.model.position import NOWHERE


class LeaseHolder:
    """One incarnation's lease, on its own clocks."""

    def __init__(self, incarnation: bytes, *, sets: Sequence[VoterSet], run_ns: int, stop_now_ns: int) -> None:
        self.incarnation = incarnation
        self.sequence = 0
        self.base: Reading | None = None
        """Send time of the renew on which the lease rests; None before the first majority."""
        self.voter_set = 0
        """The number of the voters on whose grants the lease rests: those of a lower one count no more. 0 before the first majority."""
        self.lapsed = False
        self.position = NOWHERE
        """What the daemon acts on: every renew says it."""
        self._sets = sets
        self._lease_ns = run_ns
        self._usable_ns = run_ns - stop_now_ns
        self._sent: Reading | None = None
        """When the newest renew was sent."""
        self._granted: dict[str, tuple[int, Reading]] = {}
        self._went_by: dict[str, int] = {}
        """Per voter: the highest number of voters by which it went when it granted."""
        self._boots: dict[str, tuple[int, int]] = {}
        """Per voter: the newest sequence it answered, and the boot number it said then."""

    def resume(self, sequence: int, base: Reading | None, voter_set: int) -> None:
        """Continue a predecessor's unexpired incarnation with what the keeper holds (design: Keeper)."""
        self.sequence = sequence
        self.base = base
        self.voter_set = voter_set

    def rest_on(self, sets: Sequence[VoterSet]) -> None:
        """From now on these voters count, the newest set first."""
        self._sets = sets
        those = frozenset().union(*(wanted.voters for wanted in sets))
        self._granted = {voter: grant for voter, grant in self._granted.items() if voter in those}

    def must_stop(self, now: Reading) -> bool:
        """`stop_now` before the lease ends on whichever clock runs ahead, this server stops (S4). Latched: never revived."""
        base, usable_ns = self.base, self._usable_ns
        if base is not None and (now[0] - base[0] >= usable_ns or now[1] - base[1] >= usable_ns):
            self.lapsed = True
        return self.lapsed

    def beat(self, now: Reading) -> Renew | None:
        """One reading is checked, stamped and sent; None when the check says stop.

        With two readings, a freeze between them would send a renew that claims life after the lapse.
        """
        if self.must_stop(now):
            return None
        self.sequence += 1
        self._sent = now
        return Renew(self.sequence, now, position=self.position)

    def waits(self) -> bool:
        """Whether no majority has granted the newest renew yet."""
        return self.base is None or (self._sent is not None and self.base < self._sent)

    def renew_for(self, voter: str, renew: Renew) -> Renew:
        """What one voter is sent: with the boot number that this holder last received from it."""
        known = self._boots.get(voter)
        return renew if known is None else Renew(renew.sequence, renew.stamp, known[1], renew.position)

    def note_boot(self, voter: str, answer: Grant | BootNumber) -> None:
        """A voter says its boot number. What answers an older renew teaches nothing: a recording must not take a number back."""
        if answer.incarnation != self.incarnation or answer.sequence > self.sequence:
            return
        known = self._boots.get(voter)
        if known is None or answer.sequence > known[0]:
            self._boots[voter] = (answer.sequence, answer.boot)

    def granted(self, voter: str, grant: Grant, now: Reading, *, voter_set: int | None = None) -> bool:
        """Note a voter's grant; True when the lease now rests on a newer renew. `voter_set`: the number of the voters by which that voter
        went when it granted; None: it is not asked."""
        if self.lapsed or grant.incarnation != self.incarnation or grant.sequence > self.sequence:
            return False
        if grant.stamp.boot_ns > now.boot_ns or grant.stamp.raw_ns > now.raw_ns:
            return False  # no clock of ours has said that yet
        if voter_set is not None:
            self._went_by[voter] = max(voter_set, self._went_by.get(voter, 0))
        self.count(voter, grant)
        return self._moved_on()

    def count(self, voter: str, grant: Grant) -> None:
        """A voter counts once, with its newest grant, whatever network or reflection brought it."""
        known = self._granted.get(voter)
        if known is None or grant.sequence > known[0]:
            self._granted[voter] = (grant.sequence, self.lease_from(grant, known))

    def lease_from(self, grant: Grant, known: tuple[int, Reading] | None) -> Reading:
        """A lease counts from when the renew was *sent*: the grant may have been long on its way."""
        return grant.stamp

    def newest_majority(self, wanted: VoterSet) -> Reading | None:
        """The majority-th newest of the send times that voters of this set have granted: that many granted at least this new a renew.

        While the voters change, who granted as a voter of an earlier number has not granted as one of this: it may be mute as such, and a
        lease that went over to it would end.
        """
        granted = self._granted
        found = granted.values() if len(self._sets) == 1 else [grant for voter, grant in granted.items() if self._votes_in(wanted, voter)]
        if len(found) < wanted.majority:
            return None
        return sorted(found, reverse=True)[wanted.majority - 1][1]

    def _votes_in(self, wanted: VoterSet, voter: str) -> bool:
        return voter in wanted.voters and self._went_by.get(voter, wanted.number) >= wanted.number

    def grants(self) -> dict[str, Reading]:
        """When the newest renew was sent that each voter has granted to this incarnation."""
        return {voter: stamp for voter, (_, stamp) in self._granted.items()}

    def until(self) -> Reading | None:
        """When the lease ends, on each clock."""
        if self.base is None:
            return None
        return Reading(self.base.boot_ns + self._lease_ns, self.base.raw_ns + self._lease_ns)

    def stop_in_ns(self, now: Reading) -> int | None:
        """How long until `must_stop`; None without a lease."""
        return None if self.base is None else self._usable_ns - most_elapsed(self.base, now)

    def _moved_on(self) -> bool:
        """Rest on the newest voters that have granted at least as much as those before; whether anything has changed."""
        for wanted in self._sets:
            if wanted.number < self.voter_set:
                break  # it was acknowledged that these count no more
            newest = self.newest_majority(wanted)
            if newest is not None and self._is_more(newest, wanted.number):
                self.base, self.voter_set = newest, wanted.number
                return True
        return False

    def _is_more(self, newest: Reading, number: int) -> bool:
        """To go over to newer voters costs nothing of the lease."""
        if self.base is None:
            return True
        return newest.boot_ns > self.base.boot_ns or (number > self.voter_set and newest.boot_ns == self.base.boot_ns)
