"""Keys on the servers: looked at, copied from where they are newest, rotated. What is decided: `core/keysets.py`, `core/keyplan.py`.

A step is conditional on what was found, so whoever does the same at the same time is not undone: the step is refused, and the next look
sees what is there then. An interruption anywhere leaves a set from which the same command goes on. Must never: show a key.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from understudy.errors import BadInput
from understudy.openstack.core.compare import FoundPlaces
from understudy.openstack.core.keyplan import KeysPlan, keys_plan, primary, rotation
from understudy.openstack.core.plan import PlaceStep
from understudy.openstack.core.states import OtherState
from understudy.openstack.core.wanted import WantedKeys
from understudy.openstack.ground import NotDone, NotReached, ServerGround
from understudy.openstack.kept import FormerStates


@dataclass(slots=True)
class KeysOutcome:
    """What has become of one directory. `source`: whose keys all have that are not in `left`; empty: no server's, and `cause` says why."""

    place: str
    source: str = ""
    cause: str = ""
    conflict: bool = False
    servers: tuple[str, ...] = ()
    copied: list[str] = field(default_factory=list)
    """Servers that have them from now on, or would."""
    left: dict[str, str] = field(default_factory=dict)
    """Server -> why it has not got them."""
    away: Mapping[str, str] = field(default_factory=dict)
    """Server -> why it is not known what it has."""
    signs: int = 0
    """Which key signs after a rotation; 0: there was none."""

    def agreed(self) -> bool:
        """All have the same keys."""
        return bool(self.source) and not self.left and not self.away


def look_keys(wanted: Sequence[WantedKeys], grounds: Mapping[str, ServerGround]) -> tuple[dict[str, FoundPlaces], dict[str, str]]:
    """What is there on each server, and which could not be looked at, and why."""
    found: dict[str, FoundPlaces] = {}
    away: dict[str, str] = {}
    for server in dict.fromkeys(holder for item in wanted for holder in item.holders):
        try:
            found[server] = grounds[server].look([(item.place, True) for item in wanted if server in item.holders])
        except (NotReached, NotDone) as error:
            away[server] = str(error)
    return found, away


def agree(
    wanted: Sequence[WantedKeys], grounds: Mapping[str, ServerGround], kept: FormerStates | None, *, chosen: str = ""
) -> list[KeysOutcome]:
    """The newest keys to every server. `chosen`: those of this one, whatever is lost: former versions are kept, as by apply. `kept`: where;
    None: nothing is changed, only said. OSError."""
    found, away = look_keys(wanted, grounds)
    return [_carried_out(keys_plan(item, found, chosen), grounds, kept, away, lost=bool(chosen)) for item in wanted]


def rotate(wanted: WantedKeys, grounds: Mapping[str, ServerGround], kept: FormerStates | None) -> KeysOutcome:
    """One rotation, and the copies. Only where all servers have the same keys before: one that missed two rotations would have none of
    those that sign. `kept` as in `agree`. OSError; BadInput: the set cannot be rotated; NotReached, NotDone: nothing was changed."""
    found, away = look_keys([wanted], grounds)
    before = keys_plan(wanted, found)
    outcome = _carried_out(before, grounds, kept, away)
    if not outcome.agreed() or (kept is None and outcome.copied):
        return outcome
    source = grounds[outcome.source]
    place = wanted.limit.file if wanted.limit else ""
    conf = source.look([(place, False)])[place] if place else OtherState(what="")
    step = rotation(before, conf, base64.urlsafe_b64encode(os.urandom(32)))
    after = keys_plan(wanted, {**_as_copied(before, found), step.server: {wanted.place: step.after}}, step.server)
    if after.state is None:
        raise BadInput(after.choice.cause)
    if kept is not None:
        kept.follow(step)
        source.put(step.place, step.before, step.after)
    outcome = _carried_out(after, grounds, kept, {})
    outcome.signs = primary(after.state)
    return outcome


def _as_copied(plan: KeysPlan, found: Mapping[str, FoundPlaces]) -> dict[str, FoundPlaces]:
    return {**found, **{step.server: {step.place: step.after} for step in plan.steps}}


def _carried_out(
    plan: KeysPlan, grounds: Mapping[str, ServerGround], kept: FormerStates | None, away: Mapping[str, str], *, lost: bool = False
) -> KeysOutcome:
    outcome = KeysOutcome(
        place=plan.wanted.place,
        source=plan.choice.source,
        cause=plan.choice.cause,
        conflict=plan.choice.conflict,
        servers=plan.wanted.holders,
        away={server: away[server] for server in plan.wanted.holders if server in away},
    )
    for step in plan.steps:
        why = "" if kept is None else _copied(step, grounds[step.server], kept, lost=lost)
        if why:
            outcome.left[step.server] = why
        else:
            outcome.copied.append(step.server)
    return outcome


def _copied(step: PlaceStep, ground: ServerGround, kept: FormerStates, *, lost: bool) -> str:
    """Empty, or why not."""
    if lost:
        kept.keep(step)
    else:
        kept.follow(step)
    try:
        ground.put(step.place, step.before, step.after)
    except (NotReached, NotDone) as error:
        return str(error)
    return ""
