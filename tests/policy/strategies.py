"""Hypothesis strategies: Views of small clusters in any state that the rules allow, however unlikely."""

from hypothesis import strategies as st

from understudy.model.names import CategoryName, Incarnation, PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.resource import Resource
from understudy.model.servers import ServerCategory, ServerHardware
from understudy.model.state import ALIVE, Life, State, Target
from understudy.model.view import (
    Assignment,
    Definition,
    Failure,
    Holder,
    IncarnationRecord,
    Look,
    Pool,
    Report,
    Request,
    TargetRecord,
    View,
)

SERVERS = tuple(ServerName(f"ctr{number}") for number in range(1, 5))
NAMES = tuple(ResourceName(name) for name in ("cache", "data", "db", "vip", "web"))
POOLS = (PoolName("left"), PoolName("right"))
WAYS = (
    "hard({})", "hard({})", "hard(global:{})", "hard(intermediate:{})", "weak({})", "weak(global:{})", "attraction({})",
    "attraction(intermediate:{})", "dispersion({})", "dispersion(intermediate:{})", "dispersion(pool:{})", "dispersion:active({})",
    "exclusion({})", "exclusion({})", "exclusion(preempt_pre:{})", "exclusion(preempt_post:{})", "pullup({})", "pullup:always({})",
)  # fmt: skip
LIVES = (Life.ONLINE, Life.ONLINE, Life.ONLINE, *Life)


@st.composite
def resources(draw: st.DrawFn) -> dict[ResourceName, Resource]:
    """Some resources, whose dependencies lead only to names before them (so that there is no cycle), and a local one."""
    found = {}
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1).map(sorted))
    for number, name in enumerate(names):
        attributes = draw(placements()) | {
            "LOAD": str(draw(st.integers(1, 5))),
            "ENABLED": draw(st.sampled_from("1111110")),
            "ACTIVE_PLACEMENT": draw(st.sampled_from("0001")),
            "AUTO_START": draw(st.sampled_from(("restore", "restore", "always", "never"))),
            "INSTANCE_FAILOVER": draw(st.sampled_from("1110")),
            "FAILOVER_DELAY": draw(st.sampled_from(("0", "0", "0", "20"))),
            "USE_STICKINESS": draw(st.sampled_from("0001")),
            "RELOCATE_BY_DEPENDENCY": draw(st.sampled_from("1110")),
            "SERVER_CATEGORY": draw(st.sampled_from(("", "", "", "big", "north", "nobody"))),
            "START_DEPENDENCIES": draw(dependencies(["net", *names[:number]])),
        }
        definition = Definition(name=name, type=TypeName("cluster_resource"), uid=f"uid-{name}", attributes=attributes)
        found[name] = resolve(definition, {})
    net = Definition(name=ResourceName("net"), type=TypeName("ora.network.type"), uid="uid-net")
    return {**found, net.name: resolve(net, {})}


@st.composite
def placements(draw: st.DrawFn) -> dict[str, str]:
    """PLACEMENT with what goes with it."""
    members = " ".join(draw(st.lists(st.sampled_from(SERVERS), unique=True, max_size=3)))
    pools = draw(st.sampled_from(("", "left", "right", "left right", "*")))
    match draw(st.sampled_from(("balanced", "favored", "restricted"))):
        case "balanced":
            return {"PLACEMENT": "balanced", "SERVER_POOLS": pools}
        case placement:
            return {"PLACEMENT": placement, "HOSTING_MEMBERS": members or "ctr1", "SERVER_POOLS": pools}


@st.composite
def dependencies(draw: st.DrawFn, others: list[str]) -> str:
    """START_DEPENDENCIES on some of the others, each in one way."""
    chosen: dict[str, tuple[str, list[str]]] = {}
    for other in draw(st.lists(st.sampled_from(others), unique=True, max_size=2)):
        head, entity = draw(st.sampled_from(WAYS)).format(other).rstrip(")").split("(")
        chosen.setdefault(head.partition(":")[0], (head, []))[1].append(entity)
    return " ".join(f"{head}({','.join(entities)})" for head, entities in chosen.values())


@st.composite
def incarnations(draw: st.DrawFn) -> dict[Incarnation, IncarnationRecord]:
    """Up to two runs of each server, the older one gone."""
    found = {}
    for server in SERVERS:
        for order in range(1, draw(st.integers(0, 2)) + 1):
            life = draw(st.sampled_from(LIVES))
            found[Incarnation(f"{server}/i{order}")] = IncarnationRecord(
                incarnation=Incarnation(f"{server}/i{order}"), server=server, life=life, order=order, proof="drawn",
                coming_up=draw(st.sampled_from((False, False, False, True))),
            )  # fmt: skip
        for order in range(1, sum(record.server == server for record in found.values())):
            old = Incarnation(f"{server}/i{order}")
            gone = draw(st.sampled_from((Life.EVICTED, Life.LOST, Life.FENCED, Life.LEFT)))
            found[old] = IncarnationRecord(incarnation=old, server=server, life=gone, order=order, proof="drawn")
    return found


@st.composite
def assignments(draw: st.DrawFn, name: ResourceName, known: dict[Incarnation, IncarnationRecord]) -> Assignment | None:
    """Where a resource stands in the middle of any hand-over; None: never assigned."""
    if not known or draw(st.booleans()):
        return None
    epoch = draw(st.integers(1, 9))
    held = draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=3))
    holders = tuple(
        Holder(server=known[incarnation].server, incarnation=incarnation, epoch=draw(st.integers(1, epoch))) for incarnation in held
    )
    owner = draw(st.sampled_from((None, *holders))) if holders else None
    tried = tuple(draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=2)))
    waits = owner is None and draw(st.booleans())
    last_resort, within = draw(st.sampled_from((False, False, True))), draw(st.sampled_from(((), (), SERVERS[:1])))
    return Assignment(
        resource=name, epoch=epoch, owner=owner, holders=holders, tried=tried, last_resort=last_resort, within=within,
        last=draw(st.sampled_from(SERVERS)) if waits else None, failover_in_s=draw(st.sampled_from((0.0, 20.0))) if waits else 0.0,
    )  # fmt: skip


@st.composite
def reports(draw: st.DrawFn, name: ResourceName, record: IncarnationRecord, assignment: Assignment | None) -> Report | None:
    """What an incarnation last said of a resource; None: nothing."""
    state = draw(st.sampled_from((None, State.ONLINE, State.ONLINE, State.OFFLINE, State.INTERMEDIATE, State.UNKNOWN)))
    if state is None:
        return None
    epoch = 0 if assignment is None else assignment.epoch
    failure = Failure(kind="start", epoch=epoch, text="drawn") if state is not State.ONLINE and draw(st.booleans()) else None
    return Report(
        resource=name,
        server=record.server,
        incarnation=record.incarnation,
        epoch=epoch,
        state=state,
        failure=failure,
        proven=state is State.ONLINE and draw(st.booleans()),
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any View of a small cluster."""
    known, profiles = draw(incarnations()), draw(resources())
    newest = {record.server: record for record in sorted(known.values(), key=lambda record: record.order)}
    held = {name: assignment for name in profiles if name != "net" and (assignment := draw(assignments(name, known))) is not None}
    said: dict[ResourceName, dict[ServerName, Report]] = {}
    for name in profiles:
        for server, life in newest.items():
            if (report := draw(reports(name, life, held.get(name)))) is not None:
                said.setdefault(name, {})[server] = report
    # a server that is ONLINE has looked at everything but what is new
    new = draw(st.sets(st.sampled_from(sorted(profiles)), max_size=1))
    looks = {}
    for server, life in newest.items():
        blind = draw(st.booleans()) and life.life in ALIVE
        looked = {name: profile.uid for name, profile in profiles.items() if not (blind and name in new)}
        hardware = draw(st.sampled_from((None, ServerHardware(cpus=2), ServerHardware(cpus=4))))
        looks[server] = Look(server=server, incarnation=life.incarnation, looked=looked, hardware=hardware)
    return View(
        incarnations=known,
        pools={name: draw(_pools(name)) for name in POOLS},
        categories=draw(_categories()),
        resources=profiles,
        targets={name: draw(_targets(name)) for name in profiles if draw(st.booleans())},
        assignments=held,
        reports=said,
        looks=looks,
        requests=draw(_requests(sorted(profiles))),
    )


@st.composite
def _pools(draw: st.DrawFn, name: PoolName) -> Pool:
    """Below Generic, or of the top; of any category."""
    category = draw(st.sampled_from(("", "", "big", "north")))
    parents = draw(st.sampled_from(((PoolName("Generic"),), (PoolName("Generic"),), ())))
    attributes = {"SERVER_CATEGORY": category} if category else {}
    return Pool(name=name, server_names=draw(_some_servers()), parent_pools=parents, attributes=attributes)


@st.composite
def _categories(draw: st.DrawFn) -> dict[CategoryName, ServerCategory]:
    """None, mostly some; what is named may be none of them (the registry went back)."""
    big = draw(st.sampled_from(("CPU_COUNT > 2", "CPU_COUNT < 4", "(NAME = ctr1) OR (CPU_COUNT > 2)")))
    north = draw(st.sampled_from(("NAME != ctr1", "(NAME = ctr1) OR (NAME = ctr2)", "")))
    found = (ServerCategory(name=CategoryName("big"), expression=big), ServerCategory(name=CategoryName("north"), expression=north))
    return {category.name: category for category in found if draw(st.integers(0, 3))}


def _some_servers() -> st.SearchStrategy[tuple[ServerName, ...]]:
    return st.lists(st.sampled_from(SERVERS), unique=True, max_size=3).map(tuple)


@st.composite
def _targets(draw: st.DrawFn, name: ResourceName) -> TargetRecord:
    """Of the local resource sometimes another one on some servers."""
    otherwise = tuple(sorted(draw(_some_servers()))) if name == "net" and draw(st.booleans()) else ()
    return TargetRecord(target=draw(st.sampled_from((*Target, Target.ONLINE))), otherwise=otherwise)


@st.composite
def _requests(draw: st.DrawFn, names: list[ResourceName]) -> tuple[Request, ...]:
    """None, mostly; at most one, as two of one group would be settled in their order."""
    if draw(st.integers(0, 3)):
        return ()
    server = draw(st.sampled_from((None, *SERVERS)))
    verb = draw(st.sampled_from(("start", "relocate")))
    within = draw(_some_servers()) if server is not None and verb == "start" else ()
    return (Request(id="r1", verb=verb, resources=(draw(st.sampled_from(names)),), server=server, by="root@ctr1", within=within),)
