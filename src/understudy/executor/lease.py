"""The guard's lease, as the executor asks about it before every action that changes anything (S4). Never writes it, never remembers it."""

from pathlib import Path

from understudy.linux.lease import read_lease
from understudy.ports import ActionRequest


def holder(path: Path) -> str | None:
    """The incarnation whose lease is valid at this instant; None: there is none."""
    lease = read_lease(str(path))
    return lease.incarnation.hex() if lease.left_s() > 0 else None


def needs_lease(request: ActionRequest, *, leased: bool) -> bool:
    """Whether the lease is read before this action, by a kind whose resources need one (`leased`). A check changes nothing: it may run
    without, unless it was asked for under an incarnation."""
    return (leased and request.action != "check") or request.incarnation is not None


def why_not(held_by: str | None, incarnation: str | None) -> str | None:
    """Why no action may begin now under this incarnation (None: whichever holds the lease); None if one may."""
    if held_by is None:
        return "no lease: nothing may begin on this server"
    if incarnation not in (None, held_by):
        return f"the lease is of incarnation {held_by}, the action is for {incarnation}"
    return None
