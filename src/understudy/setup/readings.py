"""What was found on a server before a cluster is made of it, or when it is checked: values, as `measure.py` reads them.

Must never judge: `checks.py` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The machine's clock."""

    source: str = ""
    """What the kernel counts by."""
    rate_ppm: float | None = None
    """By how much it is corrected now, in millionths; None: the kernel does not say."""
    synchronised: bool = True
    permitted_ppm: float | None = None
    """By how much the time service may correct it at a time; None: no more than the kernel's 500."""
    permitted_by: str = ""


@dataclass(frozen=True, slots=True)
class PortReading:
    """A port that the cluster needs on this server."""

    port: int
    protocol: str
    purpose: str
    holder: str = ""
    """The process that has it; empty: it is free."""
    ours: bool = False
    """That process is the one that should have it."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """One key file or certificate of this server."""

    path: str
    secret: bool
    found: bool = True
    mode: int = 0
    owner: int = 0
    wrong: str = ""
    """Why it is not what it should be."""
    ends_in_s: float | None = None
    """Of a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReadings:
    """All of it."""

    root: bool = True
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Each address that is here, and the interface it is on."""
    down: frozenset[str] = frozenset()
    """Interfaces without a carrier, or switched off."""
    resolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of servers, and what this server's resolver says; nothing: it knows no such name."""
    clock: ClockReading = field(default_factory=ClockReading)
    ports: tuple[PortReading, ...] = ()
    cgroups: str = ""
    """Why control groups cannot be used; empty: they can. The same for the next."""
    gate: str = ""
    real_time: str = ""
    flush_ms: float | None = None
    """Median of small writes to stable storage; None: `flush_failed` says why."""
    flush_failed: str = ""
    etcd: str = ""
    """Version of the etcd that is installed; empty: none is."""
    systemd: bool = False
    units: bool = False
    """systemd knows understudy.target."""
    configured: Settings | None = None
    written: Settings | None = None
    """What understudy.toml says, where the registry's word on servers and voters may have replaced it."""
    unreadable: str = ""
    """Why settings that are here cannot be read."""
    answering: tuple[str, ...] = ()
    """Other servers that let servers join already."""
    keys: tuple[KeyReading, ...] = ()
    state_dir: str = ""
