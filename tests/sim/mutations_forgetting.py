"""What must hold where names are forgotten, with one clause taken out at a time: each is missed in a story (`sim/test_forgetting.py`)."""

from collections.abc import Collection
from dataclasses import replace

from cutting import Patch, exchange
from understudy.daemon.epochs import Epochs
from understudy.daemon.mirror import Mirror
from understudy.model.names import ResourceName
from understudy.model.position import Position
from understudy.model.view import Assignment, View
from understudy.policy import forgetting
from understudy.policy.plan import Memory, Step
from understudy.registry import keys


def take_a_start_for_a_release(patch: Patch) -> None:
    """What was started here is forgotten as soon as the registry does not know it."""
    original = Epochs.remember

    async def remember(self: Epochs, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        return await original(self, resource, epoch, released=True)

    exchange(patch, Epochs.remember)(remember)


def forget_who_holds_it(patch: Patch) -> None:
    """What is registered no more is forgotten, whoever may be running it."""

    def deleted(view: View, among: Collection[ResourceName]) -> tuple[ResourceName, ...]:
        return tuple(name for name in view.assignments if name not in view.definitions)

    exchange(patch, forgetting._deleted)(deleted)


def leave_the_floor(patch: Patch) -> None:
    """The floor does not rise to what is forgotten."""
    original = forgetting.forget

    def forget(view: View, now: float, memory: Memory, among: Collection[ResourceName]) -> tuple[Step, float | None]:
        step, at = original(view, now, memory, among)
        return replace(step, cluster=view.cluster) if step else step, at

    exchange(patch, forgetting.forget)(forget)


def give_epochs_below_the_floor(patch: Patch) -> None:
    """The next epoch is one more than the last of that name."""
    exchange(patch, View.next_epoch)(lambda self, epoch: epoch + 1)


def keep_the_guards_floor_to_oneself(patch: Patch) -> None:
    """The look does not report what the guard has forgotten."""
    exchange(patch, Epochs.above_the_floor)(lambda self, view: 0)


def forget_what_was_given_before(patch: Patch) -> None:
    """The guard is not asked to remember what was given under an epoch below its next floor."""
    original = Epochs._holds

    def holds(self: Epochs, assignment: Assignment) -> bool:
        return assignment.resource in self._highest and original(self, assignment)

    exchange(patch, Epochs._holds)(holds)


def compare_positions_with_assignments_alone(patch: Patch) -> None:
    """That assignments were deleted is taken for a registry that went back."""

    def standing(self: Mirror, *named: str) -> Position:
        kept = original(self)
        acted = [revision for key, revision in self._revisions.items() if key.startswith(keys.ASSIGNMENT) or key in named]
        return kept._replace(revision=max(acted, default=0)) if named else kept

    original = Mirror.standing
    exchange(patch, Mirror.standing)(standing)


def forget_before_all_know(patch: Patch) -> None:
    """A name is forgotten although an older daemon does not know of the floor."""
    exchange(patch, forgetting._all_know)(lambda view, memory: True)
