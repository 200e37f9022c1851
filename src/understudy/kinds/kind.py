"""What there is to say of a kind of resource; pure.

Called by: the modules of the kinds, the catalogue, and whoever asks a resource for its kind. Must never: be asked about a server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from understudy.holdings.holding import Holding

Around = Literal["network", "link", "mounts", "neighbour"]
"""What may change around resources: an address or a link came or went; a link came up; the table of mounts; a stranger gave up an
address."""


class Described(Protocol):
    """A resource, as its kind needs to know it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def attributes(self) -> Mapping[str, str]:
        """All of them, defaults filled in."""
        ...

    @property
    def lineage(self) -> tuple[str, ...]:
        """Its type and the types above that, up to the root."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a resource's parameters go by besides the resource itself."""

    attributes_of: Callable[[str], Mapping[str, str] | None]
    """The attributes of another resource; None: there is none of this name."""
    own: tuple[str, ...] = ()
    """This server's own addresses by its settings: no agent adds or removes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAttribute:
    """An attribute that resources of a built-in type have beyond those of its base."""

    name: str
    default: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    """Empty: any text."""
    effect: Literal["live", "reload", "restart"] = "restart"
    """What a change does to what runs (`model/attributes.py`: Effect). Restart: it was started with the old value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltInType:
    """A resource type that exists in every cluster."""

    name: str
    base: str | None
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Other defaults than the base's, of attributes that the base has."""
    own: tuple[OwnAttribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Wake:
    """An event of the kernel after which the lane looks at the resource at once. The end of its control group always wakes it."""

    sort: Literal["address", "link", "mount"]
    place: str
    """The address, the interface, the mount point."""


Parameters = Mapping[str, str]
"""What the agent is given of a resource."""


def _no_family(name: str) -> BuiltInType | None:
    return None


def _nothing_held(parameters: Parameters) -> tuple[Holding, ...]:
    return ()


def _no_wakes(parameters: Parameters) -> tuple[Wake, ...]:
    return ()


def _nowhere(resource: Described) -> str:
    return ""


def _no_files(resource: Described) -> tuple[tuple[str, str], ...]:
    return ()


def _no_trouble(resource: Described) -> tuple[str, str] | None:
    return None


def _never(resource: Described) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """One kind of resource."""

    name: str
    """Of its agent, too."""
    types: tuple[BuiltInType, ...]
    """Its types; what descends from one of them is of this kind."""
    family: Callable[[str], BuiltInType | None] = _no_family
    """Of types without number (one for each network): the type of this name."""
    also: tuple[OwnAttribute, ...] = ()
    """Attributes of types that commands of ours register for it."""
    parameters: Callable[[Described, Site], dict[str, str]]
    """What the agent is given."""
    holdings: Callable[[Parameters], tuple[Holding, ...]] = _nothing_held
    """What a start may leave on a server outside the resource's control group."""
    wakes: Callable[[Parameters], tuple[Wake, ...]] = _no_wakes
    waits_for: frozenset[Around] = frozenset()
    """Changes after which a start that failed is worth another try."""
    housed: bool = False
    """Whether its processes are expected in its control group: else nobody misses them there."""
    guarded_without_processes: Callable[[Described], bool] = _never
    """Whether a housed one is guarded all the same where no process of it is in its control group: the kernel tells of its end by what it
    holds, and a lapse ends that."""
    only_looked_at: bool = False
    """Nothing of it runs: start and stop begin and end the looking, need no lease, and a leaving server keeps it to the end."""
    several: bool = False
    """Whether a resource of it may have several instances: nothing of it is on one server alone."""
    custom: bool = False
    """Whether it can be asked for actions of its own (ACTIONS)."""
    address: Callable[[Described], str] = _nowhere
    """The virtual address that it is, as an operator wrote it; empty: it is none."""
    files: Callable[[Described], tuple[tuple[str, str], ...]] = _no_files
    """The programs on each server that it needs to act: each with the attribute that names it."""
    trouble: Callable[[Described], tuple[str, str] | None] = _no_trouble
    """What of it cannot be used as it is: the attribute, and why; None: nothing."""

    def type_named(self, name: str) -> BuiltInType | None:
        """The built-in type of this name, if it is one of this kind."""
        return next((found for found in self.types if found.name == name), None) or self.family(name)
