"""What a host whose first process is systemd has on its disk besides: the project's units, what is enabled, a journal that survives.

Called by `disk.py` when the disk is made, and by `Lab`, which asks where the processes of a service are. The units are those of
packaging/systemd, or of the installed package, unchanged; nothing here has units of its own.
"""

import shutil
import uuid
from pathlib import Path

from understudy.errors import LabError
from understudy.lab.places import project_root
from understudy.lab.plan import REGISTRY_PROCESS, Host

_UNITS = "usr/lib/systemd/system"
_WANTED = "etc/systemd/system/multi-user.target.wants"
_TARGET = "understudy.target"
_SLICE = "understudy.slice"


def write_units(disk: Path, host: Host) -> None:
    """Put them on the disk; `understudy.target` is enabled if the host is to run anything."""
    (disk / _UNITS).mkdir(parents=True, exist_ok=True)
    for unit in _units():
        shutil.copyfile(unit, disk / _UNITS / unit.name)
    if host.services:
        (disk / _WANTED).mkdir(parents=True, exist_ok=True)
        (disk / _WANTED / _TARGET).symlink_to(f"/{_UNITS}/{_TARGET}")
    (disk / "var/log/journal").mkdir(parents=True, exist_ok=True)
    (disk / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")


def _units() -> list[Path]:
    """The files of the checkout, or of the package where there is no checkout."""
    folders = (project_root() / "packaging/systemd", Path("/usr/lib/systemd/system"))
    for folder in folders:
        if found := sorted(folder.glob("understudy*")):
            return found
    raise LabError(f"a host with systemd needs the project's units, and there are none in {' or '.join(map(str, folders))}")


def unit_of(service: str) -> str:
    """The unit that runs a service of the plan."""
    return "understudy-etcd.service" if service == REGISTRY_PROCESS else f"{service}.service"


def group_of(service: str) -> str:
    """Where systemd has the processes of a service, below the host's control group."""
    return f"{_SLICE}/{unit_of(service)}"
