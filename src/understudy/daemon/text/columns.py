"""Columns for the lists of `understudy`. Called by the verbs; decides nothing."""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns, each as wide as its widest cell; nothing is ever cut."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def plain(value: object) -> str:
    """One value for people: yes or no, a list on one line, `none` for an empty one."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("; " if any(" " in str(part) for part in value) else " ").join(map(str, value)) or "none"
    return str(value)
