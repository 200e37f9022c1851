"""Owns the checks of a definition that need the machine or the network: scripts on disk, addresses in use.

Called by the verbs that register resources, before they write anything. Never changes anything.
"""

from understudy.daemon.verbs.world import CommandContext
from understudy.intent.checks import check_free_address, may_ever_run
from understudy.intent.permissions import Named, named_anew
from understudy.intent.refusal import Declined
from understudy.model.names import ServerName
from understudy.model.resource import Resource
from understudy.model.view import View


async def check_script(world: CommandContext, view: View, resource: Resource) -> None:
    """The ACTION_SCRIPT must be there on this server, fit to run and nobody else's to change, if the resource may ever run on it; so must
    every program of an application."""
    here = ServerName(world.settings.server)
    for attribute, path in resource.kind.files(resource.on(here)) if may_ever_run(view, resource, here) else ():
        found = await world.server.script(path, resource.user)
        if found == "missing":
            raise Declined(20041, attribute, path, resource.name, here)
        if found == "silent":
            raise Declined(20123, attribute, path, here)
        if found == "not executable":
            raise Declined(20042, attribute, path, resource.name, here)
        if found != "ok":
            raise Declined(20190, attribute, path, resource.name, here, found)


async def check_acl(world: CommandContext, acl: str, before: str = "") -> None:
    """Users and groups are looked up on this server: actions run as the owner, and a name that nobody has gives nobody a right. Who was
    named before is not asked about again, so that a user who is gone does not keep others from being changed."""
    await check_names(world, named_anew(acl, before))


async def check_names(world: CommandContext, named: Named) -> None:
    """The same of names alone."""
    for user in named.users:
        try:
            known = await world.server.user_exists(user)
        except TimeoutError:
            raise Declined(20124, user) from None
        if not known:
            raise Declined(20049, user, world.settings.server)
    for group in named.groups:
        try:
            known = await world.server.group_exists(group)
        except TimeoutError:
            raise Declined(20232, group) from None
        if not known:
            raise Declined(20231, group, world.settings.server)


async def check_address(world: CommandContext, view: View, resource: Resource) -> None:
    """A cluster address must lie in its network, belong to no other resource, and answer nowhere yet (its start asks the network, too)."""
    if not (text := resource.kind.address(resource)):
        return
    address, network = check_free_address(view, world.settings, resource)
    if view.era > 1:
        return  # the registry went back once: what answers may be the very resource that is registered again, and is found running
    if (owner := await world.server.in_use(str(address), network)) is not None:
        raise Declined(20043, text, owner)
