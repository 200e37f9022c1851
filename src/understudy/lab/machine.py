"""What this machine must offer for a lab; one sentence if it does not.

Called before anything is made. Standard library only.
"""

import os

from understudy.errors import LabError
from understudy.lab import cgroups, kernel

_NAMESPACES = (
    kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWCGROUP | kernel.CLONE_NEWPID
)


def refusal() -> str | None:
    """Why no lab can be made on this machine; None if one can."""
    if os.geteuid() != 0:
        return "a lab needs root: run this command as root"
    child = os.fork()
    if child == 0:
        try:
            kernel.unshare(_NAMESPACES)
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        return "a lab needs namespaces, and this machine refuses to make them: use one where root may (in a container: a privileged one)"
    try:
        cgroups.version_2_mount()
    except LabError as error:
        return str(error)
    return None


def require() -> None:
    """LabError if no lab can be made here."""
    if why := refusal():
        raise LabError(why)
