"""`appvipcfg create|modify|delete`: makes, changes or forgets an application VIP, in the words of the tool that administrators know.

`intent/vip.py` decides. The type and the resource are registered in one commit: a refusal leaves nothing behind.
"""

from datetime import UTC, datetime

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.delete_resource import delete as delete_resources
from understudy.daemon.verbs.edge import check_address, check_names
from understudy.daemon.verbs.modify_resource import modify as modify_resource
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent.checks import check_subnet, network_of
from understudy.intent.facts import find
from understudy.intent.permissions import Named
from understudy.intent.resources import ResourceChange
from understudy.intent.vip import NewVip, define, definition_of
from understudy.kinds.address import cluster_vip_type
from understudy.model.messages import line
from understudy.model.names import ResourceName
from understudy.model.profile import check_name
from understudy.model.view import Definition

GRID = "/u01/app/12.1.0/grid"


async def create(world: CommandContext, arguments: Arguments) -> int:
    """`appvipcfg create`; its exit status."""
    return await tried(world, "Add", _create(world, arguments))


async def _create(world: CommandContext, arguments: Arguments) -> bool:
    vip, operator = _read(arguments), world.operator()
    view = await world.mirror.refresh()
    check_subnet(vip.address, network_of(view, vip.network))
    check_name(vip.name)
    await check_names(world, Named(users=(vip.user,), groups=(vip.group,) if vip.group else ()))
    _say_type(world, vip, existed=vip.type in view.types)
    _stamp(world, "Create the Resource")
    attributes = _attributes_text(definition_of(vip, operator))
    _executing(world, f'add resource {vip.name} -type {vip.type} -attr "{attributes}"')
    # A name that is taken is said before an address that answers: the VIP of that name may be what answers.
    first = define(view, vip, operator)
    await check_address(world, first.after, first.resource)
    await commit(world, lambda view: define(view, vip, operator))
    return True


async def modify(world: CommandContext, arguments: Arguments) -> int:
    """`appvipcfg modify`; its exit status."""
    return await tried(world, "Modify", _modify(world, arguments))


async def _modify(world: CommandContext, arguments: Arguments) -> bool:
    name, failback, address = arguments.text("vipname"), arguments.text("failback"), arguments.text("ip")
    if not name:
        raise bad("-vipname is missing")
    if failback is None and address is None:
        raise bad("nothing to change: add -ip or -failback")
    resource = find(await world.mirror.refresh(), name)
    if not resource.kind.address(resource):
        raise bad(f"'{name}' is no VIP; it is of type {resource.type}")
    given = {"USR_ORA_VIP": address, "APPSVIP_FAILBACK": failback}
    attributes = {key: value for key, value in given.items() if value is not None}
    _executing(world, f'modify resource {name} -attr "{",".join(f"{key}={value}" for key, value in attributes.items())}"')
    change = ResourceChange(name=resource.name, attributes=attributes, force=arguments.flag("force"))
    return await modify_resource(world, change)


async def delete(world: CommandContext, arguments: Arguments) -> int:
    """`appvipcfg delete`; its exit status."""
    return await tried(world, "Delete", _delete(world, arguments))


async def _delete(world: CommandContext, arguments: Arguments) -> bool:
    name = arguments.text("vipname")
    if not name:
        raise bad("-vipname is missing")
    view = await world.mirror.refresh()
    resource = find(view, name)
    if not resource.kind.address(resource):
        raise bad(f"'{name}' is no VIP; it is of type {resource.type}")
    _executing(world, f"delete resource {name}")
    await delete_resources(world, (resource.name,), force=arguments.flag("force"))
    return True


def _read(arguments: Arguments) -> NewVip:
    given = {key: arguments.text(key) for key in ("network", "ip", "vipname", "user")}
    missing = [f"-{key}" for key, value in given.items() if not value]
    if missing:
        raise bad(f"{' '.join(missing)} missing; see appvipcfg -h")
    network, failback = arguments.number("network"), arguments.text("failback") or ""
    if network is None or network < 1:
        raise bad("-network is a number from 1 on")
    if failback not in ("", "0", "1"):
        raise bad("-failback is 0 or 1")
    return NewVip(
        name=ResourceName(given["vipname"] or ""),
        network=network,
        address=given["ip"] or "",
        user=given["user"] or "",
        group=arguments.text("group") or "",
        failback=failback,
    )


def _attributes_text(definition: Definition) -> str:
    """As the tool writes it: quotes only round the access list, which has commas."""
    return ",".join(f"{key}='{value}'" if "," in value else f"{key}={value}" for key, value in definition.attributes.items())


def _say_type(world: CommandContext, vip: NewVip, *, existed: bool) -> None:
    _stamp(world, "Creating Resource Type")
    base = cluster_vip_type(vip.network)
    _executing(world, f"add type {vip.type} -basetype {base} -file {GRID}/crs/template/appvip.type")
    if existed:
        lines = [line(2728, vip.type), line(4000, "Add")]
        _stamp(world, "Command output:")
        world.output.out("\n".join([f">  {lines[0]}", f">  {lines[1]} ", ">End Command output", *lines]))


def _executing(world: CommandContext, command: str) -> None:
    _stamp(world, f"Executing {GRID}/bin/crsctl {command}")
    _stamp(world, f"Executing cmd: {GRID}/bin/crsctl {command}")


def _stamp(world: CommandContext, text: str) -> None:
    now = datetime.fromtimestamp(world.clock.wall(), tz=UTC).astimezone()
    world.output.out(f"{now:%Y-%m-%d %H:%M:%S}: {text}")
