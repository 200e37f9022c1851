"""Placement once more, deliberately dumb: every server is asked every question, in the words of the documentation.

It knows fresh groups only (nobody owns or runs anything of it), which is where placement is decided; staying and moving are covered by the
stories. Written without looking at `policy/eligibility.py`, so that the two can disagree.
"""

from understudy.model.categories import category_members
from understudy.model.names import CategoryName, Incarnation, PoolName, ResourceName, ServerName
from understudy.model.pools import membership
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.state import Life, State
from understudy.model.view import Assignment, View


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
    if not (resource.placement == "favored" and not resource.hosting_members) and not _of_category(view, resource, server):
        return False
    if resource.placement == "restricted":
        return member or pooled
    if resource.placement == "favored":
        return pooled or not (resource.hosting_members and resource.server_pools)
    return pooled if resource.server_pools else _in_pool(view, (PoolName("Generic"), PoolName("Free")), server)


def _of_category(view: View, resource: Resource, server: ServerName) -> bool:
    """Of the categories that are drawn, by what they say in words."""
    name = CategoryName(resource.attributes.get("SERVER_CATEGORY", ""))
    if name == "":
        return True
    if name not in view.categories:
        return False
    hardware = view.looks[server].hardware
    cpus = None if hardware is None else hardware.cpus
    return {
        "": True,
        "CPU_COUNT > 2": cpus is not None and cpus > 2,
        "CPU_COUNT < 4": cpus is not None and cpus < 4,
        "(NAME = ctr1) OR (CPU_COUNT > 2)": server == "ctr1" or (cpus is not None and cpus > 2),
        "NAME != ctr1": server != "ctr1",
        "(NAME = ctr1) OR (NAME = ctr2)": server in ("ctr1", "ctr2"),
    }[view.categories[name].expression]


def _in_pool(view: View, pools: tuple[PoolName, ...], server: ServerName) -> bool:
    online = [name for name, record in view.present().items() if record.life is Life.ONLINE]
    active = membership(view.pools, online, {}, category_members(view))
    return any(pool == "*" or server in active.get(pool, ()) for pool in pools)


def _may_depend(view: View, resource: Resource, server: ServerName) -> bool:
    held = {
        name
        for name, assignment in view.assignments.items()
        if any(holder.incarnation == view.present()[server].incarnation for holder in assignment.holders)
    }
    for other in view.resources.values():
        if other is resource or not (_names(resource, DependencyKind.EXCLUSION, other.name) or _excludes(other, resource)):
            continue
        there = other.name in held or _state(view, other.name, server) in (State.ONLINE, State.INTERMEDIATE, State.UNKNOWN)
        moves = other.name in view.targets and _state(view, other.name, server) is not State.UNKNOWN
        if _unknown(view, other, server) or (there and not (_preempts(resource, other) and moves)):
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


def _excludes(resource: Resource, other: Resource) -> bool:
    return _names(resource, DependencyKind.EXCLUSION, other.name)


def _preempts(resource: Resource, other: Resource) -> bool:
    """Whether it says so, and the other does not say the same."""
    mine, its = (
        any(word.startswith("preempt") for dependency in by.start if dependency.entity == of.name for word in dependency.modifiers)
        for by, of in ((resource, other), (other, resource))
    )
    return mine and not its


def _state(view: View, name: ResourceName, server: ServerName) -> State | None:
    report = view.report(name, server)
    return None if report is None or report.incarnation != view.present()[server].incarnation else report.state


def _names(resource: Resource, kind: DependencyKind, name: ResourceName) -> bool:
    return any(dependency.kind is kind and dependency.entity == name for dependency in resource.start)


def _score(view: View, name: ResourceName, server: ServerName) -> list[int]:
    """Lower is better: favoured place, attraction, dispersion, burden, place in the lists."""
    resource = view.resources[name]
    here = [other for other in owned(view, server) if other != name]
    rivals = {other for other in view.resources if _excludes(resource, view.resources[other]) or _excludes(view.resources[other], resource)}
    held = [other for other, assignment in view.assignments.items() if view.present()[server].incarnation in _holders(assignment)]
    listed = _place_in_lists(view, resource, server)
    favoured = 10_000
    if resource.placement == "favored" and server in resource.hosting_members:
        favoured = resource.hosting_members.index(server)
    elif resource.placement == "favored" and not resource.hosting_members and _in_pool(view, resource.server_pools, server):
        favoured = listed if _of_category(view, resource, server) else favoured
    burden = sum(view.resources[other].load for other in here if other in view.resources)
    assignment = view.assignments.get(name)
    last = None if assignment is None else assignment.last if assignment.owner is None else assignment.owner.server
    return [
        len(rivals.intersection(held) - {name}),
        int(resource.use_stickiness and last != server),
        favoured,
        -sum(_is_beside(view, dependency, server) for dependency in resource.start if dependency.kind is DependencyKind.ATTRACTION),
        sum(
            _is_beside(view, dependency, place)
            for dependency in resource.start
            if dependency.kind is DependencyKind.DISPERSION
            for place in (_neighbours(view, server) if "pool" in dependency.modifiers else {server})
        ),
        burden if resource.placement == "balanced" and not resource.use_stickiness else 0,
        listed,
    ]


def _holders(assignment: Assignment) -> set[Incarnation]:
    return {holder.incarnation for holder in (*assignment.holders, *([assignment.owner] if assignment.owner else []))}


def _is_beside(view: View, dependency: Dependency, server: ServerName) -> bool:
    """Whether what it names belongs there, or has an instance there; not what is partly online, unless it says so."""
    name = ResourceName(dependency.entity)
    state, mine = _state(view, name, server), name in owned(view, server)
    if view.resources[name].local:
        mine = state in (State.ONLINE, State.INTERMEDIATE)
    return mine and (state is not State.INTERMEDIATE or "intermediate" in dependency.modifiers)


def _neighbours(view: View, server: ServerName) -> set[ServerName]:
    """Servers of its pools; Generic and Free count only for a server that is in no other."""
    online = [name for name, record in view.present().items() if record.life is Life.ONLINE]
    pools = {name: members for name, members in membership(view.pools, online, {}, category_members(view)).items() if server in members}
    own = {name: members for name, members in pools.items() if name not in ("Generic", "Free")}
    return {server, *(name for members in (own or pools).values() for name in members)}


def _place_in_lists(view: View, resource: Resource, server: ServerName) -> int:
    lists = [resource.hosting_members, *(view.pools[pool].server_names for pool in resource.server_pools if pool in view.pools)]
    return next((names.index(server) for names in lists if server in names), 0)
