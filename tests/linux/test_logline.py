"""One line is one line, whatever is in it; every line has an end."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from understudy.linux.logline import LONGEST, head, instant, line

LONG = st.tuples(st.sampled_from(["a", "\x1b", "\U0001f600", "\udcff", "\n"]), st.integers(0, 9000))
"""A piece, and how many of it: what is drawn stays short."""
TEXTS = st.text(max_size=20) | st.binary(max_size=20).map(lambda found: found.decode(errors="surrogateescape"))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=20)
VALUES = PLAIN | st.lists(PLAIN, max_size=5) | st.dictionaries(TEXTS | st.integers(), PLAIN, max_size=3) | st.frozensets(TEXTS, max_size=3)
NAMES = st.text("abcdefgh", max_size=8)
HEAD = head("not-stopped", "warning", "understudy-guard", pid=4711, at=1e9)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.lists(LONG, max_size=30), st.sampled_from([1000, LONGEST, 16384]))
def test_a_line_is_one_line_of_json_and_bounded(fields: dict[str, object], more: list[tuple[str, int]], most: int) -> None:
    given_more = {f"more_{number}": piece * times for number, (piece, times) in enumerate(more)}
    written = line({**HEAD, **fields, **given_more}, most=most)
    assert len(written) <= most
    assert written.endswith(b"\n")
    assert written.isascii()
    assert not any(byte < 32 for byte in written[:-1])
    read = json.loads(written, parse_constant=lambda name: 1 / 0)
    assert HEAD.items() <= read.items()
    json.dumps(read, ensure_ascii=False).encode()  # no half of a character: what other languages read, too


@given(VALUES)
def test_a_short_value_is_as_it_was(value: object) -> None:
    read = json.loads(line({"value": value}, most=1 << 20))["value"]
    if isinstance(value, str) and value.isprintable() and value.isascii():
        assert read == value
    if isinstance(value, float) and not math.isfinite(value):
        assert read == str(value)


def test_a_long_text_keeps_both_ends_and_says_what_is_left_out() -> None:
    read = json.loads(line({**HEAD, "why": "begins" + "x" * 10_000 + "ends", "resource": "db"}))
    assert read["why"].startswith("begins")
    assert read["why"].endswith("ends")
    assert " characters left out] " in read["why"]
    assert read["resource"] == "db"


def test_an_object_that_cannot_say_what_it_is_fails_nobody() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    endless: list[object] = []
    endless.append(endless)
    assert json.loads(line({**HEAD, "why": Broken()}))["why"] == "Broken"
    assert json.loads(line({**HEAD, "why": endless}))["why"] == "list"


def test_an_instant_is_in_utc_with_milliseconds() -> None:
    assert instant(1e9 + 0.9996) == "2001-09-09T01:46:40.999Z"
    assert instant(0.0) == "1970-01-01T00:00:00.000Z"
