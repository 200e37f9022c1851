"""What is wanted of a server, and of the cluster: typed values, made by `desired.py`, judged by `compare.py`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.openstack.core.catalogue import KeyLimit
from understudy.openstack.core.states import Owned


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEntry:
    """A key of a configuration file."""

    place: str
    section: str
    key: str
    value: str
    syntax: str
    why: str = ""
    packages: tuple[str, ...] = ()
    """Whose file it is."""

    @property
    def name(self) -> str:
        """For people."""
        return f"[{self.section}] {self.key}" if self.section else self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLine:
    """A line of a file. `below` and `optional`: of FileLine."""

    place: str
    line: str
    before: str
    below: str = ""
    optional: bool = False
    why: str = ""
    packages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        return f"the line {self.line!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFile:
    """A whole file."""

    place: str
    owned: Owned
    content: str
    why: str = ""
    name: str = "the whole file"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedDirectory:
    """A directory with its owner."""

    place: str
    owned: Owned
    why: str = ""
    name: str = "the directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKeys:
    """A directory of keys, the same on all these servers. `rotates`: as Keystone's do, so that the newest is known by itself; else, and
    where sets have nothing in common, those of the first server count."""

    place: str
    owned: Owned
    file_mode: str
    holders: tuple[str, ...]
    rotates: bool = False
    limit: KeyLimit | None = None
    why: str = ""
    name: str = "the keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBoot:
    """A unit that is not started at boot."""

    place: str
    why: str = ""
    name: str = "not started at boot"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedValues:
    """Something that is no file, with these values, whatever others it has. `made_with`: what it gets besides where it is made. `optional`:
    where there is none, that is right as well."""

    place: str
    values: Mapping[str, str]
    made_with: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    why: str = ""
    name: str = ""


Wanted = WantedEntry | WantedLine | WantedFile | WantedDirectory | WantedKeys | WantedBoot | WantedValues


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPool:
    """A server pool of the cluster."""

    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVip:
    """A virtual address of the cluster; its resource type is made with it."""

    name: str
    address: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    """A resource of the cluster."""

    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedEndpoint:
    """A service of Keystone's catalogue, and the commands that make it. `urls`: by public, internal, admin."""

    name: str
    type: str
    region: str
    urls: Mapping[str, str]
    commands: tuple[str, ...]


WantedRegistered = WantedPool | WantedVip | WantedResource


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """All of it: of each server, in the order of the site; then of the cluster."""

    servers: Mapping[str, tuple[Wanted, ...]]
    registered: tuple[WantedRegistered, ...]
    """Server pools, addresses, resources, each after what it names."""
    endpoints: tuple[WantedEndpoint, ...]
    gone: tuple[tuple[str, str], ...]
    """Services of the guide that this release has not, and why."""
