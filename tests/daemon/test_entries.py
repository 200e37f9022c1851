"""The View made of the registry's entries, batch by batch: what many of them leave behind."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from understudy.daemon.entries import Entries
from understudy.model.names import ResourceName
from understudy.model.view import Request, View
from understudy.policy.ground import requests_of
from understudy.registry import keys

NAMES = [ResourceName(f"r{number}") for number in range(6)]
REQUESTS = [Request(id=f"{number:03}", verb="start", resources=(NAMES[number % 6], NAMES[number // 2 % 6])) for number in range(12)]


def put(entries: Entries, view: View, requests: Iterable[Request], *, gone: bool = False) -> View:
    """They are written, or deleted, in one batch."""
    view, _ = entries.taken(view, view.revision + 1, [(keys.request(each.id), None if gone else each) for each in requests])
    return view


@given(st.lists(st.tuples(st.lists(st.sampled_from(REQUESTS), max_size=4, unique_by=lambda each: each.id), st.booleans()), max_size=12))
def test_what_is_asked_of_a_resource_is_found_as_if_all_were_gone_through(batches: Sequence[tuple[list[Request], bool]]) -> None:
    """Whatever was asked and answered before."""
    entries, view = Entries(), View()
    for requests, gone in batches:
        view = put(entries, view, requests, gone=gone)
        for name in NAMES:
            asked = tuple(request for request in view.requests if name in request.resources)
            assert view.requests_about(name) == requests_of(view).get(name, ()) == asked
    assert [request.id for request in view.requests] == sorted(request.id for request in view.requests)


def test_requests_that_were_answered_are_forgotten_in_time() -> None:
    """A thousand starts leave no more than a few names of which nothing is asked."""
    entries, view = Entries(), View()
    for number in range(1_000):
        request = Request(id=f"{number:04}", verb="start", resources=(ResourceName(f"r{number}"),))
        view = put(entries, view, [request])
        view = put(entries, view, [request], gone=True)
        assert len(requests_of(view)) <= 65
    assert not view.requests
