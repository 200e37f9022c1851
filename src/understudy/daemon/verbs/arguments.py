"""Owns the reading of a request's JSON body. Called by every verb; refuses what no client of ours would send."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy.errors import BadInput
from understudy.model.attrtext import file_pairs, pairs, parse_attr, parse_file
from understudy.model.messages import words

LONGEST_NAME = 1024
"""Characters of a name that is looked for: more than any that can be registered, and little enough to be repeated in an answer."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The body of `POST /v1/verb/NAME`: names of things, and options by name."""

    body: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """What the command names, in order, each once."""
        found = self.body.get("names", [])
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise bad("names must be a list of texts")
        if (longest := max(map(len, found), default=0)) > LONGEST_NAME:
            raise bad(f"a name has {longest} characters; no name is longer than {LONGEST_NAME}")
        return tuple(dict.fromkeys(found))

    def text(self, key: str) -> str | None:
        """An option's text; None if it was not given."""
        found = self.body.get(key)
        if found is not None and not isinstance(found, str):
            raise bad(f"{key} must be a text")
        return found

    def flag(self, key: str) -> bool:
        """Whether an option without a value was given."""
        return bool(self.body.get(key, False))

    def number(self, key: str) -> int | None:
        """A whole number; None if it was not given."""
        found = self.text(key) if isinstance(self.body.get(key), str) else self.body.get(key)
        if found is None:
            return None
        try:
            return int(found)
        except (TypeError, ValueError, OverflowError):
            raise bad(f"{key} must be a whole number") from None

    def one_name(self, what: str) -> str:
        """The only name of a command that takes one."""
        if pair := next((name for name in self.names[1:] if "=" in name), None):
            raise bad(f"'{pair}' is an attribute: write -attr \"{pair}\"")
        if len(self.names) != 1:
            raise bad(f"name exactly one {what}")
        return self.names[0]

    def attributes(self) -> dict[str, str]:
        """Of `-attr` and `-file`, which the client has read; `-attr` wins where both name one."""
        from_file, from_text = self.text("file"), self.text("attr")
        return {**(parse_file(from_file) if from_file is not None else {}), **(parse_attr(from_text) if from_text is not None else {})}

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The same, for types, whose keywords repeat."""
        from_file, from_text = self.text("file"), self.text("attr")
        return (*(file_pairs(from_file) if from_file is not None else ()), *(pairs(from_text) if from_text is not None else ()))


def bad(trouble: str) -> BadInput:
    """An argument that cannot be used."""
    return BadInput(words(20010, trouble), code=20010)
