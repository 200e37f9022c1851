"""`crsctl add resource`: registers a resource; it starts nothing. Every fault is found before anything is written."""

from dataclasses import dataclass, replace

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.edge import check_address, check_owner, check_script, check_servers
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import registered, servers
from understudy.model import events
from understudy.model.attributes import creators_acl
from understudy.model.dependencies import Registered, reach
from understudy.model.messages import words
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.profile import check_name, validate
from understudy.model.resource import Resource
from understudy.model.types import descent, is_built_in
from understudy.model.view import Definition, View
from understudy.registry import keys


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A resource to register."""

    name: ResourceName
    type: TypeName
    attributes: dict[str, str]
    force: bool = False


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    try:
        name, type_name = arguments.one_name("resource"), arguments.text("type")
        if not type_name:
            raise bad("the type is missing: add -type cluster_resource")
        new = New(
            name=ResourceName(name), type=TypeName(type_name), attributes=arguments.attributes(), force=arguments.flag("force")
        )
        await add(world, new)
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Add")
        return 1
    return 0


async def add(world: World, new: New) -> None:
    """Register it, or raise BadInput."""
    check_name(new.name)
    given = {"ACL": creators_acl(world.caller.user, world.caller.group), **new.attributes}
    definition = Definition(name=new.name, type=new.type, uid=world.token(), attributes=given)
    # What takes time and depends on no revision is asked once, before the loop that decides: users, the script's storage, the network.
    view = await world.mirror.refresh()
    resource = _checked(view, definition, force=new.force)
    if not new.force:
        check_servers(servers(view, world.settings), {}, new.attributes)
    await check_owner(world, resource)
    if not new.force:
        await check_script(world, view, resource)
    await check_address(world, view, resource)

    def decide(view: View) -> Change:
        resource = _checked(view, definition, force=new.force)
        return Change({keys.resource(new.name): definition}, relied_on(view, resource), ((events.DEFINED, new.name, ""),))

    await commit(world, decide)


def relied_on(view: View, resource: Resource) -> tuple[str, ...]:
    """Keys a definition was checked against: its types, its pools, and every resource its dependencies lead to (so that two
    definitions made at the same time cannot close a cycle)."""
    known = registered(view)
    after = replace(known, resources={**known.resources, resource.name: resource})
    found = [keys.resource(name) for name in sorted(reach(resource, after)) if name != resource.name and name in view.resources]
    found += [keys.type_(record.name) for record in descent(resource.type, view.types) if not is_built_in(record.name)]
    found += [keys.pool(name) for name in resource.server_pools if PoolName(name) in view.pools]
    return tuple(found)


def _checked(view: View, definition: Definition, *, force: bool) -> Resource:
    if definition.name in view.definitions:
        raise Refused(words(2539, definition.name), code=2539)
    known: Registered = registered(view)
    return validate(definition, known, force=force)
