"""What an action script says to us on its output; pure.

Knows the lines of the script agent (`CRS_STATE_DETAILS:` and its kin) and which lines are worth keeping. Called with captured text.
"""

import re
from collections import deque
from dataclasses import dataclass

from understudy.model.shown import shown

LAST_LINES = 20
LONGEST_LINE = 1000
LONGEST_OUTPUT = 64 * 1024
LONGEST_DETAILS = 240
"""Characters of CRS_STATE_DETAILS: it stands in a column, and in every report of the resource."""

_WORDS = ("CRS_STATE_DETAILS", "CRS_ERROR", "CRS_WARNING", "CRS_PROGRESS")
_MEANT = re.compile(rf"^({'|'.join(_WORDS)}):([^\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOutput:
    """A script's output, read."""

    lines: tuple[str, ...] = ()
    """The last lines, as printed, but for what is not printable."""
    details: str | None = None
    """CRS_STATE_DETAILS: the last one counts."""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    progress: tuple[str, ...] = ()


def read_output(text: str) -> ScriptOutput:
    """Split captured text into lines and find the ones meant for us. Never fails, whatever a script prints, and is quick about it."""
    text = text[-LONGEST_OUTPUT:]
    meant: dict[str, deque[str]] = {word: deque(maxlen=LAST_LINES) for word in _WORDS}
    for found in _MEANT.finditer(text):
        meant[found[1]].append(found[2])
    details, errors, warnings, progress = (tuple(_line(text).strip() for text in found) for found in meant.values())
    return ScriptOutput(
        lines=tuple(_last(text)),
        details=details[-1][:LONGEST_DETAILS] if details else None,
        errors=errors,
        warnings=warnings,
        progress=progress,
    )


def _last(text: str) -> list[str]:
    """The last lines that are not blank, in their order."""
    found: list[str] = []
    for line in reversed(text.split("\n")):
        if line and line.strip():
            found.append(_line(line))
            if len(found) == LAST_LINES:
                break
    return found[::-1]


def _line(line: str) -> str:
    return shown(line.rstrip("\r")[:LONGEST_LINE])[:LONGEST_LINE]
