"""What is to be done, in order, from what is wanted and what was found. `plan` is the whole of it; pure.

A step takes one place of one server from what was found there to what it should be. It is conditional on that: if the place has changed
meanwhile the step is refused where it is carried out, and planned again. All steps are idempotent, and none needs a later one, so
whatever was interrupted is finished by a second run, which ends the same.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from understudy.openstack.core.compare import Comparison, FoundPlaces, Judged, differing, judge, keys_wanted
from understudy.openstack.core.editing import edited
from understudy.openstack.core.ini import BadFile
from understudy.openstack.core.keysets import KeysChoice
from understudy.openstack.core.states import (
    RULES,
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
from understudy.openstack.core.templates import hide, hide_unknown
from understudy.openstack.core.wanted import (
    Desired,
    Wanted,
    WantedBoot,
    WantedDirectory,
    WantedEntry,
    WantedFile,
    WantedKeys,
    WantedLine,
    WantedValues,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStep:
    """One place of one server: from what is there to what should be."""

    server: str
    place: str
    before: PlaceState
    after: PlaceState
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """What cannot be done now, and what to do about it."""

    server: str
    place: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersPlan:
    """For the servers: what to do, what cannot be done, and how each wanted thing stands."""

    steps: tuple[PlaceStep, ...]
    blocked: tuple[Blocked, ...]
    judged: tuple[Judged, ...]

    def finished(self) -> bool:
        """Nothing is left: every server is as it should be."""
        return not self.steps and not self.blocked


def plan(desired: Desired, found: Mapping[str, FoundPlaces], unreachable: Mapping[str, str]) -> ServersPlan:
    """For all servers that are wanted. `found`: of each that was looked at; `unreachable`: of the others, why not."""
    steps: list[PlaceStep] = []
    blocked: list[Blocked] = []
    judged: list[Judged] = []
    for server, wanted in desired.servers.items():
        if server in unreachable:
            blocked.append(Blocked(server=server, place="", cause=unreachable[server]))
            judged += [Judged(server=server, wanted=item, verdict=Comparison.UNKNOWN, there=unreachable[server]) for item in wanted]
            continue
        judged += [judge(server, item, found[server], found) for item in wanted]
        for place, items in _by_place(wanted).items():
            made = _step(server, place, items, found)
            if isinstance(made, PlaceStep):
                steps.append(made)
            elif made is not None:
                blocked.append(made)
    return ServersPlan(steps=tuple(steps), blocked=tuple(blocked), judged=tuple(judged))


def places(wanted: Sequence[Wanted]) -> tuple[tuple[str, bool], ...]:
    """What must be looked at for these: places, and whether as a directory of keys."""
    return tuple(dict.fromkeys((item.place, isinstance(item, WantedKeys)) for item in wanted))


def _by_place(wanted: Sequence[Wanted]) -> dict[str, list[Wanted]]:
    """In the order in which each is first named; links of units last, for they are harmless without the rest."""
    found: dict[str, list[Wanted]] = {}
    for item in sorted(wanted, key=lambda item: isinstance(item, WantedBoot)):
        found.setdefault(item.place, []).append(item)
    return found


def _step(server: str, place: str, wanted: Sequence[Wanted], found: Mapping[str, FoundPlaces]) -> PlaceStep | Blocked | None:
    before = found[server].get(place, OtherState(what="it was not looked at"))
    if isinstance(before, OtherState):
        return Blocked(server=server, place=place, cause=before.what)
    try:
        after = _after(before, wanted, server, found)
    except BadFile as error:
        return Blocked(server=server, place=place, cause=str(error))
    if isinstance(after, str):
        return Blocked(server=server, place=place, cause=after)
    if after == before:
        return None
    reasons = tuple(dict.fromkeys(item.why for item in wanted if item.why and _changes(item, before, server, found)))
    return PlaceStep(server=server, place=place, before=before, after=after, because=reasons)


def _changes(item: Wanted, before: PlaceState, server: str, found: Mapping[str, FoundPlaces]) -> bool:
    return judge(server, item, {item.place: before}, found).verdict is not Comparison.RIGHT


def _after(before: PlaceState, wanted: Sequence[Wanted], server: str, found: Mapping[str, FoundPlaces]) -> PlaceState | str:
    """What should be there, or why that cannot be."""
    match wanted[0]:
        case WantedBoot():
            return without_boot(before) if isinstance(before, BootState) else before
        case WantedValues() as item:
            return _values(before, item)
        case WantedDirectory() as directory:
            if isinstance(before, Absent | DirectoryState):
                return DirectoryState(owned=directory.owned)
            return "it is not a directory; move it away"
        case WantedKeys() as keys:
            if isinstance(before, Absent | KeysState):
                right = keys_wanted(keys, server, found)
                return right.cause if isinstance(right, KeysChoice) else right
            return "it is not a directory; move it away"
        case WantedFile() as file:
            if isinstance(before, Absent | FileState):
                return FileState(owned=file.owned, content=file.content.encode())
            return "it is not a file; move it away"
    return _edited(before, [item for item in wanted if isinstance(item, WantedEntry | WantedLine)])


def _values(before: PlaceState, wanted: WantedValues) -> PlaceState | str:
    if isinstance(before, Absent):
        return before if wanted.optional else ValuesState(values={**wanted.made_with, **wanted.values})
    if not isinstance(before, ValuesState):
        return "it is something else"
    return ValuesState(values={**before.values, **differing(wanted, before)})


def _edited(before: PlaceState, wanted: Sequence[WantedEntry | WantedLine]) -> PlaceState | str:
    if isinstance(before, FileState):
        return FileState(owned=before.owned, content=edited(before.content, wanted))
    if not isinstance(before, Absent):
        return "it is not a file; move it away"
    if all(isinstance(item, WantedLine) and item.optional for item in wanted):
        return before
    if all(isinstance(item, WantedEntry) and item.syntax == "shell" for item in wanted):
        return FileState(owned=Owned(owner="root", group="root", mode="0644"), content=edited(b"", wanted))
    packages = dict.fromkeys(name for item in wanted for name in item.packages)
    return f"it is not there: install {', '.join(packages) or 'the package it belongs to'}, or leave its project out of the site file"


# --- as people read it


def title(step: PlaceStep) -> str:
    """One line: what the step does."""
    before, after = step.before, step.after
    match after:
        case Absent():
            return f"remove {step.place}"
        case BootState():
            return f"{step.place.partition(':')[2]}: no start at boot" if before != after else step.place
        case DirectoryState():
            return f"{'make' if isinstance(before, Absent) else 'set the owner of'} {step.place}: {after.owned.as_text()}"
        case ValuesState() if step.place.startswith(RULES):
            return f"the running firewall: {step.place.removeprefix(RULES[0])}"
        case ValuesState():
            what = after.values.get("url", "")
            return f"{'make' if isinstance(before, Absent) else 'change'} {step.place}{f': {what}' if what else ''}"
        case KeysState():
            return f"copy the keys in {step.place}: {', '.join(sorted(after.files))}"
        case FileState():
            if isinstance(before, FileState) and before.content == after.content:
                return f"set the owner of {step.place}: {after.owned.as_text()}"
            return f"{'write' if isinstance(before, Absent) else 'edit'} {step.place}"
    return step.place


def diff(step: PlaceStep, secrets: Mapping[str, str]) -> str:
    """Of a file, unified; secrets are hidden. Empty: there is no text to show."""
    if not isinstance(step.after, FileState) or not isinstance(step.before, FileState | Absent):
        return ""
    old = step.before.content if isinstance(step.before, FileState) else b""
    rows = difflib.unified_diff(
        old.decode(errors="replace").split("\n"),
        step.after.content.decode(errors="replace").split("\n"),
        "/dev/null" if isinstance(step.before, Absent) else f"{step.server}:{step.place}",
        f"{step.server}:{step.place}",
        lineterm="",
        n=2,
    )
    return "\n".join(_hidden(rows, secrets))


def _hidden(rows: Iterator[str], secrets: Mapping[str, str]) -> Iterator[str]:
    for row in rows:
        yield hide_unknown(hide(row.rstrip("\r"), secrets))
