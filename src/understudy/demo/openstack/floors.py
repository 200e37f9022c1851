"""What no clusterware can be faster than: the starts that a service needs, each as fast as it was seen in the same run, in their order.

`resources` and `floor_s` are pure; the catalogue of the release says what belongs to a service, and what starts after what.
"""

import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from understudy.lab.lab import Lab
from understudy.openstack.core.catalogue import ResourcePart
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
    """The resources of a project that are on one server together, with its virtual addresses; the agents of Neutron apart. What needs
    none of the others (who looks after Keystone's keys) may be on another server than they are."""
    named = "neutron" if project == NETWORK else project
    parts = [part for part in load_release(RELEASE).resource if part.project == named]
    parts = [part for part in parts if part.name.startswith(OF_NETWORK) == (project == NETWORK)]
    parts = [part for part in parts if part.needs] or parts
    return tuple(dict.fromkeys([name for part in parts for name in (*part.needs, part.name)]))


@functools.cache
def _parts() -> Mapping[str, ResourcePart]:
    return {part.name: part for part in load_release(RELEASE).resource}


def starts_seen(lab: Lab, server: str, clock: float) -> list[StartSeen]:
    """All starts that the history of the cluster tells of, as a server knows it; `clock`: the clock on the wall less CLOCK_MONOTONIC."""
    lines = lab.exec(server, ["understudy", "history", "-n", str(_NEWEST), "--json"]).stdout.splitlines()
    events = [event for event in map(json.loads, lines) if event["kind"] == "start-done" and event["ms"] is not None]
    return [StartSeen(event["resource"], event["wall"] - clock, event["ms"] / 1000) for event in events]


def floor_s(project: str, starts: Sequence[StartSeen], since: float, until: float) -> float:
    """How long the starts between two instants take at best: one after the other where one needs the other, side by side where it only
    comes after it, as services wait for their neighbours by themselves. 0: nothing was started that the project's work waits for."""
    started = {start.resource for start in starts if since < start.at <= until}
    best: dict[str, float] = {}
    for start in starts:
        best[start.resource] = min(start.took_s, best.get(start.resource, start.took_s))
    awaited = _awaited(_USED.get(project, resources(project)))
    return max((_needed_s(name, started, best) for name in awaited), default=0.0)


def _awaited(names: Iterable[str]) -> tuple[str, ...]:
    """These, what they need, and what they come after, over any number of steps."""
    found: dict[str, None] = {}
    border = list(names)
    while border:
        name = border.pop()
        if name not in found:
            found[name] = None
            part = _parts().get(name)
            border += (*part.needs, *part.after) if part else ()
    return tuple(found)


def _needed_s(resource: str, started: Collection[str], best: Mapping[str, float]) -> float:
    own, part = best[resource] if resource in started else 0.0, _parts().get(resource)
    return own + max((_needed_s(name, started, best) for name in (part.needs if part else ())), default=0.0)
