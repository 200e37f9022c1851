"""`crsctl modify resource`: changes attributes. What would stop, move or restart is named, and that is done only with `-f`."""

from dataclasses import replace

from understudy.daemon.verbs.add_resource import relied_on
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.change import Draft, carry_out
from understudy.daemon.verbs.edge import check_address, check_owner, check_script, check_servers
from understudy.daemon.verbs.world import Change, World
from understudy.errors import BadInput
from understudy.intent.facts import find, may_be_running, registered, servers
from understudy.model import events
from understudy.model.attributes import Effect
from understudy.model.names import ResourceName
from understudy.model.profile import changed, restarts, validate
from understudy.model.resource import Resource
from understudy.model.view import Definition, View
from understudy.registry import keys

_ADDRESSES = ("USR_ORA_VIP",)


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status. Success is silent."""
    try:
        name = ResourceName(arguments.one_name("resource"))
        attributes = arguments.attributes()
        if not attributes:
            raise bad('nothing to change: add -attr "NAME=value"')
        gone = tuple(attributes) if arguments.flag("delete") else ()
        well = await modify(world, name, {} if gone else attributes, gone=gone, force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Modify")
    return 0 if well else 1


async def modify(
    world: World, name: ResourceName, attributes: dict[str, str], *, gone: tuple[str, ...] = (), force: bool = False
) -> bool:
    """Change attributes (`gone` are deleted scoped ones), restarting what must restart. BadInput: refused, nothing was changed."""
    view = await world.mirror.refresh()
    before = find(view, name)
    definition = _after(view, name, attributes, gone)
    resource = validate(definition, registered(view), force=force)
    effects = changed(before, resource, view.types)
    if not force:
        check_servers(servers(view, world.settings), before.attributes, attributes)
    if any(one in effects for one in _ADDRESSES):
        await check_address(world, view, resource)
    if "ACL" in effects:
        await check_owner(world, resource)
    if ("ACTION_SCRIPT" in effects or before.user != resource.user) and not force:
        await check_script(world, view, resource)
    well = await carry_out(world, name, lambda view: _draft(view, name, attributes, gone, force=force), force=force)
    if any(effect is Effect.RELOAD for effect in effects.values()):
        world.check(name)
    return well


def _draft(view: View, name: ResourceName, attributes: dict[str, str], gone: tuple[str, ...], *, force: bool) -> Draft:
    before = find(view, name)
    definition = _after(view, name, attributes, gone)
    resource: Resource = validate(definition, registered(view), force=force)
    effects = changed(before, resource, view.types)
    if not effects and definition == view.definitions[name]:
        return Draft(change=Change({}), after=view)
    told = (events.CHANGED, name, ", ".join(effects))
    after = replace(
        view, definitions={**view.definitions, name: definition}, resources={**view.resources, name: resource}
    )  # fmt: skip
    again = restarts(before, resource, view.types) if may_be_running(view, name) else ()
    change = Change({keys.resource(name): definition}, relied_on(view, resource), (told,))
    return Draft(change=change, after=after, restarting={name: again} if again else {})


def _after(view: View, name: ResourceName, attributes: dict[str, str], gone: tuple[str, ...]) -> Definition:
    before = view.definitions[name]
    for one in gone:
        if "@" not in one or one not in before.attributes:
            raise bad(f"-delete removes a scoped attribute that is set, like LOAD@SERVERNAME(ctr1); '{one}' is none")
    kept = {key: value for key, value in before.attributes.items() if key not in gone}
    return Definition(name=name, type=before.type, uid=before.uid, attributes={**kept, **attributes})
