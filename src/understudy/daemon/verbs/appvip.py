"""`appvipcfg create|delete`: makes or forgets an application VIP, in the words of the tool whose output administrators know.

The type and the resource are registered in one commit: a refusal leaves nothing behind.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from understudy.daemon.verbs.add_resource import relied_on
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.delete_resource import delete as delete_resources
from understudy.daemon.verbs.edge import check_address, check_subnet, configured_network
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import find, registered
from understudy.model import events
from understudy.model.dependencies import Registered
from understudy.model.messages import line, words
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import check_name, validate
from understudy.model.types import application_vip_type, cluster_vip_type, network_name
from understudy.model.view import Definition, TypeRecord, View
from understudy.registry import keys

GRID = "/u01/app/12.1.0/grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """What the command line asks for."""

    name: ResourceName
    network: int
    address: str
    user: str
    group: str = ""
    failback: str = ""

    @property
    def type(self) -> TypeName:
        """Application VIPs have a type per network."""
        return application_vip_type(self.network)


async def create(world: World, arguments: Arguments) -> int:
    """`appvipcfg create`; its exit status."""
    try:
        vip = _read(arguments)
        network = configured_network(world, vip.network)
        check_subnet(vip.address, network)
        check_name(vip.name)
        if not await world.user_exists(vip.user):
            raise Refused(words(20049, vip.user, world.settings.server), code=20049)
        await _create(world, vip)
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Add")
        return 1
    return 0


async def delete(world: World, arguments: Arguments) -> int:
    """`appvipcfg delete`; its exit status."""
    try:
        name = arguments.text("vipname")
        if not name:
            raise bad("-vipname is missing")
        view = await world.mirror.refresh()
        resource = find(view, name)
        if resource.agent != "address":
            raise bad(f"'{name}' is no VIP; it is of type {resource.type}")
        _executing(world, f"delete resource {name}")
        await delete_resources(world, (resource.name,), force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Delete")
        return 1
    return 0


async def _create(world: World, vip: Vip) -> None:
    record = TypeRecord(
        name=vip.type,
        base=cluster_vip_type(vip.network),
        # Application VIPs follow their group and prefer the server on which they were made.
        attributes={"APPSVIP_FAILBACK": "", "PLACEMENT": "favored"},
        flags={"APPSVIP_FAILBACK": "string"},
    )
    definition = _definition(world, vip)
    view = await world.mirror.refresh()
    _say_type(world, vip, existed=record.name in view.types)
    _stamp(world, "Create the Resource")
    _executing(world, f'add resource {vip.name} -type {vip.type} -attr "{_attributes_text(definition)}"')
    known = _with_type(view, record)
    # A name that is taken is said before an address that answers: the VIP of that name may be what answers.
    if vip.name in view.definitions:
        raise Refused(words(2539, vip.name), code=2539)
    after = validate(definition, known)
    await check_address(world, _view_with(view, record), after)

    def decide(fresh: View) -> Change:
        if vip.name in fresh.definitions:
            raise Refused(words(2539, vip.name), code=2539)
        resource = validate(definition, _with_type(fresh, record))
        writes: dict[str, object] = {keys.resource(vip.name): definition}
        told = [(events.DEFINED, str(vip.name), "")]
        if record.name not in fresh.types:
            writes[keys.type_(record.name)] = record
            told.insert(0, (events.DEFINED, "", f"resource type '{record.name}'"))
        relied = tuple(key for key in relied_on(_view_with(fresh, record), resource) if key not in writes)
        return Change(writes, relied, tuple(told))

    await commit(world, decide)


def _read(arguments: Arguments) -> Vip:
    given = {key: arguments.text(key) for key in ("network", "ip", "vipname", "user")}
    missing = [f"-{key}" for key, value in given.items() if not value]
    if missing:
        raise bad(f"{' '.join(missing)} missing; see appvipcfg -h")
    network, failback = arguments.number("network"), arguments.text("failback") or ""
    if network is None or network < 1:
        raise bad("-network is a number from 1 on")
    if failback not in ("", "0", "1"):
        raise bad("-failback is 0 or 1")
    return Vip(
        name=ResourceName(given["vipname"] or ""),
        network=network,
        address=given["ip"] or "",
        user=given["user"] or "",
        group=arguments.text("group") or "",
        failback=failback,
    )


def _definition(world: World, vip: Vip) -> Definition:
    network = network_name(vip.network)
    group = f",group:{vip.group}:r-x" if vip.group else ""
    return Definition(
        name=vip.name,
        type=vip.type,
        uid=world.token(),
        attributes={
            "USR_ORA_VIP": vip.address,
            "START_DEPENDENCIES": f"hard({network}) pullup({network})",
            "STOP_DEPENDENCIES": f"hard({network})",
            "ACL": f"owner:root:rwx,pgrp:root:r-x,other::r--,user:{vip.user}:r-x{group}",
            "HOSTING_MEMBERS": world.settings.server,
            "APPSVIP_FAILBACK": vip.failback,
        },
    )


def _attributes_text(definition: Definition) -> str:
    """As the tool writes it: quotes only round the access list, which has commas."""
    return ",".join(f"{key}='{value}'" if "," in value else f"{key}={value}" for key, value in definition.attributes.items())


def _say_type(world: World, vip: Vip, *, existed: bool) -> None:
    _stamp(world, "Creating Resource Type")
    base = cluster_vip_type(vip.network)
    _executing(world, f"add type {vip.type} -basetype {base} -file {GRID}/crs/template/appvip.type")
    if existed:
        told = [line(2728, vip.type), line(4000, "Add")]
        _stamp(world, "Command output:")
        world.output.out("\n".join([f">  {told[0]}", f">  {told[1]} ", ">End Command output", *told]))


def _executing(world: World, command: str) -> None:
    _stamp(world, f"Executing {GRID}/bin/crsctl {command}")
    _stamp(world, f"Executing cmd: {GRID}/bin/crsctl {command}")


def _stamp(world: World, text: str) -> None:
    now = datetime.fromtimestamp(world.clock.wall(), tz=UTC).astimezone()
    world.output.out(f"{now:%Y-%m-%d %H:%M:%S}: {text}")


def _view_with(view: View, record: TypeRecord) -> View:
    return view if record.name in view.types else replace(view, types={**view.types, record.name: record})


def _with_type(view: View, record: TypeRecord) -> Registered:
    return registered(_view_with(view, record))
