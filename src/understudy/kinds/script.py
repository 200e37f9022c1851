"""The kind of most resources: whatever an action script starts, stops and checks. Pure.

Its types are the two roots, so that any type without a nearer kind is of this one.
"""

from understudy.holdings.holding import Holding, MountHolding, NamespaceHolding
from understudy.kinds.kind import BuiltInType, Described, Parameters, ResourceKind, Site, Wake
from understudy.kinds.observed import Observed, plainly

CLUSTER = "cluster_resource"
LOCAL = "local_resource"
UNCLEAR, PARTIAL = 3, 4
"""Exit statuses of a check that are neither yes (0) nor no (all others)."""
_CHECKS = {0: Observed.ONLINE, PARTIAL: Observed.PARTIAL, UNCLEAR: Observed.UNCLEAR}


def read_status(action: str, status: int) -> Observed:
    """What the exit status of an action script means (clusterware reference 7.2)."""
    return _CHECKS.get(status, Observed.OFFLINE) if action == "check" else plainly(action, status == 0)


def held(resource: Described) -> dict[str, str]:
    """The parameters that say what a start may leave outside the control group."""
    attributes = resource.attributes
    found = {
        "mount_point": attributes.get("MOUNT_POINT", "").rstrip("/"),
        "network_namespaces": " ".join(attributes.get("NETWORK_NAMESPACES", "").split()),
    }
    return {name: value for name, value in found.items() if value}


def _parameters(resource: Described, site: Site) -> dict[str, str]:
    return {"script": resource.attributes.get("ACTION_SCRIPT", ""), **held(resource)}


def _files(resource: Described) -> tuple[tuple[str, str], ...]:
    path = resource.attributes.get("ACTION_SCRIPT", "")
    return (("ACTION_SCRIPT", path),) if path else ()


def holdings(parameters: Parameters) -> tuple[Holding, ...]:
    point, patterns = parameters.get("mount_point", ""), parameters.get("network_namespaces", "").split()
    return (*(NamespaceHolding(pattern) for pattern in dict.fromkeys(patterns)), *((MountHolding(point),) if point else ()))


def wakes(parameters: Parameters) -> tuple[Wake, ...]:
    point = parameters.get("mount_point", "")
    return (Wake("mount", point),) if point else ()


def mounts(resource: Described) -> bool:
    return bool(resource.attributes.get("MOUNT_POINT", ""))


KIND = ResourceKind(
    name="script",
    types=(
        BuiltInType(name=CLUSTER, base=None),
        BuiltInType(name=LOCAL, base=None),
        BuiltInType(name="ora.cluster_resource.type", base=CLUSTER, defaults={"SERVER_POOLS": "*"}),
        BuiltInType(name="ora.local_resource.type", base=LOCAL),
    ),
    parameters=_parameters,
    holdings=holdings,
    wakes=wakes,
    waits_for=frozenset({"link", "mounts"}),
    housed=True,
    custom=True,
    several=True,
    guarded_without_processes=mounts,
    files=_files,
)
