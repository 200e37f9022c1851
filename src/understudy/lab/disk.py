"""What a host finds on its disk when it is switched on for the first time: names, settings, keys, commands, action
scripts.

Called by `Lab.up`, once per host, before anything is mounted: the files go straight into the upper directory of the
host's root. What the host changes later is its own and survives crash and boot.
"""

import json
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.lab import SYSTEMD, storage, units
from understudy.lab.places import Places, project_root
from understudy.lab.plan import NETWORKS, TLS, Host, LabPlan
from understudy.model.engines import ENGINES

if TYPE_CHECKING:
    from understudy.security.authority import Authority

COMMANDS = ("crsctl", "appvipcfg", "understudy")
DAEMONS = ("understudyd", "understudy-exec", "understudy-guard", "understudy-registry")
_GATEWAY = "enable-grpc-gateway: true\n"
"""Of an etcd: `members.py` moves its leadership through this."""
_GRID_HOME = "u01/app/12.1.0/grid/bin"
_ACTION_SCRIPTS = "opt/openstack-ha"
_DIRECTORIES = ("etc/understudy/keys", "var/lib/understudy", "var/log/understudy", "opt/understudy/src", "opt/understudy/bin")


def write_disk(plan: LabPlan, host: Host, places: Places, guard_key: str, authority: "Authority | None") -> None:
    """Make the disk of one host. `authority`: of an engine whose members prove themselves by certificates."""
    disk = places.disk(host.name)
    for directory in ("etc", "srv/exports", *(() if host.empty else _DIRECTORIES)):
        (disk / directory).mkdir(parents=True, exist_ok=True)
    (disk / "etc/hostname").write_text(f"{host.name}\n")
    (disk / "etc/hosts").write_text(_hosts_text(plan))
    (disk / "etc/resolv.conf").write_text("")
    if not plan.bare:
        _configure(plan, host, disk, guard_key, authority)
    _write_executable(disk / storage.MOUNT_HELPER.lstrip("/"), storage.MOUNT_HELPER_TEXT)
    (disk / "etc/openstack-ha-data.conf").write_text("".join(map(_data_settings, storage.EXPORTS)))
    if host.empty:
        _hide(disk / "opt/understudy")
    else:
        _link_commands(disk)
        _install_action_scripts(disk)
    if host.init == SYSTEMD:
        units.write_machine(disk)
        if not host.empty:
            units.write_units(disk, host)


def _data_settings(export: str) -> str:
    """What the action scripts read of a service's directory on shared storage."""
    name = export.removesuffix("_data")
    prefix = f"{name.upper()}_DATA"
    return f"{prefix}_EXPORT='{storage.FILE_SERVER}:/{export}'\n{prefix}_PATH='/var/lib/{name}'\n"


def _hide(path: Path) -> None:
    """What the image has at this place is not there: as the overlay of a host's root has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def _configure(plan: LabPlan, host: Host, disk: Path, guard_key: str, authority: "Authority | None") -> None:
    _write_private(disk / "etc/understudy/keys/guard.key", f"{guard_key}\n")
    if authority is not None and host.name in (*plan.servers, *plan.registry_hosts):  # whoever has one may write to the registry
        _write_certificate(disk, host, authority)
    if host.name in plan.servers:
        (disk / "etc/understudy/understudy.toml").write_text(settings_text(plan, host))
    if host.name in plan.registry_hosts:
        path, text = plan.registry_file(host.name)
        if text:
            (disk / path.lstrip("/")).write_text(f"{text}{_GATEWAY}" if ENGINES[plan.engine].tls else text)


def settings_text(plan: LabPlan, host: Host) -> str:
    """The host's understudy.toml."""
    management = next(network for network in NETWORKS if network.name == "management")
    lines = [
        "[cluster]",
        f'name = "{plan.name}"',
        f"pause_tolerance = {plan.pause_tolerance}",
        "",
        "[server]",
        f'name = "{host.name}"',
        "",
        "[registry]",
        f'engine = "{plan.engine}"',
        f"endpoints = {json.dumps(plan.registry_endpoints)}",
        *([f'ca = "{TLS.ca}"', f'certificate = "{TLS.certificate}"', f'key = "{TLS.key}"'] if ENGINES[plan.engine].tls else []),
        "",
        "[network.1]",
        f'subnet = "{management.subnet}"',
        f'interface = "{management.interface}"',
    ]
    if plan.ipv6:
        lines += ["", "[network.2]", f'subnet = "{management.subnet6}"', f'interface = "{management.interface}"']
    for name in plan.servers:
        server = plan.host(name)
        interconnect = server.address6("interconnect") if plan.ipv6 else server.address("interconnect")
        lines += ["", f"[servers.{name}]", f'addresses = ["{server.address("management")}", "{interconnect}"]']
    return "\n".join(lines) + "\n"


def _hosts_text(plan: LabPlan) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    for host in plan.hosts:
        for link in host.links:
            suffix = {"management": "", "interconnect": "-ic", "public": "-pub", "vm": "-vm"}[link.network]
            names = [f"{host.name}{suffix}"] if len(host.links) > 1 else [host.name]
            lines.append(f"{link.address} {' '.join(names)}")
    return "\n".join(lines) + "\n"


def _link_commands(disk: Path) -> None:
    for name in (*COMMANDS, *DAEMONS):
        for directory in ("usr/bin", _GRID_HOME) if name in COMMANDS[:2] else ("usr/bin",):
            (disk / directory).mkdir(parents=True, exist_ok=True)
            (disk / directory / name).symlink_to(f"/opt/understudy/bin/{name}")


def _install_action_scripts(disk: Path) -> None:
    shutil.copytree(
        project_root() / "src/understudy/openstack/scripts", disk / _ACTION_SCRIPTS, ignore=shutil.ignore_patterns("__pycache__")
    )


def _write_certificate(disk: Path, host: Host, authority: "Authority") -> None:
    addresses = [address for link in host.links for address in (link.address, link.address6) if address]
    issued = authority.issue(host.name, addresses)
    (disk / TLS.ca.lstrip("/")).write_text(authority.certificate)
    (disk / TLS.certificate.lstrip("/")).write_text(issued.certificate)
    _write_private(disk / TLS.key.lstrip("/"), issued.key)


def _write_executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
