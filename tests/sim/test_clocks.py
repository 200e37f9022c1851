"""Clocks of false machines, and the loop that goes by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.sim.chance import Chance
from understudy.sim.clocks import Clocks
from understudy.sim.loop import Spinning, VirtualLoop


@given(seed=st.integers(0, 10_000), booted=st.floats(0, 1e5), wait_ns=st.integers(0, 10**14))
def test_whoever_is_woken_by_a_clock_reads_the_time_he_waited_for(seed: int, booted: float, wait_ns: int) -> None:
    """Else it sleeps until the same instant again and again: floats are rounded, readings are cut to whole nanoseconds."""
    loop = VirtualLoop()  # type: ignore[abstract]
    loop.now = booted
    clocks = Clocks(Chance(loop, seed, "ctr1"), loop)
    due_ns = clocks.read().boot_ns + wait_ns
    loop.now = max(loop.now, clocks.true_at(due_ns))

    assert clocks.read().boot_ns >= due_ns


def test_things_that_happen_for_ever_at_one_instant_are_noticed() -> None:
    """No time passes, and nothing else would end it."""
    loop = VirtualLoop()  # type: ignore[abstract]

    def again() -> None:
        loop.post(loop.now, again)

    again()
    with pytest.raises(Spinning, match="without time passing"):
        loop.advance(1.0)
