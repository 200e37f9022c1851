"""What a guard remembers of epochs: nothing starts here below the highest of a name (S2), and which names it may forget. Pure.

A name is forgotten once it is registered no more and was released here. All that is remembered of such names is one number, their
**floor**: what is not remembered starts only above it. Why that is enough: docs/design/0008-forgotten-names.md.
Called by: `guard/answers.py`, and the simulator's Guard port.
Must never: forget what may be running here, or a name on the word of a registry that has not reached its epoch.
"""

from typing import NamedTuple


class Remembered(NamedTuple):
    """The highest epoch that was seen of a name."""

    epoch: int
    released: bool = False
    """Nothing of it is here under this epoch: it was released, or a new incarnation has begun since, which needs everything seen gone."""


def admitted(before: Remembered | None, floor: int, epoch: int, *, released: bool) -> bool:
    """Whether something may be done under this epoch: start (`released` false), or release what is held under it, after which nothing
    starts below it."""
    if before is not None:
        return epoch >= before.epoch
    return epoch > floor or (released and epoch <= floor)  # a release at or below the floor: nothing starts there anyway


def noted(before: Remembered | None, floor: int, epoch: int, *, released: bool) -> Remembered | None:
    """What is remembered of the name from then on; None: nothing, as the floor says as much."""
    if before is None and epoch <= floor:
        return None
    return Remembered(epoch, released)


def forgettable(remembered: Remembered, floor: int) -> bool:
    """Whether the floor says all that has to be remembered of a name that is registered no more."""
    return remembered.released and remembered.epoch <= floor
