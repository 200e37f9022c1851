"""Owns the filters of `-w`: parse, print, and say whether something matches.

Called by the verbs. It never looks anything up by itself; it is given a function from attribute to value.
`AND` binds tighter than `OR`. `print_filter(parse(text))` parses to the same value again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from understudy.errors import BadInput
from understudy.model.messages import words

OPERATORS = ("=", "==", "!=", ">", "<", "co", "nc", "st", "en", "coi", "nci", "eqi")


@dataclass(frozen=True, slots=True)
class Compare:
    """`attribute operator value`."""

    attribute: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Both:
    """All parts must match."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One part must match."""

    parts: tuple["Filter", ...]


Filter = Compare | Both | Either

LONGEST = 4096
"""Characters of a filter."""
DEEPEST = 50
"""Parentheses within one another."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\))
      | '(?P<quoted>(?:[^']|'')*)'
      | (?P<symbol>==|!=|=|>|<)
      | (?P<word>[^\s()'=!<>]+)
    )""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"[A-Z][A-Z0-9_]*(?:@[A-Z]+)?")
_PLAIN = re.compile(r"[^\s()'=!<>]+")

Token = tuple[str, str]


def parse(text: str) -> Filter:
    """Read a filter; BadInput says what is wrong with it. Call it once for a command, not once for a resource."""
    if len(text) > LONGEST:
        raise BadInput(words(20006, f"{text[:40]}...", f"it has {len(text)} characters, {LONGEST} are allowed"), code=20006)
    reader = _Reader(text)
    found = reader.either()
    reader.expect_end()
    return found


def print_filter(tree: Filter) -> str:
    """The filter as text, with parentheses wherever parts are combined."""
    match tree:
        case Compare(attribute=attribute, operator=operator, value=value):
            plain = _PLAIN.fullmatch(value) and value not in ("AND", "OR")
            return f"{attribute} {operator} {value if plain else _quote(value)}"
        case Both(parts=parts):
            return " AND ".join(f"({print_filter(part)})" for part in parts)
        case Either(parts=parts):
            return " OR ".join(f"({print_filter(part)})" for part in parts)


Texts = str | tuple[str, ...] | None
"""The value of an attribute; several texts where it may be written in several ways (`ONLINE`, `ONLINE on ctr1`); None: there is none."""
_NEGATIVE = frozenset({"!=", "nc", "nci"})


def matches(tree: Filter, value_of: Callable[[str], Texts]) -> bool:
    """Whether it matches something whose attributes `value_of` tells; None: it has no such attribute, and no comparison holds. Of several
    ways to write a value one is enough, and for what denies something all are."""
    match tree:
        case Both(parts=parts):
            return all(matches(part, value_of) for part in parts)
        case Either(parts=parts):
            return any(matches(part, value_of) for part in parts)
        case Compare(attribute=attribute, operator=operator, value=value):
            actual = value_of(attribute)
            texts = () if actual is None else (actual,) if isinstance(actual, str) else actual
            found = [_holds(text, operator, value) for text in texts]
            return bool(found) and (all(found) if operator in _NEGATIVE else any(found))


def _holds(actual: str, operator: str, wanted: str) -> bool:
    match operator:
        case "=" | "==":
            return actual == wanted
        case "!=":
            return actual != wanted
        case ">" | "<":
            return _greater(actual, wanted) if operator == ">" else _greater(wanted, actual)
        case "co":
            return wanted in actual
        case "nc":
            return wanted not in actual
        case "st":
            return actual.startswith(wanted)
        case "en":
            return actual.endswith(wanted)
        case "coi":
            return wanted.casefold() in actual.casefold()
        case "nci":
            return wanted.casefold() not in actual.casefold()
        case "eqi":
            return wanted.casefold() == actual.casefold()
        case _:
            raise AssertionError(f"the parser let {operator} pass")


def _greater(left: str, other: str) -> bool:
    """As numbers when both are, else as text."""
    if re.fullmatch(r"-?[0-9]{1,15}", left) and re.fullmatch(r"-?[0-9]{1,15}", other):
        return int(left) > int(other)
    return left > other


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


class _Reader:
    """Reads tokens from left to right; each method reads one form of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._next = 0
        self._depth = 0

    def either(self) -> Filter:
        parts = [self._both()]
        while self._take("word", "OR"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            kind, text = self._tokens[self._next]
            hint = "; a value with blanks or parentheses belongs in single quotes" if kind in ("word", "open") else ""
            raise self._unreadable(f"'{text}' is not expected there{hint}")

    def _both(self) -> Filter:
        parts = [self._one()]
        while self._take("word", "AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self) -> Filter:
        if self._take("open"):
            self._depth += 1
            if self._depth > DEEPEST:
                raise self._unreadable(f"more than {DEEPEST} parentheses are open at once")
            inside = self.either()
            if not self._take("close"):
                raise self._unreadable("a parenthesis is not closed")
            self._depth -= 1
            return inside
        attribute = self._take("word")
        if attribute is None or not _ATTRIBUTE.fullmatch(attribute):
            raise self._unreadable("the name of an attribute is expected, in capital letters")
        operator = self._take("symbol") or self._take("word")
        if operator not in OPERATORS:
            raise self._unreadable(f"after {attribute} one of {' '.join(OPERATORS)} is expected")
        for kind in ("quoted", "word"):
            value = self._take(kind)
            if value is not None:
                return Compare(attribute, operator, value)
        raise self._unreadable(f"after {attribute} {operator} a value is expected")

    def _take(self, kind: str, text: str | None = None) -> str | None:
        if self._next == len(self._tokens) or self._tokens[self._next][0] != kind:
            return None
        found = self._tokens[self._next][1]
        if text is not None and found != text:
            return None
        self._next += 1
        return found

    def _split(self, text: str) -> list[Token]:
        found: list[Token] = []
        position, text = 0, text.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._unreadable(f"at '{text[position:][:20]}'")
            kind = match.lastgroup
            assert kind is not None, "every alternative of the pattern is named"
            value = match[kind]
            found.append((kind, value.replace("''", "'") if kind == "quoted" else value))
            position = match.end()
        return found

    def _unreadable(self, trouble: str) -> BadInput:
        return BadInput(words(20006, self._text, trouble), code=20006)
