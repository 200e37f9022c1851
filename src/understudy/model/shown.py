"""Texts that are not ours, as they are shown: what scripts print and people write must not act on a terminal, nor pass for a line of ours.

Called where such texts enter (the executor's reading of output, the daemon's of outcomes) and once more where lines go out (the API), since
records may be older than this rule. Pure.
"""

import functools
import json

TAB = 8
BETWEEN = " / "
"""Between what were lines, where there is room for one."""


def shown(text: str) -> str:
    """Everything that is not printable is written as JSON writes it (`\\u001b`), but for line breaks; tabs become blanks."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(map(_shown, text.expandtabs(TAB)))


@functools.lru_cache(maxsize=2048)  # what floods a log are the same few characters again and again
def _shown(character: str) -> str:
    return character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]


def one_line(text: str) -> str:
    """The same in one line."""
    return shown(BETWEEN.join(line for line in text.split("\n") if line.strip()))


def indented(text: str, by: str = "  ") -> tuple[str, ...]:
    """The same, line by line, where it stands below a line of ours: it begins with blanks, as none of ours that has a number does."""
    return tuple(f"{by}{line}" for line in shown(text).split("\n"))
