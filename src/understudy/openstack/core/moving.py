"""The one-time move of a service's data onto its share: what comes next, from what is on both sides. Pure.

Data is copied beside its place on the share (`.understudy-moving-SERVER`), compared to the last byte, and then renamed into place; a marker
says so from the first rename until the local directory was set aside. So whatever is interrupted is taken up again, and at every moment
there is a complete copy on one side. Nothing is ever deleted but our own unfinished copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

STAGING = ".understudy-moving-"
MARKER = ".understudy-moving.json"
ASIDE = ".before-share"
"""Added to the name of the local directory in the end."""
OF_THE_FILE_SYSTEM = frozenset({"lost+found", ".snapshot", ".snapshots", ".trashcan", ".zfs"})
"""What file servers put at the top of an export; it is no data."""
DELETED = ".nfs"
"""With this begins what a client of NFS calls a file that was deleted while it was open; after the client's death it stays so."""


class MovePhase(StrEnum):
    """What is to be done next."""

    COPY = "copy"
    TAKE_BACK = "take-back"
    """The local data has changed since it was compared: what was renamed into place goes back, and is copied again."""
    RENAME = "rename"
    SET_ASIDE = "set-aside"
    FORGET = "forget"
    """Only the marker is left."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMove:
    """What moves from where to where, and whose it is."""

    name: str
    path: str
    export: str
    type: str
    options: str
    owner: str
    group: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveMarker:
    """What was compared: by whom, the names at the top, and a digest of the local listing (names, sizes, times)."""

    server: str
    names: tuple[str, ...]
    listing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveSeen:
    """Both sides now."""

    server: str
    path: str
    export: str
    local: tuple[str, ...]
    """Names in the local directory."""
    share: tuple[str, ...]
    """Names at the top of the export."""
    staged: tuple[str, ...]
    """Names in our own copy beside it."""
    marker: MoveMarker | None
    listing: str
    """Digest of the local listing; empty: there is nothing."""
    aside: bool
    """Whether a local directory was set aside already."""
    running: tuple[str, ...]
    """Processes that use the local data, for people."""


def next_phase(seen: MoveSeen) -> MovePhase | str:
    """What comes next, or why nothing may be done."""
    data = data_of(seen.share)
    if others := [name.removeprefix(STAGING) for name in seen.share if name.startswith(STAGING) and name != STAGING + seen.server]:
        return f"{seen.export} has an unfinished copy of {', '.join(others)}: finish it there, or delete {STAGING}{others[0]} on the share"
    if seen.running:
        return f"{'; '.join(seen.running[:4])} uses {seen.path}: stop the service first"
    if seen.marker is not None:
        return _after_comparing(seen, seen.marker, data)
    if data and seen.local:
        return (
            f"both sides hold data: {seen.server}:{seen.path} ({_named(seen.local)}) and {seen.export} ({_named(data)}); "
            "look which is right, and move the other away"
        )
    if not seen.local:
        return MovePhase.NOTHING
    if seen.aside:
        return f"{seen.path}{ASIDE} is there from an earlier move, and {seen.path} holds data again: move one of them away"
    return MovePhase.COPY


def _after_comparing(seen: MoveSeen, marker: MoveMarker, data: tuple[str, ...]) -> MovePhase | str:
    if marker.server != seen.server:
        return f"{marker.server} is moving its data to {seen.export}: finish it there"
    if foreign := [name for name in data if name not in marker.names]:
        return f"{seen.export} has got {_named(tuple(foreign))} besides what is being moved there: move that away"
    if seen.aside and not seen.local:
        return MovePhase.FORGET
    if seen.aside:
        return f"{seen.path}{ASIDE} and {seen.path} both hold data: look which is right, and move the other away"
    if seen.listing != marker.listing:
        return MovePhase.TAKE_BACK
    return MovePhase.RENAME if seen.staged else MovePhase.SET_ASIDE


def data_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Without what is ours, what file servers put there, and what clients have deleted."""
    ours = (MARKER, STAGING, DELETED)
    return tuple(name for name in names if not name.startswith(ours) and name not in OF_THE_FILE_SYSTEM)


def _named(names: tuple[str, ...]) -> str:
    some = ", ".join(sorted(names)[:4])
    return f"{some} and {len(names) - 4} more" if len(names) > 4 else some


def marker_to_json(marker: MoveMarker) -> dict[str, object]:
    """As it stands on the share."""
    return {"format": 1, "server": marker.server, "names": list(marker.names), "listing": marker.listing}


def marker_from_json(raw: Mapping[str, object]) -> MoveMarker:
    """Back again. KeyError, TypeError, ValueError: it is none."""
    names = raw["names"]
    if raw["format"] != 1 or not isinstance(names, list):
        raise ValueError(f"format {raw['format']}")
    return MoveMarker(server=str(raw["server"]), names=tuple(map(str, names)), listing=str(raw["listing"]))
