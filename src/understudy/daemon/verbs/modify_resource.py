"""`crsctl modify resource`: changes attributes. What would restart is named, and is restarted only with `-f`."""

from understudy.daemon.facts import find, may_be_running, registered, stop_dependents
from understudy.daemon.verbs.add_resource import relied_on
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.edge import check_address, check_owner, check_script
from understudy.daemon.verbs.restart import places_of, start_again
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.model import events
from understudy.model.attributes import Effect
from understudy.model.messages import words
from understudy.model.names import ResourceName
from understudy.model.profile import changed, validate
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
    if any(one in effects for one in _ADDRESSES):
        await check_address(world, view, resource)
    if "ACL" in effects:
        await check_owner(world, resource)
    if "ACTION_SCRIPT" in effects and not force:
        await check_script(world, view, resource)
    restarting = [one for one, effect in effects.items() if effect is Effect.RESTART] if may_be_running(view, name) else []
    if restarting and not force:
        affected = ", ".join(f"'{one}'" for one in (name, *stop_dependents(view, (name,))) if may_be_running(view, one))
        raise Refused(words(20030, ", ".join(restarting), affected), code=20030)
    if resource.agent == "network":
        restarting = []  # it is only looked at, and from the next check on with what is new
    places = places_of(view, (name,))
    # What runs must be stopped under the definition it was started with.
    if restarting and not await stop(world, (name,), force=True):
        return False
    try:
        await _write(world, name, attributes, gone, force=force)
    finally:
        if restarting:
            well = await start_again(world, places)
    if any(effect is Effect.RELOAD for effect in effects.values()):
        world.check(name)
    return well if restarting else True


async def _write(world: World, name: ResourceName, attributes: dict[str, str], gone: tuple[str, ...], *, force: bool) -> None:
    def decide(view: View) -> Change:
        before = find(view, name)
        definition = _after(view, name, attributes, gone)
        resource: Resource = validate(definition, registered(view), force=force)
        effects = changed(before, resource, view.types)
        if not effects and definition == view.definitions[name]:
            return Change({})
        told = (events.CHANGED, name, ", ".join(effects))
        return Change({keys.resource(name): definition}, relied_on(view, resource), (told,))

    await commit(world, decide)


def _after(view: View, name: ResourceName, attributes: dict[str, str], gone: tuple[str, ...]) -> Definition:
    before = view.definitions[name]
    for one in gone:
        if "@" not in one or one not in before.attributes:
            raise bad(f"-delete removes a scoped attribute that is set, like LOAD@SERVERNAME(ctr1); '{one}' is none")
    kept = {key: value for key, value in before.attributes.items() if key not in gone}
    return Definition(name=name, type=before.type, uid=before.uid, attributes={**kept, **attributes})
