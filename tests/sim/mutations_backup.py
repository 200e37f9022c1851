"""What must hold when a backup is restored, with one clause taken out at a time: each is missed in a story (`sim/test_set_back.py`)."""

from dataclasses import replace
from typing import Any

from cutting import Patch, cut, exchange
from understudy.daemon import written
from understudy.intent import backup
from understudy.intent.backup import EPOCHS_APART, Backup, epochs_of
from understudy.intent.edit import Edit
from understudy.model.names import ResourceName
from understudy.model.view import Assignment, View
from understudy.registry import keys


def leave_the_floor_where_it_is(patch: Patch) -> None:
    """Epochs go on from where the new registry has them."""
    exchange(patch, backup.floor_of)(lambda view, backup, wall: view.epoch_floor)


def go_on_from_the_backups_epochs(patch: Patch) -> None:
    """Those that were given after it was made are given once more."""

    exchange(patch, backup.floor_of)(lambda view, backup, wall: max((view.epoch_floor, *backup.epochs.values())))


def take_the_time_in_seconds(patch: Patch) -> None:
    """Two restores within one second cannot both stand at the time: the second leads the epochs away from it."""

    def floor(view: View, backup: Backup, wall: float) -> int:
        known = max((view.epoch_floor, *epochs_of(view).values(), *backup.epochs.values()))
        return int(wall) if int(wall) > known else known + EPOCHS_APART

    exchange(patch, backup.floor_of)(floor)


def restore_assignments(patch: Patch) -> None:
    """Each resource belongs again to whom it belonged when the backup was made, and that counts at once."""
    kept: dict[ResourceName, Assignment] = {}
    epochs_of, records = backup.epochs_of, written.records

    def made(view: View) -> dict[ResourceName, int]:
        kept.update({name: kept.get(name, assignment) for name, assignment in view.assignments.items()})
        return epochs_of(view)

    def written_with(edit: Edit) -> dict[str, Any]:
        found = records(edit)
        if edit.cluster is not None:
            era = edit.cluster.era
            found |= {keys.assignment(name): replace(assignment, era=era) for name, assignment in kept.items()}
        return found

    exchange(patch, backup.epochs_of)(made)
    exchange(patch, written.records)(written_with)


def stay_in_the_old_era(patch: Patch) -> None:
    """Assignments of before the restore count as they stand."""
    cut(patch, backup.new_era, "era=era, ", "")
