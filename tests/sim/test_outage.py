"""The bound of an outage holds also where something happened before: what a search cannot see, as it is slow and not wrong."""

import pytest

from sim.trio import make_leader, running_trio, trio_runs

SMALL_S = 0.25
"""What joining loops, commits and instant scripts may add to a bound."""


@pytest.mark.parametrize("rest_s", [20.0, 20.7, 21.3])
def test_a_server_that_one_voter_gave_up_already_is_replaced_as_quickly_as_any(rest_s: float) -> None:
    """One voter of three fell silent about it for good; the leader asks about it now and then. When it goes, the next word counts."""
    with running_trio(on="ctr1") as world:
        make_leader(world, "ctr2")
        world.cut_from("ctr1", "ctr3")
        world.run(world.limits.silent_after_s + 0.5)
        world.network.mend_all()
        world.run(rest_s)
        assert trio_runs(world, "ctr1"), "two voters of three grant it"
        world.power_off("ctr1")

        took_s = world.until(lambda: trio_runs(world, "ctr2"), 10, "the trio starts elsewhere")

        assert took_s < world.limits.outage_s + SMALL_S
