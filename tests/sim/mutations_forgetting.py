"""What must hold where names are forgotten, with one clause taken out at a time: each is missed in a story (`sim/test_forgetting.py`)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from understudy.daemon.epochs import Epochs
from understudy.daemon.mirror import Mirror
from understudy.model.names import ResourceName
from understudy.model.position import Position
from understudy.model.view import Assignment, View
from understudy.policy import decide, forgetting
from understudy.policy.plan import Step
from understudy.registry import keys

Mutation = Callable[[Any], None]


def take_a_start_for_a_release(patch: Any) -> None:
    """What was started here is forgotten as soon as the registry does not know it."""
    original = Epochs.remember

    async def remember(self: Epochs, resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
        return await original(self, resource, epoch, released=True)

    patch.setattr(Epochs, "remember", remember)


def forget_who_holds_it(patch: Any) -> None:
    """What is registered no more is forgotten, whoever may be running it."""

    def deleted(view: View) -> tuple[ResourceName, ...]:
        return tuple(name for name in view.assignments if name not in view.definitions)

    patch.setattr(forgetting, "_deleted", deleted)


def leave_the_floor(patch: Any) -> None:
    """The floor does not rise to what is forgotten."""
    original = forgetting.forget

    def forget(view: View, *rest: Any) -> tuple[Step, float | None]:
        step, at = original(view, *rest)
        return replace(step, cluster=view.cluster) if step else step, at

    patch.setattr(decide, "forget", forget)


def give_epochs_below_the_floor(patch: Any) -> None:
    """The next epoch is one more than the last of that name."""
    patch.setattr(View, "next_epoch", lambda self, epoch: epoch + 1)


def keep_the_guards_floor_to_oneself(patch: Any) -> None:
    """The look does not tell what the guard has forgotten."""
    patch.setattr(Epochs, "above_the_floor", lambda self, view: 0)


def forget_what_was_given_before(patch: Any) -> None:
    """The guard is not told of what was given under an epoch below its floor to be."""
    original = Epochs._holds

    def holds(self: Epochs, one: Assignment) -> bool:
        return one.resource in self._highest and original(self, one)

    patch.setattr(Epochs, "_holds", holds)


def compare_positions_with_assignments_alone(patch: Any) -> None:
    """That assignments were deleted is taken for a registry that went back."""

    def standing(self: Mirror, *named: str) -> Position:
        kept = original(self)
        acted = [revision for key, revision in self._revisions.items() if key.startswith(keys.ASSIGNMENT) or key in named]
        return kept._replace(revision=max(acted, default=0)) if named else kept

    original = Mirror.standing
    patch.setattr(Mirror, "standing", standing)
