"""The text of -attr and -file: what the guide writes, what documents do to it, and print-then-parse."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadAttribute
from understudy.model.attrtext import file_pairs, pairs, parse_attr, parse_file

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}(@SERVERNAME\([a-z0-9]{1,8}\))?", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: text.strip(" \t\r\n\u00a0"))
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40).map(lambda text: text.strip(" \t\r\n\u00a0"))


def print_attr(attributes: Mapping[str, str]) -> str:
    """The argument of `-attr` that gives these attributes."""
    return ",".join(f"{name}={quoted(value)}" for name, value in attributes.items())


def quoted(value: str) -> str:
    """In quotes if it needs them."""
    return value if re.fullmatch(r"[A-Za-z0-9_./:@%+*-]*", value) else "'" + value.replace("'", "''") + "'"


def print_file(attributes: Mapping[str, str]) -> str:
    """The lines of a `-file` that gives these attributes."""
    return "".join(f"{name}={value}\n" for name, value in attributes.items())


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_printed_attributes_parse_to_the_same_values(attributes: dict[str, str]) -> None:
    """Whatever the values hold: commas, quotes, parentheses, something that looks like the next attribute."""
    assert parse_attr(print_attr(attributes)) == attributes


@given(st.dictionaries(NAMES, ONE_LINE, max_size=6))
def test_a_printed_file_parses_to_the_same_values(attributes: dict[str, str]) -> None:
    """A file has no quotes: a value is the rest of its line."""
    assert parse_file(print_file(attributes)) == attributes


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """No text makes the parser fail in another way, and what it reads prints to the same again."""
    try:
        found = parse_attr(text)
    except BadAttribute:
        return
    assert parse_attr(print_attr(found)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2", {"PARENT_POOLS": "Generic", "SERVER_NAMES": "ctr1 ctr2"}),
        ("PARENT_POOLS=Generic,\n  SERVER_NAMES=ctr1 ctr2", {"PARENT_POOLS": "Generic", "SERVER_NAMES": "ctr1 ctr2"}),
        (
            "CHECK_INTERVAL=30,START_DEPENDENCIES=hard(mysqlVIP),STOP_DEPENDENCIES=hard(mysqlVIP) ",
            {"CHECK_INTERVAL": "30", "START_DEPENDENCIES": "hard(mysqlVIP)", "STOP_DEPENDENCIES": "hard(mysqlVIP)"},
        ),
        ("START_DEPENDENCIES=hard(a, b) pullup(a),LOAD=2", {"START_DEPENDENCIES": "hard(a, b) pullup(a)", "LOAD": "2"}),
        ("START_DEPENDENCIES='hard(a,b) pullup(a)'", {"START_DEPENDENCIES": "hard(a,b) pullup(a)"}),
        (
            "ACL='owner:root:rwx,pgrp:root:r-x,other::r--,user:root:r-x',HOSTING_MEMBERS=ctr1,APPSVIP_FAILBACK=",
            {"ACL": "owner:root:rwx,pgrp:root:r-x,other::r--,user:root:r-x", "HOSTING_MEMBERS": "ctr1", "APPSVIP_FAILBACK": ""},
        ),
        ("LOAD@SERVERNAME(ctr1)=5,LOAD=2", {"LOAD@SERVERNAME(ctr1)": "5", "LOAD": "2"}),
        ("PLACEMENT='restricted'", {"PLACEMENT": "restricted"}),
        ("DESCRIPTION=John's database,LOAD=2", {"DESCRIPTION": "John's database", "LOAD": "2"}),
        ("ACTIONS='backup,user:\"root\"'", {"ACTIONS": 'backup,user:"root"'}),
        ("", {}),
        ("LOAD=2,", {"LOAD": "2"}),
    ],
)
def test_what_operators_write_is_understood(text: str, expected: dict[str, str]) -> None:
    """Blanks and line breaks round names and values, unquoted values, commas inside parentheses and quotes."""
    assert parse_attr(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“CHECK_INTERVAL=30, LOAD=2”", {"CHECK_INTERVAL": "30", "LOAD": "2"}),
        ("SERVER_POOLS=‘p1 p2’,LOAD=2", {"SERVER_POOLS": "p1 p2", "LOAD": "2"}),
        ("SERVER_POOLS=’p1 p2’", {"SERVER_POOLS": "p1 p2"}),
        ("LOAD=2,\u00a0CARDINALITY=1", {"LOAD": "2", "CARDINALITY": "1"}),
    ],
)
def test_typographic_quotes_from_documents_are_understood(text: str, expected: dict[str, str]) -> None:
    """A guide's commands are pasted with the quotes its typesetter made."""
    assert parse_attr(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("CHECK_INTERVAL=30 RESTART_ATTEMPTS=2", "comma is missing before RESTART_ATTEMPTS"),
        ("PLACEMENT='restricted' SERVER_POOLS=p", "comma is missing"),
        ("HOSTING MEMBERS=ctr1", "underscore"),
        ("ACL=owner:root:rwx,pgrp:root:r-x", "single quotes"),
        ("START_DEPENDENCIES=hard(a", "not closed"),
        ("START_DEPENDENCIES=hard(a))", "not opened"),
        ("ACL='owner:root:rwx", "quote that is not closed"),
        ("LOAD=1,LOAD=2", "more than once"),
        ("LOAD", "not NAME=value"),
        ("=5", "no name"),
    ],
)
def test_a_slip_is_named(text: str, hint: str) -> None:
    """The message says what to write, not only that something is wrong."""
    with pytest.raises(BadAttribute, match=hint):
        parse_attr(text)


def test_types_repeat_their_keywords() -> None:
    """ATTRIBUTE may come again; order is kept."""
    text = "ATTRIBUTE=A,TYPE=int,ATTRIBUTE=B,TYPE=string"

    assert pairs(text) == (("ATTRIBUTE", "A"), ("TYPE", "int"), ("ATTRIBUTE", "B"), ("TYPE", "string"))


def test_a_file_takes_values_as_they_stand() -> None:
    """Commas, quotes and equal signs are part of the value; empty lines are none."""
    text = "ACL=owner:git:rwx,pgrp:git:r-x,other::r--\n\nDESCRIPTION='as = is'\n"

    assert file_pairs(text) == (("ACL", "owner:git:rwx,pgrp:git:r-x,other::r--"), ("DESCRIPTION", "'as = is'"))


def test_a_line_without_an_equal_sign_is_named() -> None:
    """With its number."""
    with pytest.raises(BadAttribute, match="line 2"):
        parse_file("LOAD=1\nnonsense\n")
