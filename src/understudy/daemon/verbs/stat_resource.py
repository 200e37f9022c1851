"""`crsctl stat resource`: everything that is known of resources, from memory. Changes nothing and waits for nothing."""

import functools
import json
from collections.abc import Mapping, Sequence

from understudy.daemon.shown.resources import head_json, shown_instance
from understudy.daemon.text import blocks
from understudy.daemon.text.tables import table
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.layouts import check_layout, only, picked
from understudy.daemon.verbs.named import KnownAttributes, check_server_name, compared, resource_filter
from understudy.daemon.verbs.then import then
from understudy.daemon.verbs.truth import as_it_is, head, known_so
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput, Refused
from understudy.intent.facts import Instance, evaluated, find, instances, relocation_targets, values
from understudy.model.dependencies import print_dependencies
from understudy.model.filters import Filter, matches
from understudy.model.names import ResourceName, ServerName
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.view import View

_NUMBERS = (("cardinality", "CARDINALITY_ID", "-k"), ("degree", "DEGREE_ID", "-d"))


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        world = await then(world, arguments)
    except BadInput as error:
        world.refuse(error)
        world.say(4000, "Status")
        return 1
    view, well = as_it_is(world), True
    head(world)
    try:
        check_layout(arguments)
        check_server_name(world, view, arguments.text("server"))
        names = await _named(world, view, arguments)
        well = not arguments.names or len(names) == len(arguments.names)
        _check_numbers(view, names, arguments)
        shown = await _shown(world, view, names, arguments)
        as_text = not arguments.flag("json")
        text = await _text(world, view, shown, arguments) if as_text else await _json(world, view, shown, arguments)
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
        if some := _wanted(view, view.resources[name], arguments, wanted, world.clock.wall()):
            shown.append(some)
        await world.turn.next()
    return shown


def _wanted(view: View, resource: Resource, arguments: Arguments, wanted: Filter | None, wall: float) -> list[Instance]:
    """The resource's instances that -w, -n, -k and -d leave over."""
    found = list(instances(view, resource))
    if wanted is not None:
        found = [instance for instance in found if matches(wanted, compared(instance, wall))]
    if (server := arguments.text("server")) is not None:
        found = [instance for instance in found if instance.server == server]
    for key, attribute, _ in _NUMBERS:
        if (number := arguments.text(key)) is not None:
            found = [instance for instance in found if values(instance)[attribute] == number]
    return found


def _check_numbers(view: View, names: Sequence[ResourceName], arguments: Arguments) -> None:
    """`-k` and `-d` name an instance that something has."""
    if arguments.text("degree") is not None and arguments.text("cardinality") is None:
        raise bad("-d needs -k")
    for key, attribute, option in _NUMBERS:
        if (given := arguments.text(key)) is None:
            continue
        there = {values(found)[attribute] for name in names for found in instances(view, view.resources[name])}
        if there and given not in there:
            raise bad(f"nothing that is asked for has an instance {given} ({option}); there is {', '.join(sorted(there))}")


async def _text(world: CommandContext, view: View, shown: Sequence[Sequence[Instance]], arguments: Arguments) -> str:
    if names := only(arguments, KnownAttributes(view)):
        return picked([found for group in shown for found in _attributes(group, arguments, world.clock.wall())], names, arguments)
    if arguments.flag("table"):
        return table(instance for group in shown for instance in group)
    parts = []
    for group in shown:
        parts.append(_block(world, view, group, arguments))
        await world.turn.next()
    return "\n\n".join(parts)


def _block(world: CommandContext, view: View, group: Sequence[Instance], arguments: Arguments) -> str:
    """One resource as text."""
    if arguments.flag("dependency"):
        chosen = print_dependencies(_chosen(group[0].resource, arguments))
        return f"NAME={group[0].resource.name}\nDEPENDENCIES={chosen}"
    if arguments.flag("targets"):
        return f"NAME={group[0].resource.name}\nRELOCATION_TARGETS={' '.join(_targets(view, group[0]))}"
    if arguments.flag("registered"):
        return f"NAME={group[0].resource.name}"
    if arguments.flag("verbose") or arguments.flag("all_values"):
        return blocks.blocks(blocks.verbose(instance, world.clock.wall()) for instance in group)
    layout = blocks.profile if arguments.flag("profile") else blocks.full if arguments.flag("full") else blocks.short
    if arguments.flag("evaluate") and layout is not blocks.short:
        return blocks.blocks(layout([evaluated(instance)]) for instance in group)
    each = layout is blocks.full and group[0].resource.several
    return blocks.blocks(layout([instance]) for instance in group) if each else blocks.blocks([layout(group)])


async def as_json(world: CommandContext, arguments: Arguments) -> str:
    """Every resource as JSON, for `GET /v1/resources`."""
    view = as_it_is(world)
    return await _json(world, view, await _shown(world, view, sorted(view.resources), arguments), Arguments({"full": True}))


async def _json(world: CommandContext, view: View, shown: Sequence[Sequence[Instance]], arguments: Arguments) -> str:
    known, names = known_so(world, view), only(arguments, KnownAttributes(view))
    age, whole = functools.cache(known.age), any(arguments.flag(key) for key in ("profile", "full", "verbose", "all_values"))
    found: list[str] = []
    for group in shown:
        if names:
            found += [json.dumps({name: has.get(name, "") for name in names}) for has in _attributes(group, arguments, world.clock.wall())]
        else:
            more = _more(view, group[0], arguments)
            group = [evaluated(instance) for instance in group] if arguments.flag("evaluate") else group
            found += [json.dumps({**shown_instance(instance, age).as_json(whole=whole), **more}) for instance in group]
        await world.turn.next()
    return f'{json.dumps(head_json(known))[:-1]}, "resources": [{", ".join(found)}]}}'


def _attributes(group: Sequence[Instance], arguments: Arguments, wall: float) -> list[Mapping[str, str]]:
    """Of which `-attr` chooses: with -p those of the resource, else of each instance; with -e as they count for it."""
    if arguments.flag("evaluate"):
        group = [evaluated(instance) for instance in group]
        if arguments.flag("profile"):
            return [{"NAME": found.resource.name, "TYPE": found.resource.type, **found.resource.attributes} for found in group]
    if arguments.flag("profile"):
        resource = group[0].resource
        return [{"NAME": resource.name, "TYPE": resource.type, **resource.attributes}]
    return [{**values(instance), **dict(blocks.verbose(instance, wall))} for instance in group]


def _more(view: View, instance: Instance, arguments: Arguments) -> dict[str, object]:
    """What a layout adds for machines."""
    found: dict[str, object] = {}
    if arguments.flag("dependency"):
        found["dependencies"] = print_dependencies(_chosen(instance.resource, arguments))
    if arguments.flag("targets"):
        found["relocation_targets"] = list(_targets(view, instance))
    return found


def _chosen(resource: Resource, arguments: Arguments) -> tuple[Dependency, ...]:
    """`-dependency`: what it starts with; `-stop`: what it stops with; `-pullup`: what pulls it up."""
    chosen = resource.stop if arguments.flag("stop") else resource.start
    if arguments.flag("pullup"):
        chosen = tuple(dependency for dependency in chosen if dependency.kind is DependencyKind.PULLUP)
    return chosen


def _targets(view: View, instance: Instance) -> tuple[ServerName, ...]:
    """`-s`: where it might be moved; an instance of a local resource belongs to its server."""
    return () if instance.resource.local else relocation_targets(view, instance)
