"""A change of definitions (resources, types, pools): what it writes, and what it does to what runs, shown before it is done.

Made by the modules that modify or delete. `policy/impact.py` says what follows. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from understudy.intent.edit import Edit
from understudy.intent.refusal import Declined
from understudy.model.cardinality import apart
from understudy.model.messages import line
from understudy.model.names import ResourceName, registered_name
from understudy.model.view import View
from understudy.policy.impact import Fate, Impact, impact
from understudy.policy.sentences import no_candidate, sentence_about

Attributes = Mapping[ResourceName, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A change of definitions, as decided from one View."""

    edit: Edit
    after: View
    """The View in which it is made."""
    restarting: Attributes = field(default_factory=dict)
    """What was started with a value that changes, and which attributes these are."""


def allowed(view: View, what: str, draft: Draft, *, force: bool) -> tuple[Impact, ...]:
    """What the change does to what runs. Declined, with each that would stop, move or restart, unless forced. `what` is the name of what
    is changed."""
    found = impact(view, draft.after, draft.restarting) if not draft.edit.empty else ()
    if found and not force:
        raise _refusal(what, draft, found)
    return found


def restarted(draft: Draft, found: Sequence[Impact]) -> tuple[ResourceName, ...]:
    """Of what a change affects, that which has to be stopped under the definition with which it was started."""
    affected = {registered_name(effect.resource) for effect in found}
    return tuple(name for name in draft.restarting if name in affected)


def impact_lines(view: View, found: Sequence[Impact], attributes: Attributes | None = None) -> tuple[str, ...]:
    """One line for each thing that stops, moves or restarts. `view` is the one after the change."""
    return tuple(_line(view, effect, attributes or {}) for effect in found)


def _line(view: View, effect: Impact, attributes: Attributes) -> str:
    why, view = "" if effect.why is None else sentence_about(effect.why, effect.resource), apart(view)
    if effect.fate is Fate.MOVES:
        return line(20151, effect.resource, effect.server, effect.to, effect.server, why)
    if effect.by is None and effect.fate is Fate.STOPS and view.resources[effect.resource].local:
        return line(20562, effect.resource, effect.server, why)
    if effect.by is None and effect.fate is Fate.STOPS and view.resources[effect.resource].beyond:
        return line(20645, effect.resource, effect.server, why)
    if effect.by is None and effect.fate is Fate.STOPS:
        return line(20150, effect.resource, effect.server, no_candidate(view, effect.resource))
    if effect.by is None:
        given = ", ".join(attributes.get(registered_name(effect.resource), ()))
        return line(20152, effect.resource, effect.server, f"it was started with the old {given}")
    if effect.fate is Fate.RESTARTS:
        return line(20152, effect.resource, effect.server, f"it stands on '{effect.by}'")
    return line(20153, effect.resource, effect.server, f"it stands on '{effect.by}', which will not be up there. Its TARGET stays ONLINE")


def _refusal(what: str, draft: Draft, found: Sequence[Impact]) -> Declined:
    attributes = dict.fromkeys(name for names in draft.restarting.values() for name in names)
    if attributes and all(effect.fate is Fate.RESTARTS for effect in found):
        affected = ", ".join(f"'{name}'" for name in dict.fromkeys(effect.resource for effect in found))
        return Declined(20030, ", ".join(attributes), affected)
    return Declined(2529, what, found[0].resource, below=impact_lines(draft.after, found, draft.restarting))
