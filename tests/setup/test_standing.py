"""Who waits for whom, in sentences."""

import pytest

from setup.cases import settings_of
from understudy.setup.standing import missing_voters, next_steps


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (("ctr1",), "1 of 3 voters is there (ctr1) and 2 are needed: ctr2 or ctr3 has to join"),
        (("ctr4",), "0 of 3 voters are there (none) and 2 are needed: 2 of ctr1, ctr2 and ctr3 have to join"),
        (("ctr1", "ctr4"), "1 of 3 voters is there (ctr1) and 2 are needed: ctr2 or ctr3 has to join"),
        (("ctr1", "ctr2"), ""),
    ],
)
def test_which_voters_are_missing(there: tuple[str, ...], said: str) -> None:
    assert missing_voters(settings_of(), there) == said


def test_what_to_type_next() -> None:
    """Voters first: without them nothing starts."""
    steps = list(next_steps(settings_of(), {"ctr1", "ctr2"}, "und1xyz"))
    assert steps == [
        "Next, on ctr3 (or ctr4):",
        "  understudy cluster join und1xyz",
        "Each server needs a token of its own; another is made by `understudy cluster token` on ctr1 or ctr2.",
    ]
    assert list(next_steps(settings_of(), {"ctr1", "ctr2", "ctr3", "ctr4"}, "")) == []
