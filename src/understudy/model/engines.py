"""The engines that a registry can be built on: one row each.

Owns their names, as `[registry] engine` of the settings and `understudy lab up --engine` take them, and where each is. Called by both
and by `registry/engines.py`, which opens one. Standard library only: the guard reads settings too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

PORT = 7400
"""Where a registry of ours is reached."""
PEER_PORT = 7401
"""Where members of an etcd reach each other."""
HEARTBEAT_MS, ELECTION_MS = 50, 500
"""Of an etcd on a local network: a leader that is lost has a successor within about a second, and a processor that is busy for a moment
loses none."""
KEPT_REVISIONS = 10_000
"""Of an etcd. A daemon that was away for longer reads everything again."""


class EngineRow(NamedTuple):
    """One engine."""

    package: str
    """Its `ENGINE` is what `registry/engines.py` asks for."""
    tls: bool
    """Both sides prove themselves by certificates; else by the cluster's key."""
    away: str
    """What to do when it does not answer."""
    full: str
    """What to do when it answers and writes nothing."""


ENGINES: Mapping[str, EngineRow] = MappingProxyType(
    {
        "etcd": EngineRow(
            package="understudy.registry.etcd",
            tls=True,
            away="Check etcd: a majority of its members has to run; their hosts, their disks and the network paths to them",
            full="Run on a voter: understudy cluster repair-registry. Then it continues by itself",
        ),
        "sqlite": EngineRow(
            package="understudy.registry.sqlite",
            tls=False,
            away="Check understudy-registry, its host, its disk and the network path to it",
            full="Make room on the disk of the host that understudy-registry runs on; it continues by itself",
        ),
    }
)
DEFAULT_ENGINE = "sqlite"
