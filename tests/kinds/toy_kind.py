"""A toy, described: a scratch disk in memory, mounted where its resource says. What `kinds/NAME.py` would hold. Pure."""

from understudy.holdings.holding import Holding, MountHolding
from understudy.kinds.kind import BuiltInType, Described, OwnAttribute, Parameters, ResourceKind, Site, Wake


def _parameters(resource: Described, site: Site) -> dict[str, str]:
    return {"point": resource.attributes.get("USR_POINT", "")}


def _holdings(parameters: Parameters) -> tuple[Holding, ...]:
    return (MountHolding(parameters["point"]),)


def _wakes(parameters: Parameters) -> tuple[Wake, ...]:
    return (Wake("mount", parameters["point"]),)


KIND = ResourceKind(
    name="scratch",
    types=(BuiltInType(name="toy.scratch.type", base="cluster_resource", own=(OwnAttribute(name="USR_POINT", required=True),)),),
    parameters=_parameters,
    holdings=_holdings,
    wakes=_wakes,
    waits_for=frozenset({"mounts"}),
)
