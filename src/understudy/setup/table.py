"""The table of checks as text; pure."""

import textwrap
from collections.abc import Iterable

from understudy.setup.checks import CheckResult, CheckRow

_TITLES = ("CHECK", "RESULT", "WHAT")
WIDTH = 118
_SHOWN = {CheckResult.PASSED: "passed", CheckResult.WARNED: "WARNED", CheckResult.FAILED: "FAILED"}


def table_text(rows: Iterable[CheckRow]) -> str:
    """One line for each that passed; for others a second with what to do. Nothing is cut."""
    listed = list(rows)
    wide = max(len(row.kind) for row in listed) if listed else 0
    lines = [f"{_TITLES[0]:<{wide}}  {_TITLES[1]}  {_TITLES[2]}"]
    for row in listed:
        head = f"{row.kind:<{wide}}  {_SHOWN[row.result]}  "
        lines += _wrapped(head, row.sentence)
        if row.advice:
            lines += _wrapped(" " * len(head) + "-> ", row.advice)
    return "\n".join(lines)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False, break_on_hyphens=False
    )
