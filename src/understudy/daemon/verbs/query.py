"""`crsctl get`, `crsctl query` and `crsctl check css|evm`: what the cluster is, in crsctl's words. Changes nothing."""

from collections.abc import Iterator

from understudy import __version__
from understudy.daemon.shown.servers import health
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.named import check_server_name
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import known_so
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.facts import life
from understudy.intent.refusal import Declined
from understudy.intent.servers import the_cluster
from understudy.model.limits import Limits, derive
from understudy.model.names import ServerName
from understudy.model.state import PROVEN, Life
from understudy.policy.pooled import is_used

TIMES = ("misscount", "disktimeout", "reboottime")


async def get_cluster(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl get cluster name`; its exit status."""
    return await tried(world, "Get", _get_cluster(world, arguments))


async def _get_cluster(world: CommandContext, arguments: Arguments) -> bool:
    only(arguments, "name")
    world.say(6724, the_cluster(world.mirror.view).name)
    return True


async def get_css(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl get css NAME`; its exit status."""
    return await tried(world, "Get", _get_css(world, arguments))


async def _get_css(world: CommandContext, arguments: Arguments) -> bool:
    name = arguments.one_name("time")
    limits = limits_of(world)
    times = {"misscount": limits.silent_after_s, "disktimeout": limits.lease_s, "reboottime": limits.stop_now_s}
    if name not in times:
        raise Declined(20612, name, ", ".join(TIMES))
    world.say(4678, name, f"{round(times[name], 3):g}")
    return True


def limits_of(world: CommandContext) -> Limits:
    """The bounds by which the cluster goes."""
    cluster = world.mirror.view.cluster
    return derive(world.settings.pause_tolerance if cluster is None else cluster.pause_tolerance)


async def get_resource_use(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl get resource use`; its exit status."""
    return await tried(world, "Get", _get_resource_use(world, arguments))


async def _get_resource_use(world: CommandContext, arguments: Arguments) -> bool:
    only(arguments, "use")
    world.say(4966, int(is_used(world.mirror.view, ServerName(world.settings.server))))
    return True


async def query_css(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl query css votedisk`; its exit status."""
    return await tried(world, "Query", _query_css(world, arguments))


async def _query_css(world: CommandContext, arguments: Arguments) -> bool:
    only(arguments, "votedisk")
    world.output.out("\n".join(_votes(world)))
    return True


def _votes(world: CommandContext) -> Iterator[str]:
    """As crsctl lists voting files: number, state, identity, where it is, and the group, which is the voter set."""
    view, known = world.mirror.view, known_so(world, world.mirror.view)
    yield "##  STATE    File Universal Id                File Name Disk group"
    yield "--  -----    -----------------                --------- ---------"
    present, number = view.present(), 0 if view.cluster is None else view.cluster.voter_set
    for place, voter in enumerate(known.all_voters, 1):
        record = present.get(voter)
        state = "ONLINE" if life(view, voter) in (Life.JOINING, Life.ONLINE, Life.LEAVING) else "OFFLINE"
        identity = "-" * 32 if record is None or record.life in PROVEN else record.incarnation
        yield f"{place:2}. {state:<8} {identity} ({voter}) [voter set {number}]"
    yield f"Located {len(known.all_voters)} voting disk(s)."


async def query_crs(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl query crs WHAT`; its exit status."""
    return await tried(world, "Query", _query_crs(world, arguments))


async def _query_crs(world: CommandContext, arguments: Arguments) -> bool:
    if not arguments.names:
        raise bad(f"ask for one of {', '.join(_ANSWERS)}")
    what, *named = arguments.names
    if what not in _ANSWERS:
        raise Declined(20612, what, ", ".join(_ANSWERS))
    own = ServerName(world.settings.server)
    if named and check_server_name(world, world.mirror.view, named[0]) != own:
        raise Declined(20608, f"crsctl query crs {what}")
    world.output.out(_ANSWERS[what].format(version=__version__, server=own, format=_format(world)))
    return True


_ANSWERS = {
    "activeversion": "Understudy active version on the cluster is [{version}] (format {format} of the registry)",
    "softwareversion": "Understudy version on node [{server}] is [{version}]",
    "releaseversion": "Understudy release version on the local node is [{version}]",
    "releasepatch": "Understudy release patch level is [0] and no patches have been applied on the local node. "
    "The release version is [{version}].",
    "softwarepatch": "Understudy patch level on node {server} is [0].",
    "autostart": "'Autostart delay':       0\n'Autostart servercount': 1",
}


def _format(world: CommandContext) -> int:
    """The newest that every server reads which is there."""
    records = world.mirror.view.present().values()
    return min((record.format for record in records if record.life not in PROVEN), default=1)


async def check_css(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl check css`; its exit status."""
    known = known_so(world, world.mirror.view)
    leased = health(known, known.server).leased
    world.say(4529 if leased else 4530)
    return 0 if leased else 1


async def check_evm(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl check evm`; its exit status."""
    known = known_so(world, world.mirror.view)
    well = health(known, known.server).gets_events
    world.say(4533 if well else 4534)
    return 0 if well else 1


def only(arguments: Arguments, word: str) -> None:
    """The one thing that can be asked for."""
    if arguments.names != (word,):
        raise bad(f"write {word}")
