"""Makes a line of a log: one JSON object, one line, bounded in bytes, whatever it is given. How its fields are called, and why:
docs/design/0010-logs.md.

Called by: every process for its own log (`guard/log.py`, `guard/system.py`) and by those who say that lines are missing (`guard/lines.py`,
`guard/scribe.py`). Pure but for the standard library's encoder. Must never raise: an odd value is written as text.
"""

import json
import math
import time
from collections.abc import Mapping

LONGEST = 4096
"""Bytes of a line with its end: as much as a pipe takes at once or not at all, so that lines of two writers never mix."""
SHORTEST_CUT = 48
"""Characters: no text is cut to less than about half of it. What every line begins with is shorter."""
LEVELS = ("debug", "info", "warning", "error")
"""From what only a developer asks for to what is a fault."""

_encode = json.JSONEncoder(default=lambda value: _whole(str(value))).encode


def line(fields: Mapping[str, object], *, most: int = LONGEST) -> bytes:
    """One line of at most `most` bytes, ASCII alone: control characters and what is no text at all (bytes that a script printed) are
    escaped. What is too long loses its middle, and says so; of too many fields only the first are there."""
    written, shown, limit = _written(fields), fields, most
    while len(written) > most and limit > SHORTEST_CUT:
        limit //= 2
        shown = {name: _cut(value, limit) for name, value in fields.items()}
        written = _written(shown)
    while len(written) > most:
        shown = dict(list(shown.items())[:-1])
        written = _written(shown)
    return written


def head(event: str, level: str, process: str, *, pid: int, at: float) -> dict[str, object]:
    """The fields that every line begins with. `at`: seconds since the epoch."""
    return {"timestamp": instant(at), "level": level, "event": event, "process": process, "pid": pid}


def instant(seconds: float) -> str:
    """Seconds since the epoch as UTC: 2026-11-26T23:59:59.123Z."""
    whole = math.floor(seconds)
    at = time.gmtime(whole)
    day = f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}"
    return f"{day}T{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}.{int((seconds - whole) * 1000):03}Z"


def _written(fields: Mapping[str, object]) -> bytes:
    try:
        text = _encode({name: _plain(value) for name, value in fields.items()})
    except Exception:  # noqa: BLE001 - an object that cannot even say what it is: the log must not fail whoever writes it
        text = _encode({name: type(value).__name__ for name, value in fields.items()})
    return text.encode() + b"\n"


def _plain(value: object) -> object:
    """What every reader of JSON takes: no number that is none, and no half of a character."""
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _whole(value)
        case list() | tuple() | set() | frozenset():
            return [_plain(member) for member in value]
        case Mapping():
            return {_whole(str(name)): _plain(member) for name, member in value.items()}
        case _:
            return value


def _whole(text: str) -> str:
    """Without halves of characters, which stand for bytes that are no text."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def _cut(value: object, limit: int) -> object:
    """A text of about so many characters at most; whatever is no number is a text once it is cut."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else _written({"": value}).decode()[5:-2]
    if len(text) <= limit:
        return value
    half = limit // 2
    return f"{text[:half]} [{len(text) - 2 * half} characters left out] {text[-half:]}"
