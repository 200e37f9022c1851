"""`crsctl set`, `crsctl unset` and `crsctl debug`: what can be set is set, all else refused with where it stands."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.modify_resource import modify
from understudy.daemon.verbs.query import TIMES, limits_of
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext
from understudy.intent import placed
from understudy.intent.refusal import Declined
from understudy.intent.resources import ResourceChange
from understudy.model.names import PoolName, ResourceName, ServerName


async def set_crs(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl set crs autostart`; its exit status."""
    return await tried(world, "Set", _set_crs(world, arguments))


async def _set_crs(world: CommandContext, arguments: Arguments) -> bool:
    words = arguments.body.get("names", [])
    if not isinstance(words, list) or len(words) < 3 or words[0] != "autostart" or not len(words) % 2:
        raise bad("write autostart delay SECONDS servercount NUMBER, or one of the two")
    given = dict(zip(words[1::2], words[2::2], strict=True))
    for key, value in given.items():
        if key not in ("delay", "servercount"):
            raise bad(f"'{key}' is neither delay nor servercount")
        if value != {"delay": "0", "servercount": "1"}[key]:
            raise Declined(20607)
    return True


async def set_css(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl set css`, `crsctl unset css`; its exit status."""
    return await tried(world, "Set", _set_css(world, arguments))


async def _set_css(world: CommandContext, arguments: Arguments) -> bool:
    if arguments.names and arguments.names[0] not in TIMES:
        raise Declined(20612, arguments.names[0], ", ".join(TIMES))
    raise Declined(20611, f"{limits_of(world).pause_tolerance_s:g}")


async def set_log(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl set log res "NAME=LEVEL"`, `crsctl debug log res "NAME:LEVEL"`; its exit status."""
    return await tried(world, "Set", _set_log(world, arguments))


async def _set_log(world: CommandContext, arguments: Arguments) -> bool:
    what, *given = arguments.names or ("",)
    if what not in ("res", "resource") or not given:
        if what and what not in ("res", "resource"):
            raise Declined(20614)
        raise bad('write res "NAME=LEVEL"')
    levels = {}
    for text in given:
        name, sign, level = text.rpartition("=" if "=" in text else ":")
        if not sign or not name:
            raise bad(f"'{text}' is not like NAME=LEVEL")
        levels[ResourceName(name)] = level
    well = True
    for resource, level in levels.items():
        well = await modify(world, ResourceChange(name=resource, attributes={"LOGGING_LEVEL": level})) and well
    return well


async def set_trace(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl set trace`; its exit status."""
    return await tried(world, "Set", _set_trace())


async def _set_trace() -> bool:
    raise Declined(20614)


async def set_resource_use(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl set resource use 0|1`; its exit status."""
    return await tried(world, "Set", _set_resource_use(world, arguments))


async def _set_resource_use(world: CommandContext, arguments: Arguments) -> bool:
    words = arguments.body.get("names", [])
    if words not in (["use", "0"], ["use", "1"]):
        raise bad("write use 0 or use 1")
    server, operator = ServerName(world.settings.server), world.operator()
    return await carry_out(world, server, lambda view: placed.use(view, server, operator, used=words[1] == "1"), force=True)


async def relocate_server(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl relocate server S ... -c P`; its exit status."""
    return await tried(world, "Relocate", _relocate_server(world, arguments))


async def _relocate_server(world: CommandContext, arguments: Arguments) -> bool:
    pool, names = arguments.text("pool"), tuple(ServerName(name) for name in arguments.names)
    if not pool or not names:
        raise bad("name servers, and the server pool after -c")
    only_pool, operator = PoolName(pool), world.operator()
    return await carry_out(world, names[0], lambda view: placed.relocate(view, names, only_pool, operator), force=arguments.flag("force"))
