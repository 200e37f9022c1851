"""Every time bound of a cluster, derived from the one knob and checked against the others; pure.

Owns: how long a lease runs, when silence counts, how long to wait after proof, how late a guard may be.
Called by: the guard, the leader, the simulator, `understudy cluster check`; all get the same numbers from the same
`pause_tolerance`.
Must never: hold a second opinion. A bound that is not in this file does not exist.

The safety argument in one line (design: Leases by vote): a holder stops `stop_now` before `lease` has passed since it
*sent* what a majority granted; a voter speaks only after `silent_after`, which is longer even when the holder's clock
runs slow and the voter's fast.
"""

import math
from dataclasses import dataclass

from understudy.errors import BadSettings
from understudy.model.engines import ELECTION_MS, HEARTBEAT_MS

DRIFT = 0.01
"""d: how much faster or slower than true time a clock may run. 1 % is twenty times what NTP may slew."""
RHO = (1 + DRIFT) / (1 - DRIFT)
"""How much longer one server's second may be than another's."""
SHORTEST_PAUSE_S = 0.25
"""Below this a lease would end within two worst gaps measured between the beats of a real-time process (115 ms)."""
LONGEST_PAUSE_S = 60.0
SHORTEST_PAUSE_WITHOUT_REALTIME_S = 1.5
"""Where real-time priority is refused: gaps of 540 ms were measured, and three of them must fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the machines and the network can do: measured, not derived."""

    beat_s: float
    """b: time between two renews, the first of which was granted."""
    repeat_s: float
    """r: time after which a renew that was not granted is followed by another, and a question that was not answered is asked again."""
    beats_lost: int
    """m: renews in a row that may be lost besides the pause."""
    lateness_s: float
    """j: how late a real-time process may wake; worse gaps spend one of the m beats."""
    one_way_s: float
    """w: delay of a packet from process to process."""
    kill_s: float
    """K: from the decision until daemon, executor and all groups are dead (`cgroup.kill` measured at 1 to 7 ms)."""
    reaction_s: float
    """How long the keeper takes to see that the guard did not do it."""
    margin_s: float
    """Granularity of clocks and of the kernel's timers (a jiffy is 1 to 10 ms)."""

    @property
    def retry_s(self) -> float:
        """From one renew until the last of those that follow it where as many are lost as may be."""
        return self.beat_s + self.beats_lost * self.repeat_s


RELAXED = Pace(beat_s=0.20, repeat_s=0.05, beats_lost=2, lateness_s=0.04, one_way_s=0.01, kill_s=0.04, reaction_s=0.05, margin_s=0.02)
BRISK = Pace(beat_s=0.075, repeat_s=0.025, beats_lost=1, lateness_s=0.03, one_way_s=0.01, kill_s=0.02, reaction_s=0.03, margin_s=0.01)
BRISK_BELOW_S = 1.0
"""Under this tolerance more than twice as many beats are worth their cost: the third lost one would eat a tenth of the lease."""

COMMIT_S = 0.02
START_S = 0.03
"""Share of the outage that is the registry's and the address agent's; a resource's own start comes on top."""
ELECTION_S = (HEARTBEAT_MS + 2 * ELECTION_MS) / 1000
"""Until an etcd without its leader has another: each member draws its patience between one election timeout and two, after the last
heartbeat. A vote that two members split costs as much again; of three members of which one is lost, both must draw nearly the same."""
MEMBER_S = 1.0
"""Until a server notices that the member of etcd that it is connected to is gone without a word (`registry/heartbeat.py`). A voter uses its
own, which is lost only with it."""
TERM_S = 0.35
"""Until a server gives up a commit that was passed on to the leader that died: the next answered ping names the new term, and what was not
lost with that leader has 0.15 s to be answered (`registry/etcd/link.py`)."""
RETRY_S = 0.15
"""And from then on until the commit is made once more: a new connection, everything read anew, another round of voters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All bounds of a cluster in seconds; made by `derive`, so always consistent."""

    pause_tolerance_s: float
    pace: Pace
    stop_now_s: float
    """The guard kills this long before the lease ends."""
    lease_s: float
    """From the sending of the renew that a majority granted."""
    silent_after_s: float
    """A voter says silent when it has had no renew for this long; a restarted voter is mute for this long."""
    quiet_s: float
    """From the proof of lost until fenced."""
    round_s: float
    """The answers that prove lost come within this."""
    hang_s: float
    """A guard that has not beaten for this long is killed and replaced by its keeper."""
    progress_s: float
    """A leader without progress for this long may be replaced; safety does not rest on it."""
    watchdog_s: float
    """Watchdog timeout plus reset, or 0 without one."""

    @property
    def beat_s(self) -> float:
        """Time between two renews."""
        return self.pace.beat_s

    @property
    def look_s(self) -> float:
        """How often the keeper looks while its guard may be hanging."""
        return self.pace.reaction_s

    @property
    def outage_s(self) -> float:
        """Upper bound of the outage by power loss or cut, without the resource's own start."""
        return self.proof_s + self.quiet_s / (1 - DRIFT) + COMMIT_S + START_S

    @property
    def proof_s(self) -> float:
        """From the last grant until the leader can have proved that an incarnation is lost, at the latest."""
        pace = self.pace
        return pace.one_way_s + self.silent_after_s / (1 - DRIFT) + (pace.lateness_s + pace.one_way_s)

    def outage_with_etcd_s(self, *, leader_lost: bool) -> float:
        """The same with a registry in etcd, if the lost server's member was etcd's leader, or was not: what of the time until the registry
        takes commits again is longer than the time until the proof comes on top."""
        registry_s = ELECTION_S + TERM_S + RETRY_S if leader_lost else MEMBER_S + RETRY_S
        return self.outage_s + max(0.0, registry_s - self.proof_s)

    @property
    def uncounted_s(self) -> float:
        """From the proof that an incarnation is gone until no voter counts it among those that may hold a lease: its last renew was sent
        before that proof."""
        return self.pace.one_way_s + RHO * self.silent_after_s + self.pace.lateness_s


def derive(pause_tolerance: float, *, watchdog_s: float = 0.0) -> Limits:
    """All bounds from the one knob; BadSettings if it is out of range."""
    if not SHORTEST_PAUSE_S <= pause_tolerance <= LONGEST_PAUSE_S:
        raise BadSettings(f"[cluster] pause_tolerance is {pause_tolerance:g}; it is {SHORTEST_PAUSE_S:g} to {LONGEST_PAUSE_S:g} seconds")
    pace = BRISK if pause_tolerance < BRISK_BELOW_S else RELAXED
    late_s, way_s = pace.lateness_s, pace.one_way_s
    stop_now_s = max(late_s + pace.kill_s, 0.05)
    lease_s = pause_tolerance + pace.retry_s + 2 * late_s + 4 * way_s + stop_now_s
    limits = Limits(
        pause_tolerance_s=pause_tolerance,
        pace=pace,
        stop_now_s=stop_now_s,
        lease_s=lease_s,
        silent_after_s=RHO * lease_s + pace.margin_s,
        quiet_s=_up(_quiet_at_least(pace, stop_now_s, watchdog_s)),
        round_s=pace.retry_s + 2 * (late_s + way_s),
        hang_s=pace.retry_s + 2 * late_s,
        progress_s=lease_s / 2,
        watchdog_s=watchdog_s,
    )
    check(limits)
    return limits


def check(limits: Limits) -> None:
    """Refuse bounds that contradict each other: BadSettings names the relation and why it must hold."""
    for holds, relation, why in _relations(limits):
        if not holds:
            raise BadSettings(f"time bounds contradict each other: {relation} does not hold ({why})")


def _relations(limits: Limits) -> tuple[tuple[bool, str, str], ...]:
    pace = limits.pace
    needed_lease_s = limits.pause_tolerance_s + pace.retry_s + 2 * pace.lateness_s + 4 * pace.one_way_s + limits.stop_now_s
    # the first renew of a successor may echo a boot number that it does not know: then the second, a beat later, is the one that is granted
    takeover_s = limits.hang_s + pace.reaction_s + 2 * pace.beat_s + 4 * pace.one_way_s
    return (
        (
            _at_least(limits.stop_now_s, pace.lateness_s + pace.kill_s),
            "stop_now >= lateness + kill",
            "all must be dead when the lease ends, even if the guard wakes late",
        ),
        (
            _at_least(limits.lease_s, needed_lease_s),
            "lease >= pause_tolerance + beat + beats_lost repeat + 2 lateness + 4 one_way + stop_now",
            "a pause within the tolerance, at the worst moment of the beat, must not end the lease",
        ),
        (
            _at_least(limits.silent_after_s, RHO * limits.lease_s + 0.01),
            "silent_after >= rho * lease + 10 ms",
            "a voter with a fast clock must not speak before a holder with a slow one has stopped",
        ),
        (
            _at_least(limits.quiet_s, _quiet_at_least(pace, limits.stop_now_s, limits.watchdog_s)),
            "quiet (1 - d) >= max(lateness + kill - stop_now, reaction + kill, watchdog)",
            "whoever must finish the kill when the guard could not has this long",
        ),
        (
            _at_least(limits.silent_after_s / RHO, limits.round_s),
            "round <= silent_after / rho",
            "within one round a voter that restarted must still be mute",
        ),
        (
            _at_least(limits.lease_s - limits.stop_now_s, takeover_s),
            "lease - stop_now >= hang + reaction + 2 beat + 4 one_way",
            "a successor must renew before the lease of a hung guard lapses",
        ),
    )


def _quiet_at_least(pace: Pace, stop_now_s: float, watchdog_s: float) -> float:
    guard_s = pace.lateness_s + pace.kill_s - stop_now_s
    keeper_s = pace.reaction_s + pace.kill_s
    return max(guard_s, keeper_s, RHO * watchdog_s) / (1 - DRIFT)


def _up(seconds: float) -> float:
    """The next whole 10 ms."""
    return math.ceil(seconds * 100 - 1e-9) / 100


def _at_least(left: float, right: float) -> bool:
    return left >= right - 1e-9
