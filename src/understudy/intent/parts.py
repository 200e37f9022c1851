"""An edit in parts that hold each for itself, for a registry that takes only so much in one commit. Pure.

What is wanted of one group is wanted whatever becomes of another's: TARGETs and requests are divided by the groups that the requests
name. What is registered or forgotten together is not divided. Called by `daemon/verbs/world.py` and by the simulator's operators.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.model.names import ResourceName, registered_name
from understudy.model.view import Request, TargetRecord

Item = TypeVar("Item")
PartOf = Mapping[ResourceName, frozenset[ResourceName]]


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
    parts = sorted(dict.fromkeys(part_of.values()), key=lambda names: not names.isdisjoint(written))
    return _made(edit, parts, part_of)


def together(edits: Sequence[Edit]) -> Edit:
    """All of them, as TARGETs and requests; where several say something of a resource, the last counts."""
    targets: dict[ResourceName, TargetRecord | None] = {}
    for edit in edits:
        targets.update(edit.targets)
    return replace(
        edits[-1],
        targets=targets,
        requests=tuple(request for edit in edits for request in edit.requests),
        history=tuple(entry for edit in edits for entry in edit.history),
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
        named = (each for name in request.resources for each in (name, registered_name(name)) if each in part_of)
        whole = frozenset(member for name in named for member in part_of[name])
        part_of |= dict.fromkeys(whole, whole)
    return part_of


def _made(edit: Edit, parts: Iterable[frozenset[ResourceName]], part_of: PartOf) -> tuple[EditPart, ...]:
    targets, rests = _by_part(edit.targets, _itself, part_of), edit.rests
    requests, history = _by_part(edit.requests, _first_named, part_of), _by_part(edit.history, _about, part_of)
    resources, assignments = _by_part(rests.resources, _itself, part_of), _by_part(rests.assignments, _itself, part_of)
    rested_targets = _by_part(rests.targets, _itself, part_of)
    return tuple(
        EditPart(
            names=names,
            edit=Edit(
                targets={name: edit.targets[name] for name in targets.get(names, ())},
                requests=tuple(requests.get(names, ())),
                rests=Rests(
                    resources=tuple(resources.get(names, ())),
                    targets=tuple(rested_targets.get(names, ())),
                    assignments=tuple(assignments.get(names, ())),
                ),
                history=tuple(history.get(names, ())),
            ),
        )
        for names in parts
    )


def _by_part(
    items: Iterable[Item], name_of: Callable[[Item], ResourceName | None], part_of: PartOf
) -> dict[frozenset[ResourceName], list[Item]]:
    """Gone through once, however many parts there are."""
    found: dict[frozenset[ResourceName], list[Item]] = {}
    for item in items:
        if (name := name_of(item)) is not None:
            found.setdefault(part_of[name], []).append(item)
    return found


def _itself(name: ResourceName) -> ResourceName:
    return name


def _first_named(request: Request) -> ResourceName | None:
    """All that a request names are of one part."""
    return next(iter(request.resources), None)


def _about(entry: HistoryEntry) -> ResourceName | None:
    return entry.resource
