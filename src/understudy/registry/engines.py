"""What an engine of the registry offers: a connection for daemons, and a process that serves it in a lab.

Owns how an engine is found by its name (`model/engines.py` has the rows); only the one that is used is loaded. Called by
`daemon/main.py` and the lab. Must never know what is stored.
"""

import importlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.model.engines import ENGINES
from understudy.model.engines import PORT as PORT
from understudy.model.settings import TlsFiles
from understudy.ports import Registry, RegistryMembers


class RegistryConnection(Registry, Protocol):
    """The registry as one process reaches it: the port, and its end."""

    @property
    def endpoint(self) -> str:
        """To which it is connected; empty: to none."""
        ...

    def reach(self, endpoints: Sequence[str]) -> None:
        """Where it is reached from the next connection on."""
        ...

    async def prefer(self, endpoint: str) -> bool:
        """Go over to this endpoint, if it answers, while it is connected to another: it is dialled and read over before anything of the
        present connection ends. Whoever watches has to read everything again (Compacted). False: nothing has changed."""
        ...

    async def close(self) -> None:
        """End the connection; calls still waiting raise RegistryUnreachable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A host on which a process of the registry runs, in a lab."""

    host: str
    address: str
    """As it stands before a port: of IPv6 with its brackets."""

    @property
    def endpoint(self) -> str:
        """Where the servers reach it."""
        return f"{self.address}:{PORT}"


class Engine(Protocol):
    """One engine."""

    def connect(
        self, endpoints: Sequence[str], *, cluster: str, dice: random.Random, key: bytes, tls: TlsFiles | None
    ) -> RegistryConnection:
        """A connection for a daemon. It connects when it is first asked; no commit goes over another connection than the one over which
        everything was last read. `endpoints`: ADDRESS:PORT each; `cluster`: its name; `dice` draws the pauses between attempts; `key` or
        `tls`: by which it proves itself, and the registry to it.
        """
        ...

    def members(self, endpoints: Callable[[], Sequence[str]], tls: TlsFiles | None) -> RegistryMembers | None:
        """What changes its members, which are at these endpoints by now; None: it has none to change."""
        ...

    def seats(self, servers: Sequence[Seat], apart: Seat) -> tuple[Seat, ...]:
        """Where it runs in a lab: on which of the servers, or on a host apart from them."""
        ...

    def server_command(self, seat: Seat, *, directory: str, key: str) -> tuple[str, ...]:
        """The command of its process at one of the seats, with the directory where it stores and the file that holds the cluster's key."""
        ...

    def server_file(self, seat: Seat, seats: Sequence[Seat], *, directory: str, tls: TlsFiles) -> tuple[str, str]:
        """Where that process finds its configuration, and its text; two empty ones: it has none. `tls`: that host's part of TLS."""
        ...


def engine_named(name: str) -> Engine:
    """The engine of this name; KeyError: there is none."""
    found: Engine = importlib.import_module(ENGINES[name].package).ENGINE
    return found
