"""Everything that an administrator can type has a row that says what comes of it, and it comes of it. Nothing is accepted and ignored."""

import re
from pathlib import Path

import pytest

from vocabulary.entries import PREFIXES, PROGRAMS, commands, entries, options_in, title_of
from vocabulary.rows import FOLDER, VocabularyRow, rows, rows_of, situations
from vocabulary.stage import play

COMMAND = re.compile(rf"({'|'.join(PROGRAMS)}) ")
SECTIONS = sorted((FOLDER / "rows").glob("*.toml"))
IDLE = """
    ACTIONS ACTION_FAILURE_TEMPLATE ACTION_TIMEOUT AGENT_FILENAME ALERT_TEMPLATE AUTO_START DEFAULT_TEMPLATE DELETE_TIMEOUT FAILOVER_DELAY
    FAILURE_INTERVAL FAILURE_THRESHOLD INSTANCE_FAILOVER INTERMEDIATE_TIMEOUT LAST_FAULT LOGGING_LEVEL MODIFY_TIMEOUT NLS_LANG
    NOT_RESTARTING_TEMPLATE PROFILE_CHANGE_TEMPLATE RELOCATE_BY_DEPENDENCY SERVER_CATEGORY START_CONCURRENCY STATE_CHANGE_TEMPLATE
    STOP_CONCURRENCY STOP_FAILURE USER_WORKLOAD USE_STICKINESS
    START_PROGRAM STOP_PROGRAM CLEAN_PROGRAM CHECK_PROGRAMS PID_FILES EXECUTABLE_NAMES ENVIRONMENT_FILE ENVIRONMENT_VARS
"""
"""Attributes that are still only accepted."""
NOT_YET = frozenset(
    {
        # options
        *(f"crsctl {verb} resource -{option}" for verb in ("start", "stop", "restart", "relocate") for option in ("env", "i", "k", "d")),
        *(f"crsctl check resource -{option}" for option in "kd"),
        *(f"crsctl {verb} {thing} -i" for verb in ("add", "modify", "delete") for thing in ("resource", "serverpool", "type")),
        *(f"crsctl delete {thing} -f" for thing in ("serverpool", "type")),
        "crsctl stat resource -e", "crsctl stat server -category",
        # attributes
        *(f"attribute {name}" for name in IDLE.split()),
        "pool attribute EXCLUSIVE_POOLS", "pool attribute SERVER_CATEGORY",
    }
)  # fmt: skip
"""Entries that are still only accepted, or whose row is to come: a list that only shrinks."""


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_what_is_typed_does_what_its_row_says(path: Path) -> None:
    """Against real daemons: exit status, text or JSON, and the effect asked afterwards; what fails has changed nothing."""
    found = play([row for row in rows_of(path) if not row.lab], situations())
    assert not found, "\n".join(found)


def test_every_entry_has_a_row() -> None:
    """Of commands with their options, attributes, dependencies, operators and types: a new one comes in with its row."""
    covered = {of for row in rows() for of in row.of}
    missing = set(entries()) - covered - NOT_YET
    assert not missing, f"without a row: {sorted(missing)}"
    assert not NOT_YET & covered, "they have a row now: take them out of the list"
    assert not NOT_YET - set(entries()), "there is no such entry"


def test_every_row_is_about_something_that_there_is() -> None:
    """And its command line has it."""
    known = entries()
    for row in rows():
        for of in row.of:
            assert of in known or not of.startswith(PREFIXES), f"{row}: there is no entry {of!r}"
            assert of not in known or typed(row, of, known[of]), f"{row}: it is not about {of!r}"


def typed(row: VocabularyRow, of: str, needle: str) -> bool:
    """Whether a command of the row is what the entry names."""
    title = max((title for title in commands() if f"{of} ".startswith(f"{title} ")), key=len, default="")
    if not title:
        return needle in "\n".join((*row.do, *row.then, *row.shows, *row.says))
    parts = [re.sub(r"^ctr\d: ", "", part.strip()) for step in (*row.do, *row.then) for part in re.split(r"&&|;|\|", step)]
    lines = [re.sub(r"^timeout \d+ ", "", part) for part in parts]
    return any(title_of(line) == title and (not needle or needle in options_in(line)) for line in lines if COMMAND.match(line))


def test_no_two_rows_are_the_same() -> None:
    """A command in a situation has one expectation."""
    seen = [(row.situation, row.given, row.do, row.user) for row in rows()]
    assert len(seen) == len(set(seen)), [row for row in seen if seen.count(row) > 1]


def test_every_situation_is_needed() -> None:
    """And every one that is named is there."""
    assert {row.situation for row in rows()} == set(situations())
