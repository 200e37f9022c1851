"""An edit in parts that hold each for itself, for a registry that takes only so much in one commit. Pure.

What is wanted of one group is wanted whatever becomes of another's: TARGETs and requests are divided by the groups that the requests
name. What is registered or forgotten together is not divided. Called by `daemon/verbs/world.py` and by the simulator's operators.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from understudy.intent.edit import Edit, Rests
from understudy.model.names import ResourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPart:
    """Some of an edit."""

    names: frozenset[ResourceName]
    """What it is about: no other part is about any of these."""
    edit: Edit


def in_parts(edit: Edit) -> tuple[EditPart, ...]:
    """The parts, in the order in which they are to be written; that which only rests on something comes first."""
    if edit != replace(Edit(), targets=edit.targets, requests=edit.requests, rests=_of_resources(edit.rests), history=edit.history):
        return (EditPart(names=frozenset((*edit.resources, *edit.targets)), edit=edit),)
    part_of = _joined(edit)
    written = {*edit.targets, *(name for request in edit.requests for name in request.resources)}
    parts = dict.fromkeys(part_of.values())
    return tuple(_part(edit, names) for names in sorted(parts, key=lambda names: not names.isdisjoint(written)))


def together(first: Edit, second: Edit) -> Edit:
    """Both, as TARGETs and requests; where both say something of a resource, the second counts."""
    return replace(
        second,
        targets={**first.targets, **second.targets},
        requests=(*first.requests, *second.requests),
        history=(*first.history, *second.history),
    )


def _of_resources(rests: Rests) -> Rests:
    return Rests(resources=rests.resources, targets=rests.targets, assignments=rests.assignments)


def _joined(edit: Edit) -> dict[ResourceName, frozenset[ResourceName]]:
    """Every name that the edit is about, with all that are in its part; in the order in which the edit has them."""
    rests = edit.rests
    named = (entry.resource for entry in edit.history if entry.resource is not None)
    names = dict.fromkeys((*edit.targets, *(name for request in edit.requests for name in request.resources)))
    names |= dict.fromkeys((*rests.resources, *rests.targets, *rests.assignments, *named))
    part_of = {name: frozenset((name,)) for name in names}
    for request in edit.requests:
        whole = frozenset(member for name in request.resources for member in part_of[name])
        part_of |= dict.fromkeys(whole, whole)
    return part_of


def _part(edit: Edit, names: frozenset[ResourceName]) -> EditPart:
    def within(found: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
        return tuple(name for name in found if name in names)

    rests = edit.rests
    return EditPart(
        names=names,
        edit=Edit(
            targets={name: edit.targets[name] for name in within(edit.targets)},
            requests=tuple(request for request in edit.requests if not names.isdisjoint(request.resources)),
            rests=Rests(resources=within(rests.resources), targets=within(rests.targets), assignments=within(rests.assignments)),
            history=tuple(entry for entry in edit.history if entry.resource in names),
        ),
    )
