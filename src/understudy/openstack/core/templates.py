"""Values of a catalogue with the site's facts filled in: `{address.mysql}`, `{secret.keystone_database|url}`.

Pure. Must never: leave a name open, or fill in something that was not named.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from understudy.errors import BadInput

_NAMED = re.compile(r"\{([a-z0-9_]+(?:\.[a-z0-9_]+)+)(\|url)?\}")
HIDDEN = "********"


def fill(template: str, facts: Mapping[str, str]) -> str:
    """With every name filled in; `|url`: quoted as a part of an URL. BadInput: a fact is not known, or empty."""

    def named(match: re.Match[str]) -> str:
        value = facts.get(match[1], "")
        if not value:
            raise BadInput(f"{_missing(match[1])}; it is needed for {template}")
        return quote(value, safe="") if match[2] else value

    return _NAMED.sub(named, template)


def names(template: str) -> tuple[str, ...]:
    """The facts that it asks for, in order."""
    return tuple(match[1] for match in _NAMED.finditer(template))


def _missing(fact: str) -> str:
    section, _, key = fact.partition(".")
    match section:
        case "address":
            return f"[addresses] {key} is missing in the site file; write an IP address"
        case "secret":
            return f"the secret {key} is missing; say under [credentials] where it is"
        case "storage" | "networks":
            name, _, key = key.partition(".")
            return f"[{section}.{name}] {key} is missing in the site file"
    return f"{fact} is not known"


_URL_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")
_SECRET_WORDS = "password|passwd|secret|token|private_key"
_SECRET_KEY = re.compile(rf"([ +-]?[ \t#;]*(?:export )?[\w-]*(?:{_SECRET_WORDS})[\w-]*[ \t]*[=:][ \t]*)\S.*", re.IGNORECASE)


def hide_unknown(row: str) -> str:
    """A line of a configuration file, or of a difference between two, without whatever looks like a secret, ours or not."""
    return _SECRET_KEY.sub(rf"\1{HIDDEN}", _URL_PASSWORD.sub(rf"\1{HIDDEN}@", row))


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """For people: every secret, also as part of an URL or escaped for a file, as ********."""
    spelled = set()
    for value in secrets.values():
        spelled |= {value, quote(value, safe=""), value.replace("$", "$$"), value.replace("%", "%%")}
    for value in sorted(spelled - {""}, key=lambda value: (-len(value), value)):
        text = text.replace(value, HIDDEN)
    return text
