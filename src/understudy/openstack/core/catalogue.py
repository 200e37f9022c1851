"""A release of OpenStack as data: what belongs on which server, and what the cluster has to know. One TOML file for each release.

`read_catalogue` is the only way in; it refuses unknown keys and values of the wrong type. Called by `releases.py`, which finds the files.
Pure. Must never: know the name of a release; a further one is a further file.
"""

import re
import tomllib
from typing import Literal

import msgspec

from understudy.errors import BadInput

Syntax = Literal["oslo", "paste", "mysql", "python", "shell"]
Role = Literal["controller", "network", "service", "compute"]
SECRET = re.compile(r"\{secret\.([a-z0-9_]+)(?:\|url)?\}")


class BadCatalogue(BadInput):
    """A file of a release cannot be read: a defect of what is installed."""


class CataloguePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What everything in a catalogue has: for whom it is."""

    project: str = ""
    """Only if the site has it; empty: always."""
    roles: tuple[Role, ...] = ("controller",)
    when: tuple[str, ...] = ()
    """Names of facts that must not be empty, as storage.cinder.export; secret.NAME: a secret that the site has."""
    why: str = ""
    """For the reader of a plan."""


class Service(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service by the guide's name, and what stands for it in this release."""

    api: bool = False
    """It answers users, so it is clustered also where only these are."""
    units: tuple[str, ...] = ()
    """Units, or init scripts, by name: not started at boot, nor restarted behind the cluster's back."""
    packages: tuple[str, ...] = ()
    user: str = ""
    ports: tuple[int, ...] = ()
    gone: str = ""
    """Why this release has no such service, and what is there instead."""


class ConfigEntry(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key of a configuration file. `table`: where the guide has it."""

    file: str
    key: str
    value: str
    section: str = ""
    table: str = ""
    syntax: Syntax = "oslo"


class WholeFile(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that is ours from the first byte to the last. A line that names an empty fact is left out."""

    path: str
    content: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"


class FileLine(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line that a file must have. `before`: a pattern; it is put before the first line that matches, else at the end. `below`: a pattern;
    all of this holds below the first line that matches, and where none does, nothing is needed. `optional`: nor where there is no such
    file."""

    path: str
    line: str
    before: str = ""
    below: str = ""
    optional: bool = False
    packages: tuple[str, ...] = ()


class DataPart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service's data that moves onto its share once. `storage`: the name of its section in the site."""

    storage: str
    owner: str
    group: str
    mode: str


class FirewallRule(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of the running firewall: where there is that chain, it stands before all others in it. As the program has it: nft lists it so,
    iptables takes it behind -C."""

    program: Literal["nft", "iptables", "ip6tables"] = "nft"
    chain: str
    """FAMILY TABLE NAME of nft; of iptables a chain of the table filter."""
    rule: str


class DirectoryPart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directory with its owner."""

    path: str
    owner: str
    group: str
    mode: str


class KeyLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is written how many keys a set has at most, and how many it has where nothing is written."""

    file: str
    section: str
    key: str
    usual: int


class KeyDirectory(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directory whose files are the same on all these servers. `rotates`: numbered, as Keystone's are: the newest count."""

    path: str
    owner: str
    group: str
    mode: str
    file_mode: str
    rotates: bool = False
    limit: KeyLimit | None = None
    """`understudy openstack rotate-keys` rotates it."""


class PoolPart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server pool: the servers with its roles."""

    name: str
    attributes: dict[str, str] = {}


class VipPart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual address as `appvipcfg` makes it."""

    name: str
    address: str


class ResourcePart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resource as `crsctl add resource` registers it. `service`: the one it runs, if that is another name than its own."""

    name: str
    pool: str
    service: str = ""
    script: str = ""
    needs: tuple[str, ...] = ()
    """Hard dependencies, for start and stop."""
    after: tuple[str, ...] = ()
    """Started after these, wherever they run, if they start at all."""
    attributes: dict[str, str] = {}


class EndpointPart(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service in Keystone's catalogue, with its addresses."""

    name: str
    type: str
    public: str
    internal: str
    admin: str


class EndpointApi(CataloguePart, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How services and endpoints are made by `apply`: Identity API v3. `secret`: the administrator's password, by its name in the site."""

    url: str
    secret: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release."""

    release: str
    title: str
    about: str
    scripts: str
    """Directory of the action scripts."""
    settings: dict[str, str]
    """Facts that this release has, as storage.mysql.path, where the site does not say otherwise."""
    attributes: dict[str, str]
    """Of every resource."""
    endpoint_commands: tuple[str, ...]
    """How a service with its endpoints is made, as templates."""
    service: dict[str, Service]
    entry: tuple[ConfigEntry, ...]
    pool: tuple[PoolPart, ...]
    vip: tuple[VipPart, ...]
    resource: tuple[ResourcePart, ...]
    endpoint: tuple[EndpointPart, ...]
    file: tuple[WholeFile, ...] = ()
    line: tuple[FileLine, ...] = ()
    directory: tuple[DirectoryPart, ...] = ()
    keys: tuple[KeyDirectory, ...] = ()
    firewall: tuple[FirewallRule, ...] = ()
    data: tuple[DataPart, ...] = ()
    endpoint_api: EndpointApi | None = None
    """None: endpoints are made by hand."""

    def secrets_known(self) -> tuple[str, ...]:
        """Those that may stand in a site, in order."""
        return (*self.secrets(), *self.secrets_offered())

    def secrets_offered(self) -> tuple[str, ...]:
        """Those that a site may have: the administrator's, if endpoints are to be made."""
        return (self.endpoint_api.secret,) if self.endpoint_api else ()

    def secrets(self) -> tuple[str, ...]:
        """The names of all secrets that something here needs, in order."""
        texts = [part.value for part in self.entry] + [part.content for part in self.file]
        return tuple(dict.fromkeys(name for text in texts for name in SECRET.findall(text)))


def read_catalogue(text: str, name: str) -> Catalogue:
    """The release of a file's text; BadCatalogue."""
    try:
        found = msgspec.convert(tomllib.loads(text), Catalogue)
    except (ValueError, msgspec.ValidationError) as error:
        raise BadCatalogue(f"the catalogue {name} cannot be read: {error}") from None
    if found.release != name:
        raise BadCatalogue(f"the catalogue {name} says that it is {found.release}")
    return found
