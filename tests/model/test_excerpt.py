"""What records keep of a text: bounded in the bytes that are stored."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from understudy.model.excerpt import excerpt, stored_bytes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.text('\x1b\n"\\aä€\U0001f3ad', max_size=2000)


@given(TEXTS)
def test_bytes_are_counted_as_they_are_stored(text: str) -> None:
    assert stored_bytes(text) == len(msgspec.json.encode(text)) - 2


@given(TEXTS, st.integers(60, 3000))
def test_an_excerpt_never_takes_more_than_its_bound(text: str, most: int) -> None:
    short = excerpt(text, most)
    assert len(msgspec.json.encode(short)) - 2 <= most
    assert short == text or stored_bytes(text) > most


@given(TEXTS, st.integers(60, 3000))
def test_an_excerpt_of_an_excerpt_is_itself(text: str, most: int) -> None:
    """A report that is made again from what was reported is no other report."""
    once = excerpt(text, most)
    assert excerpt(once, most) == once


def test_the_end_is_kept_where_a_script_says_why_it_failed() -> None:
    text = "starting\n" + "\x1b" * 20_000 + "\nno such volume: /data"
    short = excerpt(text, 512)
    assert short.startswith("starting\n")
    assert short.endswith("\nno such volume: /data")
    assert "characters are left out]" in short
