"""`crsctl getperm` and `crsctl setperm`: the ACL of a resource, type or server pool. A change goes through the object's own modify."""

import json

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.modify_resource import modify
from understudy.daemon.verbs.serverpool import modify as modify_pool
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput, Refused
from understudy.intent.facts import find
from understudy.model.messages import words
from understudy.model.names import PoolName, ResourceName
from understudy.model.view import View


async def getperm(world: World, arguments: Arguments) -> int:
    """`crsctl getperm`; its exit status."""
    try:
        name = arguments.one_name("object")
        acl = _acl(world.mirror.view, arguments.text("object") or "resource", name)
        user, group = arguments.text("user"), arguments.text("group")
        entries = dict(entry.rsplit(":", 1) for entry in acl.split(",") if ":" in entry)
        if user is not None:
            acl = next((entries[key] for key in (f"owner:{user}", f"user:{user}", "other:") if key in entries), "---")
        elif group is not None:
            acl = next((entries[key] for key in (f"pgrp:{group}", f"group:{group}", "other:") if key in entries), "---")
        world.output.out(json.dumps({"name": name, "acl": acl}) if arguments.flag("json") else f"Name: {name}\n{acl}")
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Getperm")
        return 1
    return 0


async def setperm(world: World, arguments: Arguments) -> int:
    """`crsctl setperm`; its exit status. Success is silent."""
    try:
        name, kind = arguments.one_name("object"), arguments.text("object") or "resource"
        acl = _changed(_acl(world.mirror.view, kind, name), arguments)
        if kind == "serverpool":
            return await modify_pool(world, Arguments({"names": [name], "attr": f"ACL='{acl}'"}))
        well = await modify(world, ResourceName(name), {"ACL": acl}, force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Setperm")
    return 0 if well else 1


def _acl(view: View, kind: str, name: str) -> str:
    if kind == "resource":
        return find(view, name).attributes.get("ACL", "")
    if kind == "serverpool":
        if PoolName(name) not in view.pools:
            raise Refused(words(20021, name), code=20021)
        return view.pools[PoolName(name)].attributes.get("ACL", "")
    raise bad(f"'{kind}' has no access list of its own; name a resource or a serverpool")


def _changed(acl: str, arguments: Arguments) -> str:
    entries = dict(entry.rsplit(":", 1) for entry in acl.split(",") if ":" in entry)
    update, remove = arguments.text("update"), arguments.text("remove")
    owner, group = arguments.text("owner"), arguments.text("group")
    if sum(one is not None for one in (update, remove, owner, group)) != 1:
        raise bad("give one of -u acl, -x acl, -o user, -g group")
    if update is not None:
        key, _, rights = update.rpartition(":")
        entries[key] = rights
    elif remove is not None:
        if entries.pop(remove, None) is None and entries.pop(remove.rpartition(":")[0], None) is None:
            raise bad(f"'{remove}' is not in the access list")
    elif owner is not None:
        entries = _renamed(entries, "owner", owner)
    elif group is not None:
        entries = _renamed(entries, "pgrp", group)
    return ",".join(f"{key}:{rights}" for key, rights in entries.items())


def _renamed(entries: dict[str, str], kind: str, name: str) -> dict[str, str]:
    return {(f"{kind}:{name}" if key.startswith(f"{kind}:") else key): rights for key, rights in entries.items()}
