"""What is at a place of a server: a file, a directory, keys, the links that start a unit at boot, or nothing.

A step of a plan takes a place from one of these to another, and its undoing takes it back. `place` is a path, `boot:NAME` for a unit, or
`nft:CHAIN:RULE`, `iptables:CHAIN:RULE` or `ip6tables:CHAIN:RULE` for a rule of the running firewall.
The JSON of `hands.py`, which runs where the place is, and of the kept former versions is the same. Pure.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOOT = "boot:"
RULES = ("nft:", "iptables:", "ip6tables:")
"""By which program a rule of the running firewall is looked for and put in."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Whose it is: names as the server knows them, mode as four octal digits."""

    owner: str
    group: str
    mode: str

    def as_text(self) -> str:
        """`keystone:keystone 0640`."""
        return f"{self.owner}:{self.group} {self.mode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file with its content."""

    owned: Owned
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryState:
    """A directory, whatever is in it."""

    owned: Owned


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysState:
    """A directory of keys with all its files."""

    owned: Owned
    files: Mapping[str, FileState]


@dataclass(frozen=True, slots=True, kw_only=True)
class BootState:
    """The links by which a unit, or an init script, is started at boot: (path, where it leads), in order."""

    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherState:
    """Something that is not to be touched: a symbolic link, a device, a file that is too large, one that cannot be read."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesState:
    """Something that is no file: an entry of a catalogue, a rule of a firewall, by its values."""

    values: Mapping[str, str]


PlaceState = Absent | FileState | DirectoryState | KeysState | BootState | ValuesState | OtherState


def to_json(state: PlaceState) -> dict[str, Any]:
    """As `hands.py` speaks of it."""
    match state:
        case Absent():
            return {"kind": "absent"}
        case FileState():
            return {"kind": "file", "content": base64.b64encode(state.content).decode(), **_owned(state.owned)}
        case DirectoryState():
            return {"kind": "directory", **_owned(state.owned)}
        case KeysState():
            files = {name: to_json(file) for name, file in sorted(state.files.items())}
            return {"kind": "keys", "files": files, **_owned(state.owned)}
        case BootState():
            return {"kind": "boot", "links": [list(link) for link in state.links]}
        case ValuesState():
            return {"kind": "values", "values": dict(sorted(state.values.items()))}
        case OtherState():
            return {"kind": "other", "what": state.what}


def from_json(raw: Mapping[str, Any]) -> PlaceState:
    """Back again. KeyError, TypeError, ValueError: it is none."""
    match raw["kind"]:
        case "absent":
            return Absent()
        case "file":
            return _file(raw)
        case "directory":
            return DirectoryState(owned=_whose(raw))
        case "keys":
            return KeysState(owned=_whose(raw), files={str(name): _file(file) for name, file in raw["files"].items()})
        case "boot":
            return BootState(links=tuple((str(path), str(target)) for path, target in raw["links"]))
        case "values":
            return ValuesState(values={str(key): str(value) for key, value in raw["values"].items()})
        case "other":
            return OtherState(what=str(raw["what"]))
    raise ValueError(f"no state of a place: {raw['kind']!r}")


def _owned(owned: Owned) -> dict[str, str]:
    return {"owner": owned.owner, "group": owned.group, "mode": owned.mode}


def _whose(raw: Mapping[str, Any]) -> Owned:
    return Owned(owner=str(raw["owner"]), group=str(raw["group"]), mode=str(raw["mode"]))


def _file(raw: Mapping[str, Any]) -> FileState:
    return FileState(owned=_whose(raw), content=base64.b64decode(raw["content"], validate=True))


def digest(state: PlaceState) -> str:
    """The same for two states exactly if they are the same."""
    parts: list[bytes] = []

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value):
                add(key)
                add(value[key])
        elif isinstance(value, list):
            parts.append(b"%d:" % len(value))
            for part in value:
                add(part)
        else:
            raw = str(value).encode()
            parts.append(b"%d=%s" % (len(raw), raw))

    add(to_json(state))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def without_boot(state: BootState) -> BootState:
    """So that it is not started at boot any more: no link from a target, and a start of an init script turned into a stop, as `systemctl
    disable` and `chkconfig off` do it."""
    links = []
    for path, target in state.links:
        folder, _, name = path.rpartition("/")
        if folder.endswith((".wants", ".requires")):
            continue
        if name[:1] == "S" and name[1:3].isdigit():
            name = f"K{min(99, 100 - int(name[1:3])):02d}{name[3:]}"
        links.append((f"{folder}/{name}", target))
    return BootState(links=tuple(sorted(set(links))))
