"""What an engine of the registry offers: a connection for daemons, and a process that serves it in a lab.

Owns how an engine is found by its name (`model/engines.py` has the rows); only the one that is used is loaded. Called by
`daemon/main.py` and the lab. Must never know what is stored.
"""

import importlib
import random
from collections.abc import Sequence
from typing import Protocol

from understudy.model.engines import ENGINES
from understudy.ports import Registry


class RegistryConnection(Registry, Protocol):
    """The registry as one process reaches it: the port, and its end."""

    async def close(self) -> None:
        """End the connection; calls still waiting raise RegistryUnreachable."""
        ...


class Engine(Protocol):
    """One engine."""

    def connect(self, endpoints: Sequence[str], *, dice: random.Random, key: bytes) -> RegistryConnection:
        """A connection for a daemon. It connects when it is first asked; no commit goes over another connection than the one over which
        everything was last read. `endpoints`: ADDRESS:PORT each; `dice` draws the pauses between attempts.
        """
        ...

    def server_command(self, listen: str, *, store: str, key: str) -> tuple[str, ...]:
        """The command of the process that serves it at `listen` (ADDRESS:PORT), with the files where it stores and that hold the key."""
        ...


def engine_named(name: str) -> Engine:
    """The engine of this name; KeyError: there is none."""
    found: Engine = importlib.import_module(ENGINES[name]).ENGINE
    return found
