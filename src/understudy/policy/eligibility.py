"""Which servers may run a resource, or a group, and how they rank: one Standing per server, each with its reason.

Called by decide, by explain and what-if, and by crsctl's verbs to refuse what cannot be. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from understudy.model.cardinality import runs
from understudy.model.failures import unavailable
from understudy.model.membership import has_instance
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName, number_of
from understudy.model.pools import BUILT_IN, GENERIC, category_of
from understudy.model.reasons import Reason, Why
from understudy.model.resource import Dependency, DependencyKind, Placement, Resource
from understudy.model.state import Life, State, Target
from understudy.model.view import View
from understudy.policy.ground import Ground, survey
from understudy.policy.pooled import is_used
from understudy.policy.rivals import displaced, rival_of

LAST = 10_000
"""Ranks behind every place in a list."""
ANY_POOL = PoolName("*")
_POSSIBLE, _LAST_RAN = Reason(Why.POSSIBLE), Reason(Why.LAST_RAN)
BALANCED_POOLS = (PoolName("Generic"), PoolName("Free"))
"""Where a balanced resource without SERVER_POOLS may go (Oracle's guide, SERVER_POOLS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one server stands for one resource or group."""

    server: ServerName
    incarnation: Incarnation | None
    admitted: bool
    reason: Reason
    rank: tuple[int, ...] = ()
    """Among the admitted the lowest is chosen."""


def standings(view: View, name: ResourceName) -> tuple[Standing, ...]:
    """Every server's standing for one resource: the admitted first, best first, then the refused by name."""
    ground = survey(view)
    return group_standings(ground, [name])


def group_standings(ground: Ground, members: Sequence[ResourceName]) -> tuple[Standing, ...]:
    """Every server's standing for a whole group: admitted where each member is."""
    return _sorted(joint_standing(ground, members, server) for server in _servers(ground, members))


def admitted_somewhere(ground: Ground, members: Sequence[ResourceName]) -> bool:
    """Whether any server would take the group: no more of them are asked than it takes to know that."""
    return any(joint_standing(ground, members, server).admitted for server in _servers(ground, members))


def standing(ground: Ground, resource: Resource, server: ServerName) -> Standing:
    """One server's standing for one resource: the first rule that refuses it, or how it ranks."""
    refusal = _refusal(ground, resource, server)
    if refusal is not None:
        return Standing(server=server, incarnation=ground.incarnation(server), admitted=False, reason=refusal)
    rank, reason = _rank(ground, resource, server)
    return Standing(server=server, incarnation=ground.incarnation(server), admitted=True, reason=reason, rank=rank)


def _rank(ground: Ground, resource: Resource, server: ServerName) -> tuple[tuple[int, ...], Reason]:
    """How a server that is admitted ranks, and why."""
    place, liked = _preference(ground, resource, server)
    sticks = resource.use_stickiness and _last_server(ground, resource.name) == server
    rank = (
        displaced(ground, resource, server) if resource.name in ground.rivals else 0,
        0 if sticks or not resource.use_stickiness else 1,
        place if liked else LAST,
        -_attraction(ground, resource, server),
        dispersion(ground, resource, server),
        ground.burden(server, without=resource.name) if resource.placement is Placement.BALANCED and not resource.use_stickiness else 0,
        _place_in_pools(ground, resource, server),
    )
    if sticks:
        return rank, _LAST_RAN
    return rank, Reason(Why.PREFERRED, (str(place + 1),)) if liked else _POSSIBLE


def placed(ground: Ground, resource: Resource, server: ServerName) -> bool:
    """Whether placement names the server as a candidate, whatever else stands against it now; if it is not ONLINE, whether it could, if no
    other server and no other pool came before it."""
    if ground.life(server) is Life.ONLINE:
        return _placement_refusal(ground, resource, server) is None
    members, pools = resource.hosting_members, resource.server_pools
    if _category_refusal(ground, resource, server) is not None:
        return False
    pooled = any(pool in (ANY_POOL, *BALANCED_POOLS) or _may_be_in(ground, pool, server) for pool in pools)
    match resource.placement:
        case Placement.RESTRICTED:
            return server in members or pooled
        case Placement.FAVORED:
            return pooled or not (members and pools)
        case Placement.BALANCED:
            return pooled or not pools


def _last_server(ground: Ground, name: ResourceName) -> ServerName | None:
    assignment = ground.view.assignments.get(name)
    return None if assignment is None else assignment.last_server


def _servers(ground: Ground, members: Sequence[ResourceName]) -> tuple[ServerName, ...]:
    named: set[ServerName] = set(ground.present)
    for member in members:
        resource = ground.view.resources[member]
        named.update(resource.hosting_members)
        for pool in resource.server_pools:
            if pool in ground.view.pools:
                named.update(ground.view.pools[pool].server_names)
    return tuple(sorted(named))


def _sorted(found: Iterable[Standing]) -> tuple[Standing, ...]:
    return tuple(sorted(found, key=lambda verdict: (not verdict.admitted, verdict.rank, verdict.server)))


def joint_standing(ground: Ground, members: Sequence[ResourceName], server: ServerName) -> Standing:
    """One server's standing for a whole group: what `standing` says of each member, together."""
    incarnation = ground.incarnation(server)
    if refusal := _cannot_act(ground, members, server):
        return Standing(server=server, incarnation=incarnation, admitted=False, reason=refusal)
    each = []
    for name in members:
        resource = ground.view.resources[name]
        if (refusal := _refusal(ground, resource, server)) is not None:
            alone = len(members) == 1 or refusal.why in _OF_THE_SERVER  # true of the server, whatever the resource
            about = refusal if alone else Reason(Why.FELLOW_REFUSED, (name,), refusal)
            return Standing(server=server, incarnation=incarnation, admitted=False, reason=about)
        each.append(_rank(ground, resource, server))
    rank, reason = each[0]
    if len(each) > 1:
        rank = tuple(map(sum, zip(*(ranked for ranked, _ in each), strict=True)))
        _, reason = min(each, key=itemgetter(0))
    return Standing(server=server, incarnation=incarnation, admitted=True, reason=reason, rank=rank)


def _cannot_act(ground: Ground, members: Sequence[ResourceName], server: ServerName) -> Reason | None:
    """Nothing is given to a server that cannot act; what it has it keeps, until its life is evicted for it (policy/unable.py)."""
    why = ground.unable(server)
    if not why or ground.life(server) is not Life.ONLINE or any(ground.owns(server, name) for name in members):
        return None
    return Reason(Why.CANNOT_ACT, (why,))


_OF_THE_SERVER = (Why.NEVER_SEEN, Why.NOT_ONLINE, Why.WITNESS, Why.OLD_VOTERS, Why.NOT_USED)

# --- what refuses ---------------------------------------------------------------------------------------------------


def _refusal(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    life = ground.life(server)
    if not resource.enabled:
        return Reason(Why.DISABLED)
    if ground.view.witness(server):
        return Reason(Why.WITNESS)
    if life is None:
        return Reason(Why.NEVER_SEEN)
    if not is_used(ground.view, server) and not ground.owns(server, resource.name):
        return Reason(Why.NOT_USED)
    # a rule about the place is said first, being the more lasting one; but who is in Free or Generic shows only while it is ONLINE
    shows = life is Life.ONLINE or resource.placement is not Placement.BALANCED or bool(resource.server_pools)
    if shows and (placed := _placement_refusal(ground, resource, server)) is not None:
        return placed
    if life is not Life.ONLINE:
        return Reason(Why.NOT_ONLINE, (life.value,))
    if _holds_by_old_voters(ground, server):
        return Reason(Why.OLD_VOTERS)
    incarnation = ground.incarnation(server)
    if not ground.has_looked(server, resource):
        silent = incarnation is not None and ground.view.could_not_tell(server, incarnation, resource)
        return Reason(Why.COULD_NOT_TELL if silent else Why.NOT_LOOKED)
    if (sibling := sibling_there(ground, resource, server)) is not None:
        return Reason(Why.SIBLING_THERE, (sibling,))
    return _dependency_refusal(ground, resource, server)


def sibling_there(ground: Ground, resource: Resource, server: ServerName) -> ResourceName | None:
    """The other instance of the resource that this server has, may be running, or reports to run. Of two that are its own it keeps the
    first."""
    for name in resource.siblings:
        if name == resource.name:
            continue
        if ground.owns(server, resource.name) and not (ground.owns(server, name) and number_of(name) < resource.number):
            continue
        report = ground.view.report(name, server)
        if ground.holds(server, name) or (report is not None and report.incarnation == ground.incarnation(server) and runs(report)):
            return name
    return None


def _holds_by_old_voters(ground: Ground, server: ServerName) -> bool:
    """Whether its lease rests on voters before those that count: the present ones could call it lost while it goes on (S5). A number of 0
    is of a version that holds its lease by those of the registry, or not at all."""
    cluster, number = ground.view.cluster, ground.present[server].voter_set
    return cluster is not None and 0 < number < cluster.voter_set - bool(cluster.old_voters)


def missing_looks(ground: Ground, resource: Resource, *, never_placed: bool) -> tuple[ServerName, ...]:
    """S6: joined servers on which it has to be looked at before it may start anywhere.

    A look has an end. One that could not tell delays nothing: nothing that this cluster started runs there, for the incarnation's groups
    were seen empty when it began and are empty now. But a resource that was never started by the cluster could be running there by hand
    alone, and may then not be started for the first time while a server that could run it says so. And one of which the guard remembers a
    higher epoch than the registry says was started there: the registry went back, and only a look can tell.
    """
    missing = []
    for server, record in ground.present.items():
        if record.life is not Life.ONLINE or ground.has_looked(server, resource) or ground.view.witness(server):
            continue
        silent = ground.view.could_not_tell(server, record.incarnation, resource)
        ended = silent and resource.registered not in ground.view.looks[server].epochs
        if not ended or (never_placed and _placement_refusal(ground, resource, server) is None):
            missing.append(server)
    return tuple(missing)


def silent_candidates(ground: Ground, resource: Resource) -> tuple[ServerName, ...]:
    """Those of `missing_looks` on which a resource that the cluster never started waits although their look has ended."""
    present, view = ground.present, ground.view
    assignment = view.assignments.get(resource.name)
    if assignment is not None and (assignment.owner is not None or assignment.epoch):
        return ()
    missing = missing_looks(ground, resource, never_placed=True)
    return tuple(name for name in missing if view.could_not_tell(name, present[name].incarnation, resource))


def _placement_refusal(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    return _list_refusal(ground, resource, server) or _category_refusal(ground, resource, server)


def _category_refusal(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    """Of SERVER_CATEGORY, which leaves out servers that the lists allow, and never lets in another. Without HOSTING_MEMBERS it is only a
    preference of what is favored. A server of whose hardware nothing is known keeps what it has."""
    category = resource.server_category
    if category is None or (resource.placement is Placement.FAVORED and not resource.hosting_members):
        return None
    owns = ground.owns(server, resource.name)
    of_it = ground.categories.may_hold(category, server) if owns else ground.categories.holds(category, server)
    return None if of_it else Reason(Why.NOT_IN_CATEGORY, (category,))


def _list_refusal(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    members, pools = resource.hosting_members, resource.server_pools
    match resource.placement:
        case Placement.RESTRICTED:
            if server in members or (pools and _in_pools(ground, resource, pools, server)):
                return None
            return Reason(Why.NOT_IN_POOL, pools) if pools else Reason(Why.NOT_A_MEMBER, members)
        case Placement.FAVORED:
            # HOSTING_MEMBERS beside SERVER_POOLS makes the pools a restriction; alone, either is a preference only
            if members and pools and not _in_pools(ground, resource, pools, server):
                return Reason(Why.NOT_IN_POOL, pools)
            return None
        case Placement.BALANCED:
            allowed = pools or BALANCED_POOLS
            return None if _in_pools(ground, resource, allowed, server) else Reason(Why.NOT_IN_POOL, allowed)


def _in_pools(ground: Ground, resource: Resource, pools: tuple[PoolName, ...], server: ServerName) -> bool:
    if ANY_POOL in pools or any(server in ground.pools.get(pool, ()) for pool in pools):
        return True
    # A server that is named in a pool but not ONLINE is refused for that, not for its pool. And one that runs the resource keeps it when
    # another server comes back and takes its place in the pool, or a pool of more importance takes the server: nothing moves by itself.
    if ground.owns(server, resource.name):
        return any(_may_be_in(ground, pool, server) for pool in pools)
    return ground.life(server) is not Life.ONLINE and any(server in _named(ground, pool) for pool in pools)


def _may_be_in(ground: Ground, pool: PoolName, server: ServerName) -> bool:
    """Whether the server could be in this pool if no other pool, and no other server, came before it."""
    record, wished = ground.view.pools.get(pool), ground.view.servers.get(server)
    if wished is not None and wished.pool not in ("", pool) and server in ground.pools.get(PoolName(wished.pool), ()):
        return False  # an operator has moved it
    if record is not None and not ground.categories.may_hold(category_of(record), server):
        return False
    if record is None or record.server_names:
        return record is not None and server in record.server_names
    return not record.parent_pools and server not in ground.pools.get(GENERIC, ())


def _named(ground: Ground, pool: PoolName) -> tuple[ServerName, ...]:
    record = ground.view.pools.get(pool)
    return () if record is None else record.server_names


def _dependency_refusal(ground: Ground, resource: Resource, server: ServerName) -> Reason | None:
    for dependency in resource.start:
        if dependency.same_server and (dependency.is_type or is_several(ground, dependency)):
            if not any(ground.online_here(name, server) or _coming(ground, name, server) for name in ground.meant(dependency)):
                return Reason(Why.TYPE_MISSING if dependency.is_type else Why.INSTANCE_MISSING, (dependency.entity,))
        elif dependency.same_server:
            other = ground.view.resources.get(ResourceName(dependency.entity))
            if other is not None and other.local and not (ground.online_here(other.name, server) or _coming(ground, other.name, server)):
                if not has_instance(ground.view, other, server):
                    return Reason(Why.NO_INSTANCE, (other.name,))
                down = ground.view.target_on(other.name, server) is Target.ONLINE
                return Reason(Why.NETWORK_DOWN if down else Why.NETWORK_STOPPED, (other.name,))
    if resource.name not in ground.rivals:
        return None
    if not ground.owns(server, resource.name) and (unlooked := _rival_not_looked_at(ground, resource, server)) is not None:
        return Reason(Why.RIVAL_NOT_LOOKED, (unlooked,))
    return rival_of(ground, resource, server)


def is_several(ground: Ground, dependency: Dependency) -> bool:
    """Whether it names a resource with several instances: then any of them will do."""
    resource = None if dependency.is_type else ground.view.resources.get(ResourceName(dependency.entity))
    return resource is not None and bool(resource.siblings)


def _coming(ground: Ground, name: ResourceName, server: ServerName) -> bool:
    """Whether it is not up on this server, and is to come up there: wanted, its own, and it has not failed there. The lane of whoever needs
    it waits for it. A network is only looked at: nothing here brings it up."""
    resource = ground.view.resources.get(name)
    if resource is None or not resource.enabled or resource.kind.only_looked_at or ground.view.target_on(name, server) is not Target.ONLINE:
        return False
    if unavailable(ground.view, resource, server):
        return False
    report = ground.view.report(name, server)
    if report is not None and (report.failure is not None or report.state is State.UNKNOWN):
        return False
    if resource.local:
        return ground.life(server) is Life.ONLINE and has_instance(ground.view, resource, server)
    return ground.owns(server, name)


# --- how the rest rank ----------------------------------------------------------------------------------------------


def _rival_not_looked_at(ground: Ground, resource: Resource, server: ServerName) -> ResourceName | None:
    """What excludes it may run there as well, by hand: until its look has ended nobody knows (S6)."""
    view, incarnation = ground.view, ground.incarnation(server)
    for name in sorted(ground.rivals.get(resource.name, ())):
        rival = view.resources.get(name)
        if rival is None or incarnation is None:
            continue
        if not (view.looked(server, incarnation, rival) or view.could_not_tell(server, incarnation, rival)):
            return name
    return None


def _preference(ground: Ground, resource: Resource, server: ServerName) -> tuple[int, bool]:
    if resource.placement is not Placement.FAVORED:
        members = resource.hosting_members
        return (members.index(server) if server in members else 0, False)
    if resource.hosting_members:
        liked = server in resource.hosting_members
        return (resource.hosting_members.index(server) if liked else 0, liked)
    liked = bool(resource.server_pools) and _in_pools(ground, resource, resource.server_pools, server)
    liked = liked and ground.categories.holds(resource.server_category, server)
    return (_place_in_pools(ground, resource, server) if liked else 0, liked)


def _place_in_pools(ground: Ground, resource: Resource, server: ServerName) -> int:
    """HOSTING_MEMBERS and SERVER_NAMES are ordered lists: their order breaks ties."""
    if server in resource.hosting_members:
        return resource.hosting_members.index(server)
    for pool in resource.server_pools:
        names = _named(ground, pool)
        if server in names:
            return names.index(server)
    return 0


def _attraction(ground: Ground, resource: Resource, server: ServerName) -> int:
    """How many of those that it likes to be beside are there: of a type each counts."""
    wished = [dependency for dependency in resource.start if dependency.kind is DependencyKind.ATTRACTION]
    if not wished:
        return 0  # nearly all
    named = [(dependency, name) for dependency in wished for name in ground.meant(dependency) if name != resource.name]
    return sum(_counts(ground, dependency, name, server) for dependency, name in named)


def dispersion(ground: Ground, resource: Resource, server: ServerName) -> int:
    """How many of those that it likes to be apart from are there; with `pool:` in the server's pools."""
    avoided = [dependency for dependency in resource.start if dependency.kind is DependencyKind.DISPERSION]
    if not avoided:
        return 0  # nearly all
    return sum(
        _counts(ground, dependency, name, place)
        for dependency in avoided
        for place in (_beside(ground, server) if "pool" in dependency.modifiers else (server,))
        for name in ground.meant(dependency)
        if name != resource.name
    )


def _counts(ground: Ground, dependency: Dependency, name: ResourceName, server: ServerName) -> bool:
    """Whether it is there, or is to come up there. What is there and INTERMEDIATE counts only for `intermediate:`."""
    resource, report = ground.view.resources.get(name), ground.view.report(name, server)
    state = report.state if report is not None and report.incarnation == ground.incarnation(server) else State.OFFLINE
    if state is State.INTERMEDIATE:
        return "intermediate" in dependency.modifiers and (ground.owns(server, name) or (resource is not None and resource.local))
    return state is State.ONLINE if resource is not None and resource.local else ground.owns(server, name)


def _beside(ground: Ground, server: ServerName) -> tuple[ServerName, ...]:
    """The servers that share a pool with it; of Generic, which has many pools, and Free only where it is in no other."""
    having = {pool for pool, members in ground.pools.items() if server in members}
    pools = having - {*BUILT_IN} or having
    return tuple(sorted({server}.union(*(ground.pools[pool] for pool in pools))))
