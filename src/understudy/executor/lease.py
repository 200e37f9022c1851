"""The guard's lease, as the executor asks about it before every action that changes anything (S4). Never writes it, never remembers it."""

from pathlib import Path

from understudy.linux.lease import read_lease


def why_not(path: Path, incarnation: str | None) -> str | None:
    """Why no action may begin now under this incarnation (None: whichever holds the lease); None if one may."""
    lease = read_lease(str(path))
    if lease.left_s() <= 0:
        return "no lease: nothing may begin on this server"
    if incarnation is not None and incarnation != lease.incarnation.hex():
        return f"the lease is of incarnation {lease.incarnation.hex()}, the action is for {incarnation}"
    return None
