"""A plan in steps that the registry takes: of what holds each for itself as much as one commit may hold, of a group always all.

Called by the leader, which knows what one commit may hold; policy does not. Values only.
"""

from collections.abc import Iterator
from dataclasses import replace

from understudy.model.events import ASSIGNED, REFUSED
from understudy.policy.plan import Step

OF_A_GROUP = (ASSIGNED, REFUSED)
"""Notes about where a group belongs; all others are about the incarnations that change in the same step."""


def bounded(step: Step, most: int) -> Iterator[Step]:
    """The step in parts that rest on at most so many records each. A group is never divided: where it is still too large the registry
    refuses all of it.

    Each part is as good as the whole: the next decision, from the View that it leads to, goes on with the rest.
    """
    if weight(step) <= most:
        yield step
    elif step.group:
        yield from _of_a_group(step, most)
    else:
        yield from _apart(step, most)


def weight(step: Step) -> int:
    """Of how many records' revisions its commit depends, without those on which every commit does."""
    incarnations = {life.incarnation for life in step.incarnations} | set(step.forgotten)
    incarnations |= {holder.incarnation for assignment in step.assignments for holder in assignment.holders}
    records = (step.assignments, step.targets, step.fulfilled, step.names, step.names, step.reports)  # of a name: assignment, definition
    return len(incarnations) + sum(map(len, records)) + (step.cluster is not None)


def _of_a_group(step: Step, most: int) -> Iterator[Step]:
    """The incarnations first, if there are any: what the group's place rests on stays true without it. Then the group with as many of its
    requests as there is room for, at least the first, for which it moves: left behind, that would move it again, without end. Those that
    are left are answered when this is done."""
    if step.incarnations:
        yield Step(incarnations=step.incarnations, notes=tuple(note for note in step.notes if note.kind not in OF_A_GROUP))
        step = replace(step, incarnations=(), notes=tuple(note for note in step.notes if note.kind in OF_A_GROUP))
    surplus = max(0, weight(step) - most)
    if step.assignments:
        fitting = step.fulfilled[: len(step.fulfilled) - surplus] if surplus < len(step.fulfilled) else ()
        yield replace(step, fulfilled=fitting or step.fulfilled)
    else:
        yield from _apart(step, most)


def _apart(step: Step, most: int) -> Iterator[Step]:
    """One record after the other, as many as there is room for; the notes go with the first part."""
    notes, part = step.notes, Step(group=step.group)
    for single in _singles(step):
        more = _added(part, single)
        if part and weight(more) > most:
            yield replace(part, notes=notes)
            notes, more = (), single
        part = more
    yield replace(part, notes=notes)


def _singles(step: Step) -> Iterator[Step]:
    yield from (Step(incarnations=(life,)) for life in step.incarnations)
    yield from (Step(assignments=(assignment,)) for assignment in step.assignments)
    yield from (Step(targets=(target,)) for target in step.targets)
    yield from (Step(fulfilled=(request,)) for request in step.fulfilled)
    yield from (Step(forgotten=(incarnation,)) for incarnation in step.forgotten)
    for name in step.names:  # each with the floor that says what its epoch was
        yield Step(names=(name,), reports=tuple(report for report in step.reports if report[0] == name), cluster=step.cluster)
    if step.cluster is not None and not step.names:
        yield Step(cluster=step.cluster)


def _added(part: Step, single: Step) -> Step:
    return Step(
        incarnations=part.incarnations + single.incarnations,
        assignments=part.assignments + single.assignments,
        targets=part.targets + single.targets,
        fulfilled=part.fulfilled + single.fulfilled,
        forgotten=part.forgotten + single.forgotten,
        names=part.names + single.names,
        reports=part.reports + single.reports,
        cluster=single.cluster or part.cluster,
    )
