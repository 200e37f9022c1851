"""What no clusterware can be faster than: the starts that a service needs, each as fast as it was seen in the same run, in their order.

`resources` and `floor_s` are pure; the catalogue of the release says what belongs to a service, and what starts after what.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from understudy.lab.lab import Lab
from understudy.openstack.releases import load_release

RELEASE = "zed"
NETWORK = "network"
"""What Neutron's agents do, as a service of its own."""
OF_NETWORK = "net."
"""What the names of their resources begin with."""
_USED = {
    "keystone": ("openstack-keystone",),
    "glance": ("openstack-glance-api",),
    "cinder": ("openstack-cinder-api", "openstack-cinder-scheduler", "openstack-cinder-volume"),
    "nova": ("openstack-nova-api",),
}
"""What the user's work needs of a project, where that is not all of it."""
_NEWEST = 10_000
"""Events of the history that are looked at."""


@dataclass(frozen=True, slots=True)
class StartSeen:
    """A start that ended well."""

    resource: str
    at: float
    """CLOCK_MONOTONIC, seconds."""
    took_s: float


def resources(project: str) -> tuple[str, ...]:
    """The resources of a project, with its virtual addresses; the agents of Neutron apart."""
    named = "neutron" if project == NETWORK else project
    parts = [part for part in load_release(RELEASE).resource if part.project == named]
    parts = [part for part in parts if part.name.startswith(OF_NETWORK) == (project == NETWORK)]
    return tuple(dict.fromkeys([name for part in parts for name in (*part.needs, part.name)]))


@functools.cache
def _before() -> Mapping[str, tuple[str, ...]]:
    """Resource -> what must run before it is started."""
    return {part.name: (*part.needs, *part.after) for part in load_release(RELEASE).resource}


def starts_seen(lab: Lab, server: str, clock: float) -> list[StartSeen]:
    """All starts that the history of the cluster tells of, as a server knows it; `clock`: the clock on the wall less CLOCK_MONOTONIC."""
    lines = lab.exec(server, ["understudy", "history", "-n", str(_NEWEST), "--json"]).stdout.splitlines()
    events = [event for event in map(json.loads, lines) if event["kind"] == "start-done" and event["ms"] is not None]
    return [StartSeen(event["resource"], event["wall"] - clock, event["ms"] / 1000) for event in events]


def floor_s(project: str, starts: Sequence[StartSeen], since: float, until: float) -> float:
    """How long the starts between two instants would have taken at best, one after the other where one needs the other; 0: none was."""
    started = {start.resource for start in starts if since < start.at <= until}
    best: dict[str, float] = {}
    for start in starts:
        best[start.resource] = min(start.took_s, best.get(start.resource, start.took_s))
    return max((_path_s(name, started, best) for name in _USED.get(project, resources(project))), default=0.0)


def _path_s(resource: str, started: Iterable[str], best: Mapping[str, float]) -> float:
    own = best[resource] if resource in started else 0.0
    return own + max((_path_s(name, started, best) for name in _before().get(resource, ())), default=0.0)
