"""The systems that the side-by-side benchmarks compare: ours and its peers, each in a lab of the same kind, with the same service.

`variants` makes those that are asked for, by family. A new peer is a module here and a line there.
"""

from collections.abc import Sequence

from bench.systems.base import System
from bench.systems.keepalived import Keepalived
from bench.systems.pacemaker import Pacemaker
from bench.systems.understudy import Understudy

from understudy.model.engines import DEFAULT_ENGINE

FAMILIES = ("understudy", "pacemaker", "keepalived")


def variants(families: Sequence[str], pause_tolerances: Sequence[float], engine: str) -> list[System]:
    """Every configuration of these families that is measured; `engine`: what the registry of ours is built on."""
    ours = [Understudy(tolerance, engine) for tolerance in pause_tolerances]
    if engine != DEFAULT_ENGINE:
        ours += [Understudy(tolerance, engine, leader_lost=True) for tolerance in pause_tolerances]
    made: dict[str, list[System]] = {
        "understudy": [*ours],
        "pacemaker": [Pacemaker(token_ms=None, kill_interval_s=10), Pacemaker(token_ms=500, kill_interval_s=1)],
        "keepalived": [Keepalived(advert_s=1.0), Keepalived(advert_s=0.1)],
    }
    return [system for family in FAMILIES if family in families for system in made[family]]
