"""The engine `sqlite`: one process owns one SQLite file and serves it over TCP.

    store       what a revision, a condition and a commit mean    storefile   its file: owned, created, refused
    main        the command understudy-registry                   server      sessions of clients; door: those who proved nothing yet
    client      the port, for daemons                             link        one connection of it
    frames      the language between the two                      access, sockets   proofs of the key, and how connections are set up

Called by `registry/engines.py` through ENGINE; `registry/local.py` has the same store within one process.
"""

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.model.settings import TlsFiles
from understudy.registry.engines import Seat

if TYPE_CHECKING:
    from understudy.registry.sqlite.client import RegistryClient


class SqliteEngine:
    """What `registry/engines.py` asks for."""

    def connect(self, endpoints: Sequence[str], *, cluster: str, dice: random.Random, key: bytes, tls: TlsFiles | None) -> "RegistryClient":
        """As the Protocol says; one registry serves one cluster."""
        from understudy.registry.sqlite.client import RegistryClient

        return RegistryClient(endpoints, dice=dice, key=key, read_first=True)

    def members(self, endpoints: Callable[[], Sequence[str]], tls: TlsFiles | None) -> None:
        """As the Protocol says: it is one process."""

    def seats(self, servers: Sequence[Seat], apart: Seat) -> tuple[Seat, ...]:
        """As the Protocol says: it is one process, and the loss of a server is not to be the loss of it."""
        return (apart,)

    def server_command(self, seat: Seat, *, directory: str, key: str) -> tuple[str, ...]:
        """As the Protocol says."""
        return ("understudy-registry", "--listen", seat.endpoint, "--store", f"{directory}/registry.db", "--key", key)

    def server_file(self, seat: Seat, seats: Sequence[Seat], *, directory: str, tls: TlsFiles) -> tuple[str, str]:
        """As the Protocol says: all stands in its command."""
        return "", ""


ENGINE = SqliteEngine()
