"""`crsctl getperm` and `crsctl setperm`: the ACL of a resource, type or server pool. A change goes through the object's own modify."""

import json

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.edge import check_names
from understudy.daemon.verbs.modify_resource import modify
from understudy.daemon.verbs.serverpool import change as change_pool
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.types import change as change_type
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.permissions import AclChange, Named, acl_of, changed_acl, rights_of_group
from understudy.intent.refusal import Declined
from understudy.intent.resources import ResourceChange
from understudy.intent.rights import Identity, Right, may, rights
from understudy.model.names import PoolName, ResourceName, TypeName

_CALLED = {"serverpool": "server pool", "type": "resource type"}


async def getperm(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl getperm`; its exit status."""
    return await tried(world, "Getperm", _getperm(world, arguments))


async def _getperm(world: CommandContext, arguments: Arguments) -> bool:
    name, kind = arguments.one_name("object"), arguments.text("object") or "resource"
    acl = acl_of(world.mirror.view, kind, name)
    if not may(acl, world.caller.who, Right.READ):  # a resource that may not be seen is not found at all
        raise Declined(20325, world.caller.user, Right.READ, _CALLED.get(kind, kind), name)
    user, group = arguments.text("user"), arguments.text("group")
    if user is not None or group is not None:
        await check_names(world, Named(users=(user,) if user else (), groups=(group,) if group else ()))
    if user is not None:
        acl = rights(acl, Identity(user, await world.server.groups_of(user)))
    elif group is not None:
        acl = rights_of_group(acl, group)
    world.output.out(json.dumps({"name": name, "acl": acl}) if arguments.flag("json") else f"Name: {name}\n{acl}")
    return True


async def setperm(world: CommandContext, arguments: Arguments) -> int:
    """`crsctl setperm`; its exit status. Success is silent."""
    return await tried(world, "Setperm", _setperm(world, arguments))


async def _setperm(world: CommandContext, arguments: Arguments) -> bool:
    name, kind = arguments.one_name("object"), arguments.text("object") or "resource"
    given = {key: arguments.text(key) for key in ("update", "remove", "owner", "group")}
    acl = changed_acl(acl_of(world.mirror.view, kind, name), AclChange(**given))
    force = arguments.flag("force")
    if kind == "serverpool":
        return await change_pool(world, PoolName(name), {"ACL": acl}, force=force)
    if kind == "type":
        return await change_type(world, TypeName(name), (("ATTRIBUTE", "ACL"), ("DEFAULT_VALUE", acl)), force=force)
    return await modify(world, ResourceChange(name=ResourceName(name), attributes={"ACL": acl}, force=force))
