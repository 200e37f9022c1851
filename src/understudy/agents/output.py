"""What an action script says to us on its output; pure.

Knows the lines of the script agent (`CRS_STATE_DETAILS:` and its kin) and which lines are worth keeping. Called with captured text.
"""

from dataclasses import dataclass

from understudy.model.shown import shown

LAST_LINES = 20
LONGEST_LINE = 1000
LONGEST_OUTPUT = 64 * 1024
LONGEST_DETAILS = 240
"""Characters of CRS_STATE_DETAILS: it stands in a column, and in every report of the resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A script's output, read."""

    lines: tuple[str, ...] = ()
    """The last lines, as printed, but for what is not printable."""
    details: str | None = None
    """CRS_STATE_DETAILS: the last one counts."""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    progress: tuple[str, ...] = ()


def read_output(text: str) -> Said:
    """Split captured text into lines and find the ones meant for us. Never fails, whatever a script prints."""
    lines = [shown(line.rstrip("\r")[:LONGEST_LINE])[:LONGEST_LINE] for line in text[-LONGEST_OUTPUT:].split("\n")]
    meant: dict[str, list[str]] = {"CRS_STATE_DETAILS": [], "CRS_ERROR": [], "CRS_WARNING": [], "CRS_PROGRESS": []}
    for line in lines:
        word, colon, rest = line.partition(":")
        if colon and word in meant:
            meant[word].append(rest.strip())
    return Said(
        lines=tuple(line for line in lines if line.strip())[-LAST_LINES:],
        details=meant["CRS_STATE_DETAILS"][-1][:LONGEST_DETAILS] if meant["CRS_STATE_DETAILS"] else None,
        errors=tuple(meant["CRS_ERROR"]),
        warnings=tuple(meant["CRS_WARNING"]),
        progress=tuple(meant["CRS_PROGRESS"]),
    )
