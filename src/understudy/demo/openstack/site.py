"""The site that the demo brings up, as its operator writes it down: servers, addresses, storage, secrets. Pure values and texts.

Called by `prepare.py`, which puts the texts on the servers, and by whoever needs an address.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from understudy.lab.storage import FILE_SERVER

CONTROLLERS = ("ctr1", "ctr2")
NETWORK = ("net1", "net2")
"""Network controllers."""
QUICK = ("mysql", "rabbitmq", "memcached", "keystone", "glance")
"""The projects of the short form, in the order in which they need one another."""
PROJECTS = (*QUICK, "cinder", "swift", "placement", "nova", "neutron")
"""All that the demo brings up."""
STORE = "store"
"""The server with Swift's storage; to the cluster it only votes, and it is the one that is asked."""
ADDRESSES = {
    "mysql": "10.10.10.11",
    "rabbitmq": "10.10.10.12",
    "keystone": "10.10.10.13",
    "cinder": "10.10.10.14",
    "glance": "10.10.10.15",
    "swift": "10.10.10.16",
    "nova": "10.10.10.17",
    "neutron": "10.10.10.18",
}
_BESIDE = {"placement": "nova"}
"""A project whose address is another's."""
_STORED = ("mysql", "rabbitmq", "glance", "cinder")
"""Projects with a directory on shared storage."""
_SECRETS = {
    "mysql": ("demo_database",),
    "rabbitmq": ("rabbitmq",),
    "memcached": ("token_cache",),
    "keystone": ("keystone_database", "admin"),
    "glance": ("glance_database", "glance_service"),
    "cinder": ("cinder_database", "cinder_service"),
    "swift": ("swift_hash", "swift_service"),
    "placement": ("placement_database", "placement_service"),
    "nova": ("nova_database", "nova_service", "neutron_service", "metadata_proxy"),
    "neutron": ("neutron_database",),
}
_NOT_OF_THE_SITE = ("demo_database", "admin", "swift_hash")
"""Secrets of the preparation alone."""
SITE_FILE = "/etc/understudy/site.toml"
SECRETS_FILE = "/etc/understudy/openstack.secrets"
_ADMINISTRATOR = "keystone_admin"
"""The credential by which `understudy openstack apply` makes endpoints; before the preparation there is no such user."""


@dataclass(frozen=True, slots=True)
class DemoSite:
    """What is brought up, and with which secrets."""

    projects: tuple[str, ...]
    secrets: Mapping[str, str]
    addresses: Mapping[str, str]
    """Server -> its own address."""

    def address(self, project: str) -> str:
        """Where its API answers; empty: it has none of its own."""
        return ADDRESSES.get(_BESIDE.get(project, project), "")

    def has(self, *projects: str) -> bool:
        """Whether all of these are among its projects."""
        return set(projects) <= set(self.projects)

    @property
    def servers(self) -> tuple[str, ...]:
        """Those of the site file, the first controller first."""
        return tuple(server for server in self.addresses if server != STORE)

    @property
    def environment(self) -> dict[str, str]:
        """What the steps of the preparation find in theirs."""
        addresses = {project.upper(): address for project, address in ADDRESSES.items() if project in self.projects}
        addresses["STORE"] = self.addresses[STORE]
        return addresses | {f"SECRET_{name}": secret for name, secret in self.secrets.items()}


def servers_for(projects: tuple[str, ...]) -> tuple[str, ...]:
    """The servers of the cluster."""
    return (*CONTROLLERS, *(NETWORK if "neutron" in projects else ()), STORE)


def make_site(projects: tuple[str, ...], addresses: Mapping[str, str]) -> DemoSite:
    """With fresh secrets; `addresses`: of the servers, in the management network."""
    names = [name for project in projects for name in _SECRETS[project]]
    return DemoSite(projects=projects, secrets={name: secrets.token_hex(12) for name in names}, addresses=addresses)


def site_text(site: DemoSite, *, administrator: bool = False) -> str:
    """site.toml. `administrator`: with Keystone's, so that endpoints are made."""
    lines = ['release = "zed"', f"projects = [{', '.join(map(_quoted, site.projects))}]"]
    for server in site.servers:
        role = "network" if server in NETWORK else "controller"
        lines += ["", f"[servers.{server}]", f"roles = [{_quoted(role)}]", f"address = {_quoted(site.addresses[server])}"]
    lines += ["", "[networks.management]", 'subnet = "10.10.10.0/24"', 'interface = "eth1"', "", "[addresses]"]
    lines += [f"{project} = {_quoted(address)}" for project, address in ADDRESSES.items() if project in site.projects]
    for project in _STORED:
        if project in site.projects:
            lines += ["", f"[storage.{project}]", f"export = {_quoted(f'{FILE_SERVER}:/{project}_data')}"]
    lines += ["", "[credentials]"]
    lines += [f"{name} = {_quoted(f'file:{SECRETS_FILE}#{name}')}" for name in _credentials(site, administrator=administrator)]
    return "\n".join(lines) + "\n"


def secrets_text(site: DemoSite, *, administrator: bool = False) -> str:
    """The file that the site file's credentials refer to."""
    return "".join(f"{name}={secret}\n" for name, secret in _credentials(site, administrator=administrator).items())


def _credentials(site: DemoSite, *, administrator: bool) -> dict[str, str]:
    known = {name: secret for name, secret in site.secrets.items() if name not in _NOT_OF_THE_SITE}
    return known | ({_ADMINISTRATOR: site.secrets["admin"]} if administrator else {})


def _quoted(text: str) -> str:
    return f'"{text}"'
