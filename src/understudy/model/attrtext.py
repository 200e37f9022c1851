"""Owns the text forms of attributes: the argument of `-attr`, the lines of `-file`.

Called by the verbs and `appvipcfg`. It never knows which attributes exist; it only takes text apart.
"""

import re
from collections.abc import Iterable

from understudy.errors import BadAttribute
from understudy.model.messages import words

Pair = tuple[str, str]

_OPENING = {"'": "'‘’", '"': '"“”', "‘": "'‘’", "’": "'‘’", "“": '"“”', "”": '"“”'}
"""A quote that opens a value, and what may close it: documents turn straight quotes into curved ones."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:@[A-Za-z]+\([^()]*\))*")
_NEXT_NAME = re.compile(r"\s([A-Z][A-Z0-9_]+(?:@[A-Z]+\([^()]*\))*)\s*=")
_BLANKS = " \t\r\n\u00a0"


def parse_attr(text: str) -> dict[str, str]:
    """The argument of `-attr` as attribute -> value. BadAttribute says what cannot be read, or which is given twice."""
    return _unique(pairs(text))


def parse_file(text: str) -> dict[str, str]:
    """The lines of a `-file`: `NAME=value`, no quotes."""
    return _unique(file_pairs(text))


def file_pairs(text: str) -> tuple[Pair, ...]:
    """The lines of a `-file` in order; empty lines are skipped."""
    found: list[Pair] = []
    # Not splitlines(): a value may hold any character but a line break.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip(_BLANKS):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise _unreadable(f"line {number} is not NAME=value: '{line.strip(_BLANKS)}'")
        found.append((_name(name), value.strip(_BLANKS)))
    return tuple(found)


def pairs(text: str) -> tuple[Pair, ...]:
    """The pairs of an `-attr` argument in order, repeated names included (types repeat ATTRIBUTE)."""
    text = _without_outer_quotes(text.strip(_BLANKS))
    found: list[Pair] = []
    position = 0
    while position < len(text):
        equals = text.find("=", position)
        comma = text.find(",", position)
        if equals < 0 or 0 <= comma < equals:
            piece = text[position : comma if comma >= 0 else len(text)].strip(_BLANKS)
            raise _unreadable(f"'{piece}' is not NAME=value; a value that contains a comma belongs in single quotes")
        name = _name(text[position:equals])
        value, position = _value(text, _skip_blanks(text, equals + 1), name)
        found.append((name, value))
    return tuple(found)


def _without_outer_quotes(text: str) -> str:
    """The shell takes straight double quotes away; curved ones pasted from a document reach us."""
    if len(text) >= 2 and text[0] in '“”"' and text[-1] in '“”"' and "=" in text:
        return text[1:-1].strip(_BLANKS)
    return text


def _name(text: str) -> str:
    name = text.strip(_BLANKS)
    if _NAME.fullmatch(name):
        return name
    if any(blank in name for blank in _BLANKS):
        raise _unreadable(
            f"'{name}' is no name of an attribute: a name has no blanks; a comma may be missing before it, or an underscore in it"
        )
    raise _unreadable(f"'{name}' is no name of an attribute")


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position


def _value(text: str, position: int, name: str) -> tuple[str, int]:
    """The value that begins at `position`, and where the next pair begins."""
    if position < len(text) and text[position] in _OPENING:
        return _quoted_value(text, position, name)
    depth, end = 0, position
    while end < len(text) and (depth or text[end] != ","):
        if text[end] == "'" and text[end - 1] in "=(,: " and (closing := text.find("'", end + 1)) > 0:
            end = closing
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth < 0:
            raise _unreadable(f"{name} closes a parenthesis that was not opened")
        end += 1
    if depth:
        raise _unreadable(f"{name} opens a parenthesis that is not closed")
    value = text[position:end].strip(_BLANKS)
    if missing := _NEXT_NAME.search(" " + value):
        raise _unreadable(f"a comma is missing before {missing[1]}")
    return value, end + 1


def _quoted_value(text: str, position: int, name: str) -> tuple[str, int]:
    """A value in quotes; a doubled quote inside stands for one."""
    closing = _OPENING[text[position]]
    value: list[str] = []
    end = position + 1
    while end < len(text):
        if text[end] not in closing:
            value.append(text[end])
        elif end + 1 < len(text) and text[end] == text[end + 1] and text[end] == text[position]:
            value.append(text[end])
            end += 1
        else:
            break
        end += 1
    if end >= len(text):
        raise _unreadable(f"{name} opens a quote that is not closed")
    following = _skip_blanks(text, end + 1)
    if following < len(text) and text[following] != ",":
        rest = text[following : following + 30]
        raise _unreadable(f"after the closing quote of {name} a comma is missing, before '{rest}'")
    return "".join(value).strip(_BLANKS), following + 1


def _unique(found: Iterable[Pair]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in found:
        if name in attributes:
            raise BadAttribute(words(20009, name), code=20009)
        attributes[name] = value
    return attributes


def _unreadable(trouble: str) -> BadAttribute:
    return BadAttribute(words(20001, trouble), code=20001)
