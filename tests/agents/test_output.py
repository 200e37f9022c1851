"""What an action script prints is read without fail."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.output import LAST_LINES, LONGEST_LINE, read_output

LINES = st.lists(st.text(alphabet=st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=40), max_size=40)


@given(st.text())
def test_whatever_is_printed_can_be_read(text: str) -> None:
    """And what is kept is bounded."""
    said = read_output(text)
    assert len(said.lines) <= LAST_LINES
    assert all(line.strip() and len(line) <= LONGEST_LINE for line in said.lines)


@given(LINES)
def test_the_last_lines_are_kept_in_order(lines: list[str]) -> None:
    """Empty ones apart."""
    printed = [line for line in lines if line.strip()]
    assert list(read_output("\n".join(lines)).lines) == printed[-LAST_LINES:]


@given(LINES, st.sampled_from(["ERROR", "WARNING", "PROGRESS"]), LINES)
def test_lines_meant_for_us_are_found_among_others(before: list[str], kind: str, after: list[str]) -> None:
    """Wherever they stand."""
    said = read_output("\n".join([*before, f"CRS_{kind}:  disk is full ", *after]))
    found = {"ERROR": said.errors, "WARNING": said.warnings, "PROGRESS": said.progress}[kind]
    assert "disk is full" in found


def test_the_last_details_count() -> None:
    """A script may say more than one."""
    assert read_output("CRS_STATE_DETAILS:a\nCRS_STATE_DETAILS: b:c \n").details == "b:c"
    assert read_output("say CRS_STATE_DETAILS:a\n").details is None


@pytest.mark.parametrize("text", ["\x1b" * 70_000, ("\x1b" * 1000 + "\n") * 70, "CRS_ERROR:\n" * 7000, "\n" * 70_000, "a\n" * 35_000])
def test_a_flood_is_read_in_no_time(text: str) -> None:
    """Processor time of the one loop that serves all resources: some milliseconds, whatever the owner of one of them prints."""
    began = time.process_time()
    for _ in range(10):
        said = read_output(text)
    assert (time.process_time() - began) / 10 < 0.05
    assert len(said.errors) <= LAST_LINES
