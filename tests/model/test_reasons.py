"""Reasons are values at rest too: whatever names one is about, its code gives back the same value."""

from hypothesis import given

from reasons import REASONS
from understudy.model.reasons import Reason, Why, parse_reason, read_reason


@given(REASONS)
def test_every_reason_survives_the_way_through_the_registry(reason: Reason) -> None:
    """Commas in names, empty names, reasons within reasons."""
    assert parse_reason(reason.code()) == reason
    assert read_reason(reason.code()) == reason


def test_what_a_newer_version_has_written_is_handed_on() -> None:
    """And an empty code is no reason."""
    later = read_reason("moon-in-the-seventh-house:ctr1,ctr2")
    assert later == Reason(Why.OTHER, ("moon-in-the-seventh-house:ctr1,ctr2",))
    assert later.code() == "moon-in-the-seventh-house:ctr1,ctr2"
    assert parse_reason(later.code()) is None
    assert read_reason("") is parse_reason("") is None


def test_what_an_older_version_has_written_is_read_as_it_was_meant() -> None:
    """It divided no names, and a fellow's own reason stood where names stand."""
    inner = Reason(Why.NOT_IN_POOL, ("a", "b"))
    assert parse_reason("fellow-refused:db,not-in-pool:a,b") == Reason(Why.FELLOW_REFUSED, ("db",), inner)
    assert Reason(Why.FELLOW_REFUSED, ("db",), inner).code() == "fellow-refused:db,not-in-pool:a,b"
    assert Reason(Why.FELLOW_REFUSED, ("db",), inner).root == inner
    assert parse_reason("holder-proven:ctr1,fenced") == Reason(Why.HOLDER_PROVEN, ("ctr1", "fenced"))
