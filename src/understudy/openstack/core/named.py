"""Which places of a server a request from another server may be about: those that a catalogue names, and no other. Pure.

Called by the daemon that is asked (`daemon/verbs/site_places.py`), with its own catalogues: what a request says of itself does not count.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any, TypeGuard

from understudy.errors import BadInput
from understudy.openstack.core.catalogue import Catalogue
from understudy.openstack.core.desired import DROP_IN
from understudy.openstack.core.states import BOOT
from understudy.openstack.core.templates import fill

MOST_PLACES = 512
"""Of one look."""
_FORMS = {".interface}": r"[A-Za-z0-9_.-]{1,15}", ".subnet}": r"[0-9a-fA-F.:]{2,45}/[0-9]{1,3}", ".family}": r"ip6?"}
"""Facts that may stand in the name of a place, by their ends, and what may stand for each."""
NOT_NAMED = "no catalogue of a release that is installed on that server names it; [servers.NAME] ssh reaches it"


def named_places(catalogue: Catalogue) -> Iterator[str]:
    """All of one release. A path that a site chooses is named where the release has it."""
    for entry in catalogue.entry:
        yield entry.file
    for file in catalogue.file:
        yield file.path
    for line in catalogue.line:
        yield line.path
    for keys in catalogue.keys:
        yield keys.path
    for directory in catalogue.directory:
        try:
            yield fill(directory.path, catalogue.settings)
        except BadInput:
            continue  # the site alone says where it is
    for service in catalogue.service.values():
        for unit in service.units:
            drop_in = DROP_IN.format(unit=unit)
            yield from (f"{BOOT}{unit}", drop_in, drop_in.rpartition("/")[0])


def named_patterns(catalogue: Catalogue) -> Iterator[Pattern[str]]:
    """Of places whose name holds facts of the site, for whatever may stand there."""
    for rule in catalogue.firewall:
        parts = re.split(r"(\{[^}]+\})", f"{rule.program}:{rule.chain}:{rule.rule}")
        facts = [next((form for end, form in _FORMS.items() if part.endswith(end)), None) for part in parts[1::2]]
        if None not in facts:
            words = [re.escape(part) if number % 2 == 0 else facts[number // 2] or "" for number, part in enumerate(parts)]
            yield re.compile("".join(words))


@dataclass(frozen=True, slots=True)
class NamedPlaces:
    """All that are named."""

    exact: frozenset[str]
    patterns: tuple[Pattern[str], ...]

    @classmethod
    def of(cls, catalogues: Iterable[Catalogue]) -> "NamedPlaces":
        """By any of them."""
        known = tuple(catalogues)
        exact = frozenset(place for catalogue in known for place in named_places(catalogue))
        return cls(exact, tuple(pattern for catalogue in known for pattern in named_patterns(catalogue)))

    def __contains__(self, place: object) -> bool:
        return place in self.exact or (isinstance(place, str) and any(pattern.fullmatch(place) for pattern in self.patterns))


def places_asked(request: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    """The places of a request to look. BadInput: it is none."""
    places = request.get("places")
    if not isinstance(places, list) or len(places) > MOST_PLACES:
        raise BadInput(f"places are no list of at most {MOST_PLACES}")
    for pair in places:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], bool):
            raise BadInput("a place is [path, whether it is a directory of keys]")
    return tuple((place, keys) for place, keys in places)


def put_refused(request: Mapping[str, Any], named: Container[str]) -> str:
    """Why a request to change a place is not even begun; empty: it may be. BadInput: it is none."""
    place, expect, state = request.get("place"), request.get("expect"), request.get("state")
    if not isinstance(place, str) or not _is_state(expect) or not _is_state(state):
        raise BadInput("a change has place, expect and state")
    if place not in named:
        return f"{place}: {NOT_NAMED}"
    if any(_runs_as_its_owner(file) for file in (state, *state.get("files", {}).values())):
        return f"{place}: a file that runs as its owner (set-user-ID) is not made for another server"
    return ""


def _is_state(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and isinstance(value.get("kind"), str) and isinstance(value.get("files", {}), dict)


def _runs_as_its_owner(file: Any) -> bool:
    if not isinstance(file, dict) or file.get("kind") != "file":
        return False
    mode = file.get("mode")
    return not isinstance(mode, str) or len(mode) != 4 or mode[0] != "0"
