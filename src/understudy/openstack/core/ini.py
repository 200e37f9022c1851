"""Configuration files in sections: one key is set, and every other byte stays.

Two readers are followed: oslo.config's, for the files of the services (`oslo`, and `paste`, whose values are escaped otherwise), and that
of MariaDB's option files (`mysql`), which knows keys without a value and lines that begin with `!`. The last assignment of a key in all
sections of that name counts; only its value changes. A key that is not there is put beside a commented one of its name, else at the end
of its section. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from understudy.errors import BadInput
from understudy.openstack.core.lines import Line, Splice, ending_of, insert_after, lines_of

_ASSIGNED = re.compile(r"([^=:]*?)[ \t]*[=:][ \t]*(?=(.*))")
_BLANK = " \t\x0b\x0c"
"""What is stripped: no byte above 127, for it may be a part of a character."""


class BadFile(BadInput):
    """A file cannot be read as what it should be, so it is not edited either."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A key with its value: where the value begins and ends in the text, lines that continue it included."""

    section: str
    key: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class IniText:
    """A file as it was read."""

    lines: tuple[Line, ...]
    assigned: tuple[Assigned, ...]
    places: tuple[str | None, ...]
    """Of each line: its section; None before the first."""

    def value(self, section: str, key: str) -> str | None:
        """What a service reads; None: it is not there."""
        found = self._found(section, key)
        return found.value if found else None

    def _found(self, section: str, key: str) -> Assigned | None:
        same = (entry for entry in self.assigned if entry.key == key and _same(entry.section, section))
        return next(iter(reversed(tuple(same))), None)

    def setting(self, section: str, key: str, value: str) -> Splice:
        """The one change that gives the key this value."""
        if found := self._found(section, key):
            return Splice(found.start, found.end, value)
        here = [number for number, place in enumerate(self.places) if place is not None and _same(place, section)]
        new = f"{key} = {value}"
        if not here:
            return self._appended(f"[{section}]", new)
        pattern = re.compile(rf"[#;][ \t]*{re.escape(key)}[ \t]*[=:]")
        beside = [number for number in here if pattern.match(self.lines[number].text)]
        if beside:
            return insert_after(self.lines, self._whole(beside[-1]), new)
        with_content = [number for number in here if self._says_something(number)]
        return insert_after(self.lines, self._whole(with_content[-1]), new)

    def _whole(self, number: int) -> int:
        """The last line of what begins there: lines that are commented out are as long as they are, and nothing may be put between a
        value and what continues it."""
        while number + 1 < len(self.lines) and self.lines[number + 1].text[:1] in (" ", "\t") and self.lines[number + 1].text.strip(_BLANK):
            number += 1
        return number

    def _says_something(self, number: int) -> bool:
        text = self.lines[number].text.strip(_BLANK)
        return bool(text) and text[0] not in "#;"

    def _appended(self, header: str, new: str) -> Splice:
        ending, length = ending_of(self.lines), self.lines[-1].end if self.lines else 0
        if not self.lines:
            return Splice(0, 0, header + ending + new + ending)
        last = self.lines[-1]
        gap = "" if last.ending and not last.text.strip(_BLANK) else ending
        if last.ending:
            return Splice(length, length, gap + header + ending + new + ending)
        return Splice(length, length, ending + gap + header + ending + new)


@lru_cache(maxsize=8)
def read_ini(content: str, *, options_alone: bool = False) -> IniText:
    """The file of this text. BadFile names the line. `options_alone`: as MariaDB reads it."""
    lines = lines_of(content)
    return IniText(lines, tuple(_assigned(lines, options_alone)), tuple(_places(lines)))


def _places(lines: tuple[Line, ...]) -> Iterator[str | None]:
    section = None
    for line in lines:
        if line.text[:1] == "[":
            section = _section(line.text.rstrip(_BLANK))
        yield section


def _assigned(lines: tuple[Line, ...], options_alone: bool) -> Iterator[Assigned]:
    section: str | None = None
    open_entry: Assigned | None = None
    for number, line in enumerate(lines, 1):
        text = line.text.rstrip(_BLANK)
        if text and text[0] in " \t" and not options_alone:
            if open_entry is None:
                raise BadFile(f"line {number} continues nothing: {text.strip(_BLANK)[:60]!r}")
            value = f"{open_entry.value}\n{text.strip(_BLANK)}"
            open_entry = Assigned(open_entry.section, open_entry.key, value, open_entry.start, line.start + len(text))
            continue
        if open_entry is not None:
            yield open_entry
            open_entry = None
        text = text.lstrip(_BLANK) if options_alone else text
        if not text or text[0] in "#;" or (options_alone and text[0] == "!"):
            continue
        if text[0] == "[":
            section = _section(text)
            if section is None:
                raise BadFile(f"line {number} is no section: {text[:60]!r}")
            continue
        open_entry = _entry(line, number, section, options_alone)
    if open_entry is not None:
        yield open_entry


def _section(text: str) -> str | None:
    if len(text) <= 2 or not text.endswith("]"):
        return None
    return text[1:-1]


def _entry(line: Line, number: int, section: str | None, options_alone: bool) -> Assigned | None:
    match = _ASSIGNED.match(line.text)
    if section is None:
        raise BadFile(f"line {number} stands before the first section: {line.text.strip(_BLANK)[:60]!r}")
    if not match:
        if options_alone:
            return None
        raise BadFile(f"line {number} is neither a section nor key = value: {line.text.strip(_BLANK)[:60]!r}")
    key = match[1].strip(_BLANK)
    if not key:
        raise BadFile(f"line {number} has no key: {line.text.strip(_BLANK)[:60]!r}")
    value = match[2].rstrip(_BLANK)
    start = line.start + match.end()
    return Assigned(section, key, _unquoted(value), start, start + len(value))


def _unquoted(value: str) -> str:
    """Without the quotes around it; one quote alone is an empty value to oslo.config."""
    return value[1:-1] if _quoted(value) else value


def _quoted(value: str) -> bool:
    return value[:1] in ('"', "'") and value[0] == value[-1]


def _same(left: str, right: str) -> bool:
    """DEFAULT is itself alone; of all others case does not count."""
    return left == right or ("DEFAULT" not in (left, right) and left.lower() == right.lower())


def spelled(value: str, syntax: str) -> str:
    """A value as it must stand in such a file to be read as it is. BadFile: it cannot."""
    if not value.isprintable():
        raise BadFile("a value has a line end or another character that cannot be shown")
    if syntax == "oslo" and "\\$" in value:
        raise BadFile("a value has \\ before $, which oslo.config takes for another way to write $; choose another secret")
    escaped = value.replace("$", "$$") if syntax == "oslo" else value.replace("%", "%%") if syntax == "paste" else value
    if _quoted(escaped) or escaped != escaped.strip():
        return f'"{escaped}"' if escaped[:1] != '"' else f"'{escaped}'"
    return escaped


def meaning(value: str, syntax: str) -> str:
    """What `spelled` made, read back."""
    return value.replace("$$", "$") if syntax == "oslo" else value.replace("%%", "%") if syntax == "paste" else value
