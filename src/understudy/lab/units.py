"""What a host whose first process is systemd has on its disk besides: the project's units, what is enabled, a journal that survives.

Called by `disk.py` when the disk is made, and by `Lab`, which asks where the processes of a service are. The units are those of
packaging/systemd, or of the installed package, unchanged; nothing here has units of its own.
"""

import json
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.errors import LabError
from understudy.lab.places import project_root
from understudy.lab.plan import REGISTRY_PROCESS, Host

ETCD_SETTINGS = "etc/understudy/etcd.yaml"
_UNITS = "usr/lib/systemd/system"
_WANTED = "etc/systemd/system/multi-user.target.wants"
_TARGET = "understudy.target"
_SLICE = "understudy.slice"
_TLS = ("client-cert-auth", "trusted-ca-file", "cert-file", "key-file")


def write_units(disk: Path, host: Host) -> None:
    """Put them on the disk; `understudy.target` is enabled if the host is to run anything."""
    (disk / _UNITS).mkdir(parents=True, exist_ok=True)
    for unit in _units():
        shutil.copyfile(unit, disk / _UNITS / unit.name)
    if host.services:
        (disk / _WANTED).mkdir(parents=True, exist_ok=True)
        (disk / _WANTED / _TARGET).symlink_to(f"/{_UNITS}/{_TARGET}")
    for service in host.services:
        if service.name == REGISTRY_PROCESS:
            (disk / ETCD_SETTINGS).write_text(etcd_settings(service.command))


def write_machine(disk: Path) -> None:
    """What every machine with systemd has: an id of its own, and a journal that survives."""
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


def etcd_settings(command: Sequence[str]) -> str:
    """The same as an etcd's command line, as its configuration file: what is no flag there has the same name here, but for TLS."""
    flags = dict(_flags(command[1:]))
    sections: dict[str, dict[str, Any]] = {}
    for section, prefix in (("client-transport-security", ""), ("peer-transport-security", "peer-")):
        sections[section] = {name: flags.pop(f"{prefix}{name}") for name in _TLS}
    # what a command line has by default, a file has to ask for; JSON is YAML
    return json.dumps({**flags, "enable-grpc-gateway": True, **sections}, indent=1) + "\n"


def _flags(words: Sequence[str]) -> list[tuple[str, Any]]:
    """`--name value` as name and value, with the types that the file wants; a flag without a value is true."""
    found: list[tuple[str, Any]] = []
    for word in words:
        if word.startswith("--"):
            found.append((word.removeprefix("--"), True))
        else:
            name, _ = found.pop()
            found.append((name, int(word) if name in ("heartbeat-interval", "election-timeout") else word))
    return found
