"""A reading of both clocks, and how much time lies between two; pure.

Called by: whatever reasons about leases, the deciders of the guard among them. Must never: read a clock.
"""

from typing import NamedTuple


class Reading(NamedTuple):
    """Both clocks of one machine, read together; nanoseconds.

    Two clocks, because either may stop while the machine is paused or be slewed by NTP (design: Clocks).
    """

    boot_ns: int
    raw_ns: int


def most_elapsed(since: Reading, now: Reading) -> int:
    """How much time may have passed: what a holder must assume."""
    boot, raw = now[0] - since[0], now[1] - since[1]
    return boot if boot > raw else raw


def least_elapsed(since: Reading, now: Reading) -> int:
    """How much time has passed for certain: what a voter may claim."""
    boot, raw = now[0] - since[0], now[1] - since[1]
    return boot if boot < raw else raw
