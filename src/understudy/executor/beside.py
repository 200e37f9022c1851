"""Which actions of one resource may run beside each other, and which gives way. Pure; real and false executor go by it."""

from understudy.model.actions import ActionName

_LOOKING: tuple[ActionName, ...] = ("check", "custom")
"""What changes nothing of whether it runs."""


def in_the_way(action: ActionName, other: ActionName) -> bool:
    """Whether one that is in flight keeps this one from beginning as things are. An abort runs beside what it aborts."""
    return action != "abort" and not (action != other and action in _LOOKING and other in _LOOKING)


def gives_way(action: ActionName, other: ActionName) -> bool:
    """Whether the one in flight, being in the way, is ended for it: a check, or a custom action, for what starts or stops the resource."""
    return other in _LOOKING and action not in _LOOKING
