"""A file as lines with their ends, so that what is not touched stays as it is to the byte.

Texts are bytes decoded as latin-1: every byte is one character, whatever the file's encoding. Pure.
"""

import re
from dataclasses import dataclass

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


@dataclass(frozen=True, slots=True)
class Splice:
    """One change of a text: what stands from `start` to `end` becomes `text`."""

    start: int
    end: int
    text: str

    def apply(self, content: str) -> str:
        """The text after it."""
        return content[: self.start] + self.text + content[self.end :]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it begins, what it says, how it ends (empty: the file's last, without an end)."""

    start: int
    text: str
    ending: str

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text) + len(self.ending)


def lines_of(content: str) -> tuple[Line, ...]:
    """All of them."""
    found = []
    for match in _LINE.finditer(content):
        text = match[0].rstrip("\r\n")
        found.append(Line(match.start(), text, match[0][len(text) :]))
    return tuple(found)


def ending_of(lines: tuple[Line, ...]) -> str:
    """How lines end here: as the first does."""
    return next((line.ending for line in lines if line.ending), "\n")


def insert_after(lines: tuple[Line, ...], number: int, new: str) -> Splice:
    """A line more after that of this number (-1: before all). A last line without an end stays one: the new line is the last then."""
    ending = ending_of(lines)
    if number < 0:
        return Splice(0, 0, new + ending)
    before = lines[number]
    return Splice(before.end, before.end, new + ending if before.ending else ending + new)


def with_line(content: str, line: str, before: str, below: str = "") -> str:
    """With that line, once: before the first that the pattern matches, else at the end. Already there: as it was. `below`: only what stands
    below the first line that this pattern matches counts; where none does, it is as it was, too."""
    lines = lines_of(content)
    first = next((number + 1 for number, found in enumerate(lines) if re.match(below, found.text)), -1) if below else 0
    if first < 0 or any(found.text.rstrip() == line for found in lines[first:]):
        return content
    if before:
        for number, found in enumerate(lines[first:], first):
            if re.match(before, found.text):
                return insert_after(lines, number - 1, line).apply(content)
    return insert_after(lines, len(lines) - 1, line).apply(content)
