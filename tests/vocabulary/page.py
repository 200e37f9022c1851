"""docs/guide/differences.md, made of the rows that are refused or differ."""

from pathlib import Path

from vocabulary.entries import entries
from vocabulary.rows import DIFFERS, REFUSED, VocabularyRow, rows

PAGE = Path(__file__).parents[2] / "docs/guide/differences.md"
HEAD = """# Differences: what does not do what it does in Oracle Clusterware

Made from `tests/vocabulary/`, where every command, option, attribute and dependency has a row that is played against real daemons: each
either does what the documentation of Oracle Clusterware 12.1 says, or stands here. Nothing is accepted and then ignored.

What is **refused** is refused at the command, with a message that says why; `crsctl help UND-0010` (or any other number) says more.
The default of a refused attribute may always be given.
"""


def page() -> str:
    """The page as it must be."""
    found = rows()
    refused = [row for row in found if row.kind == REFUSED]
    differing = [row for row in found if row.kind == DIFFERS]
    parts = [HEAD, "## Refused\n", _table(refused), "## Otherwise\n", _table(differing)]
    return "\n".join(parts)


def _table(found: list[VocabularyRow]) -> str:
    lines = ["| what | typed | why |", "| --- | --- | --- |"]
    lines += [f"| {', '.join(map(_cell, row.of))} | `{_cell(_shortened(_typed(row)))}` | {row.why} |" for row in found]
    return "\n".join(lines) + "\n"


def _typed(row: VocabularyRow) -> str:
    """The last command in which what it is about stands; else its last."""
    needle = entries().get(row.of[0], "")
    steps = [step for step in row.do if not step.startswith("%")]
    return next((step for step in reversed(steps) if needle in step), steps[-1])


def _shortened(line: str) -> str:
    words = line.split(" ")
    return " ".join(word if len(word) <= 100 else f"{word[:20]}..." for word in words)


def _cell(text: str) -> str:
    return text.removeprefix("attribute ").replace("\n", " ").replace("|", "\\|")
