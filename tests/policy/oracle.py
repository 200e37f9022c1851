"""Placement once more, deliberately dumb: every server is asked every question, in the words of the documentation.

It knows fresh groups only (nobody owns or runs anything of it), which is where placement is decided; staying and moving are covered by the
stories. Written without looking at `policy/eligibility.py`, so that the two can disagree.
"""

from understudy.model.names import PoolName, ResourceName, ServerName
from understudy.model.pools import membership
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Life, State
from understudy.model.view import View


def best_server(view: View, members: list[ResourceName]) -> ServerName | None:
    """The one server on which a whole group that runs nowhere is to be started."""
    allowed = [server for server in view.present() if all(_allowed(view, view.resources[name], server) for name in members)]
    scores = {server: [sum(column) for column in zip(*(_score(view, name, server) for name in members), strict=True)] for server in allowed}
    return min(scores, key=lambda server: (scores[server], server), default=None)


def owned(view: View, server: ServerName) -> list[ResourceName]:
    """What belongs to the server's present incarnation."""
    now = view.present()[server].incarnation
    return [name for name, assignment in view.assignments.items() if assignment.owner is not None and assignment.owner.incarnation == now]


def _allowed(view: View, resource: Resource, server: ServerName) -> bool:
    record = view.present()[server]
    if record.life is not Life.ONLINE or not resource.enabled or not view.looked(server, record.incarnation, resource):
        return False
    return _placed(view, resource, server) and _may_depend(view, resource, server)


def _placed(view: View, resource: Resource, server: ServerName) -> bool:
    member, pooled = server in resource.hosting_members, _in_pool(view, resource.server_pools, server)
    if resource.placement == "restricted":
        return member or pooled
    if resource.placement == "favored":
        return pooled or not (resource.hosting_members and resource.server_pools)
    return pooled if resource.server_pools else _in_pool(view, (PoolName("Generic"), PoolName("Free")), server)


def _in_pool(view: View, pools: tuple[PoolName, ...], server: ServerName) -> bool:
    online = [name for name, record in view.present().items() if record.life is Life.ONLINE]
    active = membership(view.pools, online)
    return any(pool == "*" or server in active.get(pool, ()) for pool in pools)


def _may_depend(view: View, resource: Resource, server: ServerName) -> bool:
    held = {
        name
        for name, assignment in view.assignments.items()
        if any(holder.incarnation == view.present()[server].incarnation for holder in assignment.holders)
    }
    for other in view.resources.values():
        for mine, its in ((resource, other), (other, resource)):
            if (
                _names(mine, DependencyKind.EXCLUSION, its.name)
                and other is not resource
                and (other.name in held or _unknown(view, other, server))
            ):
                return False
    needs = [dependency for dependency in resource.start if dependency.kind is DependencyKind.HARD and "global" not in dependency.modifiers]
    return all(_is_up(view, dependency, server) for dependency in needs if view.resources[ResourceName(dependency.entity)].local)


def _unknown(view: View, other: Resource, server: ServerName) -> bool:
    """S6: whether somebody may have started it there by hand, for all that the server has looked at."""
    incarnation = view.present()[server].incarnation
    return not (view.looked(server, incarnation, other) or view.could_not_tell(server, incarnation, other))


def _is_up(view: View, dependency: Dependency, server: ServerName) -> bool:
    report = view.report(ResourceName(dependency.entity), server)
    return report is not None and report.state in (State.ONLINE, State.INTERMEDIATE)


def _names(resource: Resource, kind: DependencyKind, name: ResourceName) -> bool:
    return any(dependency.kind is kind and dependency.entity == name for dependency in resource.start)


def _score(view: View, name: ResourceName, server: ServerName) -> list[int]:
    """Lower is better: favoured place, attraction, dispersion, burden, place in the lists."""
    resource = view.resources[name]
    here = [other for other in owned(view, server) if other != name]
    listed = _place_in_lists(view, resource, server)
    favoured = 10_000
    if resource.placement == "favored" and server in resource.hosting_members:
        favoured = resource.hosting_members.index(server)
    elif resource.placement == "favored" and not resource.hosting_members and _in_pool(view, resource.server_pools, server):
        favoured = listed
    burden = sum(view.resources[other].load for other in here if other in view.resources)
    assignment = view.assignments.get(name)
    last = None if assignment is None else assignment.last if assignment.owner is None else assignment.owner.server
    return [
        int(resource.use_stickiness and last != server),
        favoured,
        -sum(_names(resource, DependencyKind.ATTRACTION, other) for other in here),
        sum(_names(resource, DependencyKind.DISPERSION, other) for other in here),
        burden if resource.placement == "balanced" and not resource.use_stickiness else 0,
        listed,
    ]


def _place_in_lists(view: View, resource: Resource, server: ServerName) -> int:
    lists = [resource.hosting_members, *(view.pools[pool].server_names for pool in resource.server_pools if pool in view.pools)]
    return next((names.index(server) for names in lists if server in names), 0)
