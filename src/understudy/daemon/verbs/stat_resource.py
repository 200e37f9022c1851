"""`crsctl stat resource`: everything that is known of resources, from memory. Changes nothing and waits for nothing."""

import functools
import json
from collections.abc import Sequence

from understudy.daemon.shown.resources import head_json, shown_instance
from understudy.daemon.text import blocks
from understudy.daemon.text.tables import table
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.named import check_server_name, resource_filter
from understudy.daemon.verbs.truth import as_it_is, head, known_so
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput, Refused
from understudy.intent.facts import Instance, find, instances, relocation_targets, values
from understudy.model.dependencies import print_dependencies
from understudy.model.filters import Filter, matches
from understudy.model.names import ResourceName
from understudy.model.resource import DependencyKind, Resource
from understudy.model.view import View


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view, well = as_it_is(world), True
    head(world)
    try:
        check_server_name(world, view, arguments.text("server"))
        names = await _named(world, view, arguments)
        well = not arguments.names or len(names) == len(arguments.names)
        shown = await _shown(world, view, names, arguments)
        whole = arguments.flag("profile") or arguments.flag("full") or arguments.flag("verbose")
        as_text = not arguments.flag("json")
        text = await _text(world, view, shown, arguments) if as_text else await _json(world, view, shown, whole=whole)
        if text:
            world.output.out(text)
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


async def _named(world: CommandContext, view: View, arguments: Arguments) -> list[ResourceName]:
    if not arguments.names:
        return sorted(view.resources)
    found = []
    for name in arguments.names:
        try:
            found.append(find(view, name).name)
        except Refused as refused:
            world.refuse(refused)
        await world.turn.next()
    return found


async def _shown(world: CommandContext, view: View, names: Sequence[ResourceName], arguments: Arguments) -> list[list[Instance]]:
    """What is left over, by resource."""
    wanted = resource_filter(view, text) if (text := arguments.text("filter")) is not None else None
    shown = []
    for name in names:
        some = _wanted(view, view.resources[name], arguments, wanted)
        if some:
            shown.append(some)
        elif arguments.names and wanted is None and (number := arguments.text("cardinality")) is not None:
            raise bad(f"'{name}' has no instance {number}")
        await world.turn.next()
    return shown


def _wanted(view: View, resource: Resource, arguments: Arguments, wanted: Filter | None) -> list[Instance]:
    """The resource's instances that -w, -n, -k and -d leave over."""
    found = list(instances(view, resource))
    if wanted is not None:
        found = [instance for instance in found if matches(wanted, values(instance).get)]
    if (server := arguments.text("server")) is not None:
        found = [instance for instance in found if instance.server == server]
    if (cardinality := arguments.text("cardinality")) is not None:
        found = [instance for instance in found if values(instance)["CARDINALITY_ID"] == cardinality]
    if (degree := arguments.text("degree")) is not None:
        if cardinality is None:
            raise bad("-d needs -k")
        found = [instance for instance in found if values(instance)["DEGREE_ID"] == degree]
    return found


async def _text(world: CommandContext, view: View, shown: Sequence[Sequence[Instance]], arguments: Arguments) -> str:
    if arguments.flag("table"):
        return table(instance for group in shown for instance in group)
    parts = []
    for group in shown:
        parts.append(_block(view, group, arguments))
        await world.turn.next()
    return "\n\n".join(parts)


def _block(view: View, group: Sequence[Instance], arguments: Arguments) -> str:
    """One resource as text."""
    if arguments.flag("dependency"):
        return _dependencies(group[0].resource, arguments)
    if arguments.flag("targets"):
        return _relocation_targets(view, group[0])
    if arguments.flag("registered"):
        return f"NAME={group[0].resource.name}"
    if arguments.flag("verbose") or arguments.flag("all_values"):
        return blocks.blocks(blocks.verbose(instance) for instance in group)
    layout = blocks.profile if arguments.flag("profile") else blocks.full if arguments.flag("full") else blocks.short
    return blocks.blocks([layout(group)])


async def as_json(world: CommandContext, arguments: Arguments) -> str:
    """Every resource as JSON, for `GET /v1/resources`."""
    view = as_it_is(world)
    return await _json(world, view, await _shown(world, view, sorted(view.resources), arguments), whole=True)


async def _json(world: CommandContext, view: View, shown: Sequence[Sequence[Instance]], *, whole: bool) -> str:
    known = known_so(world, view)
    age = functools.cache(known.age)
    found: list[str] = []
    for group in shown:
        found += [json.dumps(shown_instance(instance, age).as_json(whole=whole)) for instance in group]
        await world.turn.next()
    return f'{json.dumps(head_json(known))[:-1]}, "resources": [{", ".join(found)}]}}'


def _dependencies(resource: Resource, arguments: Arguments) -> str:
    """`-dependency`: what it starts with; `-stop`: what it stops with; `-pullup`: what pulls it up."""
    chosen = resource.stop if arguments.flag("stop") else resource.start
    if arguments.flag("pullup"):
        chosen = tuple(dependency for dependency in chosen if dependency.kind is DependencyKind.PULLUP)
    return f"NAME={resource.name}\nDEPENDENCIES={print_dependencies(chosen)}"


def _relocation_targets(view: View, instance: Instance) -> str:
    """`-s`: where it might be moved."""
    return f"NAME={instance.resource.name}\nRELOCATION_TARGETS={' '.join(relocation_targets(view, instance))}"
