"""Servers as directories: configuration trees with the features of the distributions' real files, made by hand, and a site for them."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from understudy.openstack.core.catalogue import Catalogue
from understudy.openstack.core.desired import desired, secrets_needed
from understudy.openstack.core.site import OpenstackSite, parse_site
from understudy.openstack.core.wanted import Desired
from understudy.openstack.ground import Tree
from understudy.openstack.releases import load_release, release_names

SITE = """
release = "RELEASE"
projects = ["mysql", "rabbitmq", "keystone", "glance", "cinder", "nova", "neutron", "swift", "horizon", "placement", "memcached"]

[servers.ctr1]
roles = ["controller"]
address = "10.10.10.1"
[servers.ctr2]
roles = ["controller"]
address = "10.10.10.2"
[servers.ctr3]
roles = ["network"]
address = "10.10.10.3"

[networks.management]
subnet = "10.10.10.0/24"
interface = "eth1"
[networks.interconnect]
subnet = "10.10.20.0/24"
interface = "eth2"

[addresses]
mysql = "10.10.10.11"
rabbitmq = "10.10.10.12"
keystone = "10.10.10.13"
cinder = "10.10.10.14"
glance = "10.10.10.15"
swift = "10.10.10.16"
nova = "10.10.10.17"
neutron = "10.10.10.18"

[storage.mysql]
export = "myfileserv.example.com:/mysql_data"
[storage.rabbitmq]
export = "myfileserv.example.com:/rabbitmq_data"
[storage.glance]
export = "myfileserv.example.com:/glance_data"
[storage.cinder]
export = "myfileserv.example.com:/cinder_data"
"""
SECRET = "s3cr$t%/'@ {}"
"""With every sign that some file gives a meaning to."""
USERS = ("root", "memcache", "mysql", "rabbitmq", "keystone", "glance", "cinder", "nova", "neutron", "swift", "placement", "horizon")


def site_of(release: str, projects: Sequence[str] = ()) -> OpenstackSite:
    """`projects`: these alone."""
    text = SITE.replace("RELEASE", release)
    return parse_site(re.sub(r"projects = .*", f"projects = {json.dumps(projects)}", text) if projects else text, release_names())


def secrets_of(site: OpenstackSite, catalogue: Catalogue) -> dict[str, str]:
    return {name: SECRET.format(name) for name in secrets_needed(site, catalogue)}


def desired_of(release: str, projects: Sequence[str] = ()) -> Desired:
    """With all secrets that the release knows what to do with."""
    catalogue = load_release(release)
    site = replace(site_of(release, projects), credentials=dict.fromkeys(catalogue.secrets(), "env:SECRET"))
    return desired(site, catalogue, secrets_of(site, catalogue))


def numbers() -> dict[str, int]:
    """Of users: different ones where we may give files away, else all our own."""
    first = 64000 if os.geteuid() == 0 else None
    return {name: 0 if first is not None and not place else (first + place if first else os.geteuid()) for place, name in enumerate(USERS)}


def make_trees(folder: Path, release: str) -> dict[str, Tree]:
    """Of the three servers, as the packages leave them: with comments, old values, repeated keys and sections, and started at boot."""
    catalogue = load_release(release)
    for name in ("ctr1", "ctr2", "ctr3"):
        root = folder / name
        _users(root)
        roles = {"network"} if name == "ctr3" else {"controller"}
        files: dict[str, list[tuple[str, str]]] = {}
        for entry in catalogue.entry:
            if roles & set(entry.roles) and not entry.file.startswith("/etc/default/"):
                files.setdefault(entry.file, []).append((entry.section, entry.key))
        for number, (path, wanted) in enumerate(sorted(files.items())):
            _write(root, path, _content(path, wanted, number), _owner_of(path), "0640")
        for path, content in OTHERS[release].items():
            _write(root, path, content, "root", "0644")
        for part in catalogue.file:
            (root / part.path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        for path in ("var/lib/glance", "etc/default", "etc/rabbitmq"):
            (root / path).mkdir(parents=True, exist_ok=True)
        _boot(root, catalogue, release)
        if name == "ctr1":
            for keys in catalogue.keys:
                for number in range(3):
                    _write(root, f"{keys.path}/{number}", f"key {number} of {keys.path}\n", "keystone", "0600")
    return {name: Tree(folder / name) for name in ("ctr1", "ctr2", "ctr3")}


def _users(root: Path) -> None:
    rows = [f"{name}:x:{number}" for name, number in numbers().items()]
    _write(root, "/etc/passwd", "".join(f"{row}:{row.rpartition(':')[2]}::/:/bin/false\n" for row in rows), "", "0644")
    _write(root, "/etc/group", "".join(f"{row}:\n" for row in rows), "", "0644")


def _owner_of(path: str) -> str:
    name = path.split("/")[2]
    return name if name in USERS else "root"


def _write(root: Path, path: str, content: str, owner: str, mode: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode())
    file.chmod(int(mode, 8))
    if owner:
        os.chown(file, numbers()[owner], numbers()[owner])


def _content(path: str, keys: list[tuple[str, str]], number: int) -> str:
    """One in three with line ends of another system, one in four without a last one; every second key is there already, some of them
    twice, some commented out, some over several lines."""
    if path.endswith(("local_settings", "local_settings.py")):
        text = DJANGO
    else:
        sections: dict[str, list[str]] = {}
        for place, (section, key) in enumerate(keys):
            lines = sections.setdefault(section, [])
            lines += [f"# What {key} is for: text with = and : in it.", *_forms(key)[place % 5]]
        sections.setdefault("DEFAULT", []).insert(0, "log_dir = /var/log/$project%(x)s\nenabled_filters = first,\n    second,\n\tthird")
        text = "".join(f"[{section}]\n" + "\n".join(lines) + "\n\n" for section, lines in sections.items())
        text = f"# Configuration of {path} – by its package\n\n{text}[DEFAULT]\nmulti = one\nmulti = two\n"
    if number % 3 == 2:
        text = text.replace("\n", "\r\n")
    return text.rstrip("\r\n") if number % 4 == 3 else text


def _forms(key: str) -> tuple[list[str], ...]:
    return (
        [f"#{key} = <None>"],
        [f"{key}=old", f"{key} : older"],
        [],
        [f"{key} = old,", "   and more", f"#{key} = a default"],
        [f'{key} = "quoted"'],
    )


DJANGO = """# -*- coding: utf-8 -*-
import os
DEBUG = False
OPENSTACK_HOST = "127.0.0.1"  # where Keystone is – see below
OPENSTACK_KEYSTONE_URL = "http://%s:5000/v3" % OPENSTACK_HOST
def OPENSTACK():
    OPENSTACK_HOST = "not this one"
"""
_IPTABLES = """*filter
:INPUT ACCEPT [0:0]
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""
OTHERS: Mapping[str, Mapping[str, str]] = {
    "zed": {
        "/etc/hosts": "127.0.0.1 localhost\n",
        "/etc/memcached.conf": "-d\n# -l 0.0.0.0\n-l 127.0.0.1\n",
        "/etc/iptables/rules.v4": "*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n",
        "/etc/nftables.conf": "#!/usr/sbin/nft -f\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0;\n\t}\n}",
        "/etc/rabbitmq/rabbitmq-env.conf": "# Defaults to rabbit.\n#NODENAME=rabbit\nNODE_PORT=5672 # usual\n",
        "/etc/default/keystone": '# uwsgi\nexport DAEMON_ARGS="--http-socket :5000"\n',
    },
    "icehouse": {
        "/etc/hosts": "127.0.0.1 localhost\n",
        "/etc/sysconfig/iptables": _IPTABLES,
        "/etc/rabbitmq/rabbitmq-env.conf": "NODENAME='rabbit@ctr1'\n",
    },
}


def _boot(root: Path, catalogue: Catalogue, release: str) -> None:
    """Started at boot: by a target of systemd, or in the runlevels."""
    for service in catalogue.service.values():
        for unit in service.units:
            if release == "zed":
                link, target = f"etc/systemd/system/multi-user.target.wants/{unit}.service", f"/lib/systemd/system/{unit}.service"
                _link(root / link, target)
            for level, letter in ((0, "K"), (3, "S"), (5, "S")):
                folder = f"etc/rc{level}.d" if release == "zed" else f"etc/rc.d/rc{level}.d"
                _link(root / folder / f"{letter}{'02' if letter == 'K' else '98'}{unit}", f"../init.d/{unit}")


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def photograph(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory: kind, owner, mode, content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
    return found
