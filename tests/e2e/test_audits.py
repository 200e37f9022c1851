"""The audits find what they are there for."""

from collections.abc import Sequence

import pytest

from e2e.audits import doubled
from e2e.harness import Thaw
from understudy.lab.witness import Sighting
from understudy.model.limits import derive

ONE = Sighting(10.00, ("ctr2",), ("ctr2",))
TWO_ANSWER = Sighting(10.01, ("ctr1", "ctr2"), ("ctr2",))
TWO_RUN = Sighting(10.01, ("ctr2",), ("ctr1", "ctr2"))
ONE_AGAIN = Sighting(10.04, ("ctr2",), ("ctr2",))
THAW = Thaw("ctr1", ordered=10.0, done=10.005)


def found(*sights: Sighting, thaws: Sequence[Thaw] = ()) -> list[str]:
    return doubled(sights, thaws, derive(0.5))


@pytest.mark.parametrize("two", [TWO_ANSWER, TWO_RUN])
def test_two_active_servers_are_a_breach(two: Sighting) -> None:
    """Whether both answer or both run, for however short."""
    assert not found(ONE, ONE_AGAIN)
    assert len(found(ONE, two, ONE_AGAIN)) == 1
    assert len(found(two)) == 1


def test_what_was_frozen_may_exist_for_the_guards_reaction_but_not_answer() -> None:
    """And neither for longer, nor on another server than the one that was thawed."""
    assert not found(ONE, TWO_RUN, ONE_AGAIN, thaws=[THAW])
    assert found(ONE, TWO_ANSWER, ONE_AGAIN, thaws=[THAW])
    assert found(ONE, TWO_RUN, Sighting(10.2, ("ctr2",), ("ctr2",)), thaws=[THAW])
    assert found(ONE, TWO_RUN, thaws=[THAW])
    assert found(ONE, TWO_RUN, ONE_AGAIN, thaws=[Thaw("ctr3", ordered=10.0, done=10.005)])
