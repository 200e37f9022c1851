"""What is to be done so that servers have the same keys, and how a set is rotated: from what was found on them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.errors import BadInput
from understudy.openstack.core.compare import FoundPlaces, keys_as_on, keys_choice
from understudy.openstack.core.editing import entry_value
from understudy.openstack.core.keysets import KeysChoice, listing, rotated
from understudy.openstack.core.plan import PlaceStep
from understudy.openstack.core.states import Absent, FileState, KeysState, OtherState, PlaceState
from understudy.openstack.core.wanted import WantedEntry, WantedKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPlan:
    """For one directory: whose keys count, and the steps by which the other servers that were looked at get them."""

    wanted: WantedKeys
    choice: KeysChoice
    steps: tuple[PlaceStep, ...] = ()
    state: KeysState | None = None
    """The keys of `choice.source`."""


def keys_plan(wanted: WantedKeys, found: Mapping[str, FoundPlaces], chosen: str = "") -> KeysPlan:
    """Of servers that agree, or can be made to. `chosen`: an operator's word whose keys count, whatever the others have."""
    choice = KeysChoice(source=chosen) if chosen else keys_choice(wanted, found)
    if not choice.source:
        return KeysPlan(wanted=wanted, choice=choice)
    state = _state(found, choice.source, wanted)
    if not isinstance(state, KeysState) or not listing(state):
        why = state.what if isinstance(state, OtherState) else "there are no keys"
        return KeysPlan(wanted=wanted, choice=KeysChoice(cause=f"on {choice.source}: {why}"))
    steps = []
    for server in wanted.holders:
        there, right = _state(found, server, wanted), keys_as_on(wanted, state)
        if server == choice.source or server not in found or there == right:
            continue
        if isinstance(there, OtherState):
            return KeysPlan(wanted=wanted, choice=KeysChoice(cause=f"on {server}: {there.what}"))
        steps.append(PlaceStep(server=server, place=wanted.place, before=there, after=right))
    return KeysPlan(wanted=wanted, choice=choice, steps=tuple(steps), state=state)


def _state(found: Mapping[str, FoundPlaces], server: str, wanted: WantedKeys) -> PlaceState:
    return found.get(server, {}).get(wanted.place, Absent())


def rotation(plan: KeysPlan, conf: PlaceState, fresh: bytes) -> PlaceStep:
    """The rotation on the server whose keys count. `conf`: the file that says how many there are at most; `fresh`: the new staged key.
    BadInput: it cannot be done."""
    if plan.state is None:
        raise BadInput(plan.choice.cause)
    after = rotated(plan.state, fresh, most_keys(plan.wanted, conf))
    return PlaceStep(server=plan.choice.source, place=plan.wanted.place, before=plan.state, after=after)


def most_keys(wanted: WantedKeys, conf: PlaceState) -> int:
    """How many keys a set has at most. BadInput: it is not written so that it can be known."""
    if wanted.limit is None:
        raise BadInput(f"{wanted.place} is not rotated from here")
    if not isinstance(conf, FileState):
        raise BadInput(f"{wanted.limit.file} cannot be read, so it is not known how many keys there may be")
    entry = WantedEntry(place=wanted.limit.file, section=wanted.limit.section, key=wanted.limit.key, value="", syntax="oslo")
    value = entry_value(conf.content, entry)
    if value is None:
        return wanted.limit.usual
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= 60:
        raise BadInput(f"{wanted.limit.file}: {entry.name} is {value[:40]!r}; a number from 1 to 60 is understood")
    return int(value)


def primary(state: KeysState) -> int:
    """The number of the key that signs."""
    return max((int(name) for name, file in state.files.items() if name.isdecimal() and file.content), default=0)
