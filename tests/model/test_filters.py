"""Filters: the guide's examples, their meaning, and print-then-parse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadInput
from understudy.model.filters import OPERATORS, Both, Compare, Either, Filter, matches, parse, print_filter

ATTRIBUTES = st.from_regex(r"[A-Z][A-Z0-9_]{0,10}", fullmatch=True).filter(lambda name: name not in ("AND", "OR"))
COMPARES = st.builds(Compare, ATTRIBUTES, st.sampled_from(OPERATORS), st.text(st.characters(codec="utf-8"), max_size=12))
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    COMPARES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Both(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Either(tuple(parts))),
    ),
    max_leaves=8,
)
RESOURCE = {"NAME": "net.neutron", "TYPE": "type1", "CHECK_INTERVAL": "60", "AUTO_START": "never", "START_DEPENDENCIES": "hard(appsvip)"}


@given(FILTERS)
def test_a_printed_filter_parses_to_the_same(tree: Filter) -> None:
    """Whatever the values hold, however it is nested."""
    assert parse(print_filter(tree)) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TYPE = type1", True),
        ("((TYPE = type1) AND (CHECK_INTERVAL > 50))", True),
        ("(TYPE = type1) AND ((CHECK_INTERVAL > 300) OR (AUTO_START co never))", True),
        ("NAME en network.res", False),
        ("TYPE st type", True),
        ("START_DEPENDENCIES='hard(appsvip)'", True),
        ("CHECK_INTERVAL < 7", False),
        ("CHECK_INTERVAL == 60", True),
        ("NAME coi NEUTRON", True),
        ("NAME nci NEUTRON", False),
        ("NAME nc mysql", True),
        ("NAME eqi NET.NEUTRON", True),
        ("TYPE != type1", False),
        ("UNHEARD_OF = 1", False),
        ("UNHEARD_OF != 1", False),
        ("TYPE = type2 AND NAME = x OR AUTO_START = never", True),
    ],
)
def test_a_filter_means_what_the_guide_says(text: str, expected: bool) -> None:
    """Numbers compare as numbers; what has no such attribute never matches; AND binds tighter than OR."""
    assert matches(parse(text), RESOURCE.get) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STATE = ONLINE", True),
        ("STATE = 'ONLINE on ctr1'", True),
        ("STATE co ctr1", True),
        ("STATE != ONLINE", False),
        ("STATE != 'ONLINE on ctr1'", False),
        ("STATE nc ctr1", False),
        ("STATE nci CTR1", False),
        ("STATE != OFFLINE", True),
        ("STATE nc ctr2", True),
    ],
)
def test_a_value_may_be_written_in_several_ways(text: str, expected: bool) -> None:
    """One is enough; what denies something denies it of all."""
    assert matches(parse(text), {"STATE": ("ONLINE", "ONLINE on ctr1")}.get) is expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "name of an attribute"),
        ("type = x", "capital letters"),
        ("TYPE is x", "one of = =="),
        ("TYPE =", "value is expected"),
        ("(TYPE = x", "not closed"),
        ("TYPE = x)", "not expected"),
        ("STATE = ONLINE on ctr1", "single quotes"),
        ("NAME = hard(x)", "single quotes"),
    ],
)
def test_a_slip_is_named(text: str, hint: str) -> None:
    """And the filter is repeated in the message."""
    with pytest.raises(BadInput, match=hint) as refused:
        parse(text)

    assert refused.value.code == 20006
