"""Everything that an administrator can type has a row that says what comes of it, and it comes of it. Nothing is accepted and ignored."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from vocabulary.entries import PREFIXES, PROGRAMS, commands, entries, options_in, parsed, title_of
from vocabulary.rows import FOLDER, VocabularyRow, read_row, rows, rows_of, situations
from vocabulary.stage import play

COMMAND = re.compile(rf"({'|'.join(PROGRAMS)}) ")
SECTIONS = sorted((FOLDER / "rows").glob("*.toml"))


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_what_is_typed_does_what_its_row_says(path: Path) -> None:
    """Against real daemons: exit status, text or JSON, and the effect asked afterwards; what fails has changed nothing."""
    found = play([row for row in rows_of(path) if not row.lab], situations())
    assert not found, "\n".join(found)


def test_every_entry_has_a_row() -> None:
    """Of commands with their options, attributes, dependencies, operators and types: a new one comes in with its row."""
    covered = {of for row in rows() for of in row.of}
    missing = set(entries()) - covered
    assert not missing, f"without a row: {sorted(missing)}"


def test_every_row_is_about_something_that_there_is() -> None:
    """And its command line has it."""
    known = entries()
    for row in rows():
        for of in row.of:
            assert of in known or not of.startswith(PREFIXES), f"{row}: there is no entry {of!r}"
            assert of not in known or typed(row, of, known[of]), f"{row}: it is not about {of!r}"


def typed(row: VocabularyRow, of: str, needle: str) -> bool:
    """Whether a command of the row is what the entry names."""
    title = max((title for title in (*commands(), *parsed()) if f"{of} ".startswith(f"{title} ")), key=len, default="")
    if not title:
        return needle in "\n".join((*row.do, *row.then, *row.shows, *row.says))
    parts = [re.sub(r"^ctr\d: ", "", part.strip()) for step in (*row.do, *row.then) for part in re.split(r"&&|;|\|", step)]
    lines = [re.sub(r"^timeout \d+ ", "", part) for part in parts]
    return any(title_of(line) == title and (not needle or needle in options_in(line)) for line in lines if COMMAND.match(line))


def test_every_option_is_read() -> None:
    """An option that a command line takes and no verb looks at is accepted and ignored."""
    source = "\n".join(path.read_text() for path in sorted((FOLDER.parents[1] / "src/understudy").rglob("*.py")) if "cli" not in path.parts)
    keys = {option.key for command in commands().values() for option in command.options.values()}
    assert keys
    assert not {key for key in keys if f'"{key}"' not in source}


def test_no_two_rows_are_the_same() -> None:
    """A command in a situation has one expectation."""
    seen = [(row.situation, row.given, row.do, row.user) for row in rows()]
    assert len(seen) == len(set(seen)), [row for row in seen if seen.count(row) > 1]


def test_every_situation_is_needed() -> None:
    """And every one that is named is there."""
    assert {row.situation for row in rows()} == set(situations())


def test_what_is_otherwise_is_said() -> None:
    """Of each row that is not so: its exit status, text, order, silence, JSON, effect, and that a failure changed something."""
    row = VocabularyRow(section="x", of=("x",), do=("crsctl stat res db",), situation="db")
    as_json = replace(row, do=("crsctl stat res db --json",))
    false = {
        "exit status 0, not 1": replace(row, status=1, says=("CRS-",)),
        "not there: 'STATE=ONLINE'": replace(row, says=("STATE=ONLINE",)),
        "not in this order: 'NAME=db'": replace(row, says=("TYPE=", "NAME=db")),
        "it is not silent": replace(row, silent=True),
        "there: 'OFFLINE'": replace(row, hides=("OFFLINE",)),
        "no JSON": replace(row, json={"name": "db"}),
        "resources.0.state is 'OFFLINE', not 'ONLINE'": replace(as_json, json={"resources.0.state": "ONLINE"}),
        "no resources.1.state": replace(as_json, json={"resources.1.state": "ONLINE"}),
        "afterwards not there: 'ONLINE'": replace(row, then=row.do, shows=("ONLINE",)),
        "afterwards there: 'OFFLINE'": replace(row, then=row.do, lacks=("OFFLINE",)),
        "it failed, and something was changed": replace(row, do=("crsctl start res db nothing",), status=1, says=("CRS-2613",)),
    }

    found = play(tuple(false.values()), situations())

    assert [trouble for trouble in false if not any(trouble in line for line in found)] == []
    assert play((replace(row, says=("NAME=db", "STATE=OFFLINE"), then=row.do, shows=("TARGET=OFFLINE",)),), situations()) == []


@pytest.mark.parametrize(
    ("entry", "trouble"),
    [
        ({"says": "x", "kind": "ignored"}, "a row is works, refused or differs"),
        ({"says": "x", "kind": "differs"}, "says why"),
        ({"says": "x", "why": "so"}, "says why"),
        ({}, "it expects nothing"),
        ({"says": "x", "then": "crsctl stat res"}, "what is asked afterwards"),
        ({"says": "x", "exit": 1}, "a message with a number"),
        ({"says": "x", "exits": 1}, "a row has no exits"),
    ],
)
def test_a_row_that_says_too_little_is_no_row(entry: dict[str, object], trouble: str) -> None:
    """It would pass whatever happens."""
    with pytest.raises(ValueError, match=trouble):
        read_row("x", {"of": "x", "do": "crsctl stat res", **entry})
