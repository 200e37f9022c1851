"""The text of a document in TOML: sorted, one line for each value, a blank line between tables. `tomllib` reads the same again. Pure."""

import json
import re
from collections.abc import Iterator, Mapping

Document = Mapping[str, object]
"""Texts, whole numbers, and tables of these."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(document: Document) -> str:
    """Its text. What is no table stands first; a table that holds nothing but tables has no line of its own."""
    return "\n".join(lines(document)).strip("\n") + "\n"


def lines(document: Document) -> Iterator[str]:
    """Line by line."""
    return _table((), document)


def _table(place: tuple[str, ...], table: Document) -> Iterator[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping) or _inline(place, key)}
    below = {key: value for key, value in table.items() if isinstance(value, Mapping) and key not in values}
    if place and (values or not below):
        yield ""
        yield f"[{'.'.join(map(_key, place))}]"
    for key, value in values.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, inner in below.items():
        yield from _table((*place, key), inner)


def _inline(place: tuple[str, ...], key: str) -> bool:
    """An attribute of a type is one line, whatever is said of it."""
    return len(place) == 3


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(inner)}' for key, inner in value.items())} }}"
    return str(value) if isinstance(value, int) else _text(str(value))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # The escapes of JSON are among those of TOML, which does not take a DEL as it is, either.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
