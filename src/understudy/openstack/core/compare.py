"""What is wanted against what was found: right, wrong (and what is there), missing, or not to be known. Pure.

Called for `verify`, and by `plan.py`, which asks the same questions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from understudy.openstack.core.editing import entry_value, has_line
from understudy.openstack.core.endpoints import same_value
from understudy.openstack.core.ini import BadFile
from understudy.openstack.core.keysets import KeysChoice, listing, newest
from understudy.openstack.core.states import (
    Absent,
    BootState,
    DirectoryState,
    FileState,
    KeysState,
    OtherState,
    Owned,
    PlaceState,
    ValuesState,
    without_boot,
)
from understudy.openstack.core.wanted import (
    Wanted,
    WantedBoot,
    WantedDirectory,
    WantedEntry,
    WantedFile,
    WantedKeys,
    WantedLine,
    WantedValues,
)


class Comparison(StrEnum):
    """How it stands with one wanted thing."""

    RIGHT = "right"
    WRONG = "wrong"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One wanted thing with its verdict. `there`: what is there instead, or why it cannot be known."""

    server: str
    wanted: Wanted
    verdict: Comparison
    there: str = ""


FoundPlaces = Mapping[str, PlaceState]
"""Of one server: place -> what is there."""


def judge(server: str, wanted: Wanted, found: FoundPlaces, sources: Mapping[str, FoundPlaces]) -> Judged:
    """One thing. `sources`: what was found on all servers, for keys."""
    state = found.get(wanted.place, OtherState(what="it was not looked at"))
    if isinstance(state, OtherState):
        return Judged(server=server, wanted=wanted, verdict=Comparison.UNKNOWN, there=state.what)
    try:
        verdict, there = _verdict(wanted, state, server, sources)
    except BadFile as error:
        verdict, there = Comparison.UNKNOWN, str(error)
    return Judged(server=server, wanted=wanted, verdict=verdict, there=there)


def _verdict(wanted: Wanted, state: PlaceState, server: str, sources: Mapping[str, FoundPlaces]) -> tuple[Comparison, str]:
    match wanted:
        case WantedBoot():
            if not isinstance(state, BootState):
                return _not(state, "a unit")
            stays = without_boot(state).links
            starting = [link for link, target in state.links if (link, target) not in stays]
            return (Comparison.WRONG, f"started by {', '.join(starting[:3])}") if starting else (Comparison.RIGHT, "")
        case WantedDirectory():
            return _owner_verdict(state, wanted.owned) if isinstance(state, DirectoryState) else _not(state, "a directory")
        case WantedKeys():
            return _keys_verdict(wanted, state, server, sources)
        case WantedValues():
            return _values_verdict(wanted, state)
        case WantedLine() if wanted.optional and isinstance(state, Absent):
            return Comparison.RIGHT, ""
        case WantedFile() | WantedEntry() | WantedLine():
            return _file_verdict(wanted, state) if isinstance(state, FileState) else _not(state, "a file")


def _values_verdict(wanted: WantedValues, state: PlaceState) -> tuple[Comparison, str]:
    if wanted.optional and isinstance(state, Absent):
        return Comparison.RIGHT, ""
    if not isinstance(state, ValuesState):
        return _not(state, "that")
    other = differing(wanted, state)
    return (Comparison.WRONG, ", ".join(f"{key} is {state.values.get(key, '')}" for key in other)) if other else (Comparison.RIGHT, "")


def differing(wanted: WantedValues, state: ValuesState) -> dict[str, str]:
    """The wanted values that are not there."""
    return {key: value for key, value in wanted.values.items() if not same_value(key, state.values.get(key, ""), value)}


def _not(state: PlaceState, what: str) -> tuple[Comparison, str]:
    return (Comparison.MISSING, "") if isinstance(state, Absent) else (Comparison.WRONG, f"it is not {what}")


def _owner_verdict(state: FileState | DirectoryState | KeysState, owned: Owned) -> tuple[Comparison, str]:
    return (Comparison.RIGHT, "") if state.owned == owned else (Comparison.WRONG, state.owned.as_text())


def _file_verdict(wanted: WantedFile | WantedEntry | WantedLine, state: FileState) -> tuple[Comparison, str]:
    match wanted:
        case WantedFile():
            if state.content != wanted.content.encode():
                return Comparison.WRONG, "another content"
            return _owner_verdict(state, wanted.owned)
        case WantedLine():
            return (Comparison.RIGHT, "") if has_line(state.content, wanted) else (Comparison.MISSING, "")
        case WantedEntry():
            value = entry_value(state.content, wanted)
            if value is None:
                return Comparison.MISSING, ""
            return (Comparison.RIGHT, "") if value == wanted.value else (Comparison.WRONG, value)


def keys_choice(wanted: WantedKeys, sources: Mapping[str, FoundPlaces], first: str = "") -> KeysChoice:
    """Whose keys count, of the servers that were looked at. `first`: of `newest`."""
    states = {server: sources[server].get(wanted.place) for server in wanted.holders if server in sources}
    for server, state in states.items():
        if isinstance(state, OtherState):
            return KeysChoice(cause=f"on {server}: {state.what}")
    listings = {server: listing(state) if isinstance(state, KeysState) else {} for server, state in states.items()}
    return newest(listings, rotates=wanted.rotates, first=first)


def keys_as_on(wanted: WantedKeys, state: KeysState) -> KeysState:
    """The keys of one server as another should have them."""
    owned = Owned(owner=wanted.owned.owner, group=wanted.owned.group, mode=wanted.file_mode)
    files = {name: FileState(owned=owned, content=file.content) for name, file in state.files.items() if file.content}
    return KeysState(owned=wanted.owned, files=files)


def keys_wanted(wanted: WantedKeys, server: str, sources: Mapping[str, FoundPlaces]) -> PlaceState | KeysChoice:
    """What should be on this server, or why that is not known. Where keys were made apart those of the first server count, and only if it
    was looked at; who has the newest stays as it is, and so does the first while nobody has any."""
    first = wanted.holders[0]
    choice = keys_choice(wanted, sources, first)
    there = sources.get(server, {}).get(wanted.place, Absent())
    source = sources.get(choice.source, {}).get(wanted.place)
    if choice.source == server:
        return there
    if isinstance(source, KeysState):
        return keys_as_on(wanted, source)
    if first not in sources:
        return KeysChoice(cause=f"{first}, whose keys may count, was not looked at", conflict=choice.conflict)
    return there if server == first and _no_keys(there) else choice


def _no_keys(state: PlaceState) -> bool:
    return isinstance(state, Absent) or (isinstance(state, KeysState) and not listing(state))


def _keys_verdict(wanted: WantedKeys, state: PlaceState, server: str, sources: Mapping[str, FoundPlaces]) -> tuple[Comparison, str]:
    right = keys_wanted(wanted, server, sources)
    if isinstance(right, KeysChoice):
        return Comparison.WRONG if right.conflict else Comparison.UNKNOWN, right.cause
    if state == right:
        return Comparison.RIGHT, ""
    if not isinstance(state, KeysState) or not isinstance(right, KeysState):
        return _not(state, "a directory")
    other = sorted(name for name in {*state.files, *right.files} if state.files.get(name) != right.files.get(name))
    source = keys_choice(wanted, sources, wanted.holders[0]).source
    return Comparison.WRONG, f"not as on {source}: {', '.join(other[:4]) or state.owned.as_text()}"
