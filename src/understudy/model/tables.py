"""Values of a TOML table with the types they must have: whatever else is there is refused, by name, with what is allowed.

Called by `settings.py`. Standard library only: the guard reads settings too. Never supplies a value that nobody wrote, but for a default.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from understudy.errors import BadSettings

SHOWN = 60
"""Characters of a wrong value that are repeated."""
LONGEST_PATH = 1024
LONGEST_RUN_DIR = 90
"""Bytes: a socket's path below it must fit into the 107 that the kernel takes."""
MOST = 64
"""Of a list."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAMES_ALLOWED = "write a name of letters, digits and . _ -, at most 63"
NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_MISSING = object()
_KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a section",
}
T = TypeVar("T")


class Table:
    """One section."""

    def __init__(self, name: str, found: object, known: Collection[str]) -> None:
        """BadSettings: it is no section, or has a key that is not `known`."""
        if not isinstance(found, dict):
            raise BadSettings(f"[{name}] is {seen(found)}; write a section [{name}], and its settings below it")
        for key in found:
            if key not in known:
                raise BadSettings(f"[{name}] {seen_name(key)} is no setting; settings are {', '.join(sorted(known))}")
        self._name, self._found = name, found

    def text(self, key: str, default: str | None = None, *, longest: int = 63) -> str:
        """A text that can be shown, neither empty nor longer than so many bytes."""
        allowed = f"write a text of 1 to {longest} bytes, without line ends"
        return self._get(key, default, lambda value: _text(value, longest), allowed)

    def name(self, key: str, default: str | None = None) -> str:
        """A name of a server, interface, ..."""
        return self._get(key, default, _named, NAMES_ALLOWED)

    def path(self, key: str, default: str, *, longest: int = LONGEST_PATH) -> str:
        """An absolute path; also empty where that is the default."""
        allowed = f"write a path that begins with /, of at most {longest} bytes"
        return self._get(key, default, lambda value: value if value == default else _path(value, longest), allowed)

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number."""

        def read(value: Any) -> int | None:
            return value if type(value) is int and least <= value <= most else None

        return self._get(key, default, read, f"write a whole number from {least} to {most}")

    def seconds(self, key: str, default: float, *, least: float, most: float) -> float:
        """A duration."""

        def read(value: Any) -> float | None:
            return float(value) if type(value) in (int, float) and math.isfinite(value) and least <= value <= most else None

        return self._get(key, default, read, f"write a number of seconds from {least:g} to {most:g}")

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return self._get(key, default, lambda value: value if type(value) is bool else None, "write true or false, without quotes")

    def choice(self, key: str, default: str, choices: Collection[str]) -> str:
        """One of these."""
        found = self._get(key, default, lambda value: value if isinstance(value, str) else None, f"write one of {', '.join(choices)}")
        if found not in choices:
            raise BadSettings(f"[{self._name}] {key} is {seen(found)}; this version has {' and '.join(choices)}")
        return found

    def addresses(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of IP addresses."""
        return self._list(key, default, _address, 'write a list of IP addresses, as ["10.10.10.1"]', "is no IP address")

    def endpoints(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of ADDRESS:PORT."""
        allowed = 'write a list of ADDRESS:PORT, as ["10.10.10.9:7400"] or ["[fd00::9]:7400"]'
        return self._list(key, default, _endpoint, allowed, "is no IP address with a port")

    def paths(self, key: str) -> tuple[str, ...]:
        """A list of absolute paths, which may be empty."""
        return self._list(key, (), _path, 'write a list of paths, as ["/srv/data"]', "is no path that begins with /")

    def names(self, key: str) -> tuple[str, ...] | None:
        """A list of names; None: not given."""
        if key not in self._found:
            return None
        return self._list(key, (), _named, 'write a list of names, as ["ctr1"]', "is no name of letters, digits and . _ -")

    def subnet(self, key: str) -> str:
        """An IP network."""
        return self._get(key, None, _subnet, "write it like 10.10.10.0/24 or fd00:10::/64")

    def interface(self, key: str) -> str:
        """The name of a network interface, as the kernel takes it."""
        return self._get(key, None, _interface, "write the name of a network interface, of 1 to 15 characters, as eth1")

    def _list(
        self, key: str, default: tuple[str, ...] | None, read: Callable[[Any], str | None], allowed: str, but: str
    ) -> tuple[str, ...]:
        def listed(value: Any) -> tuple[Any, ...] | None:
            return tuple(value) if isinstance(value, list) else None

        found = self._get(key, default, listed, allowed)
        if len(found) > MOST:
            raise BadSettings(f"[{self._name}] {key} has {len(found)} entries; at most {MOST} are allowed")
        if not found and default != ():
            raise BadSettings(f"[{self._name}] {key} is empty; {allowed}")
        for entry in found:
            if read(entry) is None:
                raise BadSettings(f"[{self._name}] {key}: {seen(entry)} {but}; {allowed}")
        return found

    def _get(self, key: str, default: T | None, read: Callable[[Any], T | None], allowed: str) -> T:
        value = self._found.get(key, _MISSING)
        if value is _MISSING:
            if default is None:
                raise BadSettings(f"[{self._name}] {key} is missing; {allowed}")
            return default
        found = read(value)
        if found is None:
            raise BadSettings(f"[{self._name}] {key} is {seen(value)}; {allowed}")
        return found


def seen(value: object) -> str:
    """A wrong value as it stands in the file, or nearly: never long, never more than one line."""
    shown = ("true" if value else "false") if isinstance(value, bool) else _short(value)
    return f"{shown} ({_KINDS.get(type(value), 'a date or time')})"


def seen_name(key: str) -> str:
    """A key that is not known."""
    return key if _named(key) else _short(key)


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_short(part) for part in value[:3])}{', ...' if len(value) > 3 else ''}]"[:SHOWN]
    if isinstance(value, dict):
        return f"{{{', '.join(_short(part) for part in list(value)[:3])}}}"[:SHOWN]
    if isinstance(value, int) and abs(value) > 10**SHOWN:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}...")
    return repr(value) if isinstance(value, int | float) else str(value)


def _text(value: Any, longest: int) -> str | None:
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value.encode(errors="replace")) <= longest else None


def _named(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 63 and NAME.fullmatch(value) else None


def _path(value: Any, longest: int = LONGEST_PATH) -> str | None:
    return value if _text(value, longest) and value.startswith("/") else None


def _interface(value: Any) -> str | None:
    return value if _text(value, 15) and not re.search(r"[\s/:]", value) and value not in (".", "..") else None


def _address(value: Any) -> str | None:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return str(value)


def _subnet(value: Any) -> str | None:
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return str(value)


def _endpoint(value: Any) -> str | None:
    try:
        parse_endpoint(value if isinstance(value, str) else "")
    except BadSettings:
        return None
    return str(value)


def parse_endpoint(text: str) -> tuple[str, int]:
    """`10.10.10.9:7400` or `[fd00::9]:7400` as address and port. BadSettings if it is neither."""
    address, colon, port = text.rpartition(":")
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        ipaddress.ip_address(bare)
        if not colon or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
            raise ValueError
        if ":" in bare and bare == address:
            raise ValueError
    except ValueError:
        raise BadSettings(f"{seen(text)} is no endpoint: write ADDRESS:PORT, like 10.10.10.9:7400 or [fd00::9]:7400") from None
    return bare, int(port)
