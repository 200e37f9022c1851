"""The engines that a registry can be built on: one row each.

Owns their names, as `[registry] engine` of the settings and `understudy lab up --engine` take them, and where each is. Called by both
and by `registry/engines.py`, which opens one. Standard library only: the guard reads settings too.
"""

from collections.abc import Mapping
from types import MappingProxyType

ENGINES: Mapping[str, str] = MappingProxyType({"etcd": "understudy.registry.etcd", "sqlite": "understudy.registry.sqlite"})
"""Name -> the package whose `ENGINE` is what `registry/engines.py` asks for."""
DEFAULT_ENGINE = "sqlite"
