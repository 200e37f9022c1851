"""A plan in steps that the registry takes: of what holds each for itself as much as one commit may hold, of a group always all.

Called by the leader, which knows what one commit may hold; policy does not. Values only.
"""

from collections.abc import Iterator
from dataclasses import replace

from understudy.model.events import ASSIGNED, REFUSED
from understudy.policy.plan import Step

OF_A_GROUP = (ASSIGNED, REFUSED)
"""Notes about where a group belongs; all others are about the lives that change in the same step."""


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
    lives = {one.incarnation for one in step.lives} | set(step.forgotten)
    lives |= {holder.incarnation for one in step.assignments for holder in one.holders}
    records = (step.assignments, step.targets, step.fulfilled, step.names, step.names, step.reports)  # of a name: assignment, definition
    return len(lives) + sum(map(len, records)) + (step.cluster is not None)


def _of_a_group(step: Step, most: int) -> Iterator[Step]:
    """The lives first, if there are some: what the group's place rests on stays true without it. Then the group with as many of its
    requests as there is room for; those that are left are answered when this is done."""
    if step.lives:
        yield Step(lives=step.lives, notes=tuple(one for one in step.notes if one.kind not in OF_A_GROUP))
        step = replace(step, lives=(), notes=tuple(one for one in step.notes if one.kind in OF_A_GROUP))
    surplus = max(0, weight(step) - most)
    if step.assignments:
        yield replace(step, fulfilled=step.fulfilled[: max(0, len(step.fulfilled) - surplus)])
    else:
        yield from _apart(step, most)


def _apart(step: Step, most: int) -> Iterator[Step]:
    """One record after the other, as many as there is room for; the notes go with the first part."""
    notes, part = step.notes, Step(group=step.group)
    for one in _singles(step):
        more = _added(part, one)
        if part and weight(more) > most:
            yield replace(part, notes=notes)
            notes, more = (), one
        part = more
    yield replace(part, notes=notes)


def _singles(step: Step) -> Iterator[Step]:
    yield from (Step(lives=(one,)) for one in step.lives)
    yield from (Step(assignments=(one,)) for one in step.assignments)
    yield from (Step(targets=(one,)) for one in step.targets)
    yield from (Step(fulfilled=(one,)) for one in step.fulfilled)
    yield from (Step(forgotten=(one,)) for one in step.forgotten)
    for name in step.names:  # each with the floor that says what its epoch was
        yield Step(names=(name,), reports=tuple(one for one in step.reports if one[0] == name), cluster=step.cluster)
    if step.cluster is not None and not step.names:
        yield Step(cluster=step.cluster)


def _added(part: Step, one: Step) -> Step:
    return Step(
        lives=part.lives + one.lives,
        assignments=part.assignments + one.assignments,
        targets=part.targets + one.targets,
        fulfilled=part.fulfilled + one.fulfilled,
        forgotten=part.forgotten + one.forgotten,
        names=part.names + one.names,
        reports=part.reports + one.reports,
        cluster=one.cluster or part.cluster,
    )
