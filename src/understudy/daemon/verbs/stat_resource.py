"""`crsctl stat resource`: everything that is known of resources, from memory. Changes nothing and waits for nothing."""

import json
from collections.abc import Sequence

from understudy.daemon.facts import Instance, find, instances, values
from understudy.daemon.text import blocks
from understudy.daemon.text.tables import table
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.named import check_server_name, resource_filter
from understudy.daemon.verbs.truth import age, as_it_is, as_json, head, now_so
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput, Refused
from understudy.model.dependencies import print_dependencies
from understudy.model.filters import Filter, matches
from understudy.model.names import ResourceName
from understudy.model.resource import Kind, Resource
from understudy.model.state import State
from understudy.model.view import View
from understudy.policy.eligibility import standings


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view, well = as_it_is(world), True
    head(world)
    try:
        check_server_name(world, view, arguments.text("server"))
        names = _named(world, view, arguments)
        well = not arguments.names or len(names) == len(arguments.names)
        wanted = resource_filter(view, text) if (text := arguments.text("filter")) is not None else None
        shown = [some for name in names if (some := _wanted(view, view.resources[name], arguments, wanted))]
        text = _json(world, view, shown, arguments) if arguments.flag("json") else _text(view, shown, arguments)
        if text:
            world.output.out(text)
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Status")
    return 0 if well else 1


def _named(world: World, view: View, arguments: Arguments) -> list[ResourceName]:
    if not arguments.names:
        return sorted(view.resources)
    found = []
    for name in arguments.names:
        try:
            found.append(find(view, name).name)
        except Refused as refused:
            world.refuse(refused)
    return found


def _wanted(view: View, resource: Resource, arguments: Arguments, wanted: Filter | None) -> list[Instance]:
    """The resource's instances that -w, -n, -k and -d leave over."""
    found = list(instances(view, resource))
    if wanted is not None:
        found = [one for one in found if matches(wanted, values(one).get)]
    if (server := arguments.text("server")) is not None:
        found = [one for one in found if one.server == server]
    if (cardinality := arguments.text("cardinality")) is not None:
        found = [one for one in found if values(one)["CARDINALITY_ID"] == cardinality]
    if (degree := arguments.text("degree")) is not None:
        if cardinality is None:
            raise bad("-d needs -k")
        found = [one for one in found if values(one)["DEGREE_ID"] == degree]
    return found


def _text(view: View, shown: Sequence[Sequence[Instance]], arguments: Arguments) -> str:
    if arguments.flag("table"):
        return table(one for group in shown for one in group)
    if not shown:
        return ""
    if arguments.flag("dependency"):
        return "\n\n".join(_dependencies(group[0].resource, arguments) for group in shown)
    if arguments.flag("targets"):
        return "\n\n".join(_relocation_targets(view, group[0]) for group in shown)
    if arguments.flag("registered"):
        return "\n\n".join(f"NAME={group[0].resource.name}" for group in shown)
    if arguments.flag("verbose") or arguments.flag("all_values"):
        return blocks.blocks(blocks.verbose(one) for group in shown for one in group)
    layout = blocks.profile if arguments.flag("profile") else blocks.full if arguments.flag("full") else blocks.short
    return blocks.blocks(layout(group) for group in shown)


def _json(world: World, view: View, shown: Sequence[Sequence[Instance]], arguments: Arguments) -> str:
    whole = arguments.flag("profile") or arguments.flag("full") or arguments.flag("verbose")
    found = [{**blocks.as_json(one, values if whole else None), **_age(world, view, one)} for group in shown for one in group]
    known = {"revision": view.revision, "registry_reachable": world.mirror.reachable, "conditions": as_json(now_so(world))}
    return json.dumps({**known, "resources": found})


def _age(world: World, view: View, one: Instance) -> dict[str, object]:
    """How old in seconds what is said of an instance is, and what is known of the lease of its server; of one that is nowhere: of its
    last."""
    server = one.server or (one.report.server if one.report else None)
    age_s, held = age(world, view, server)
    return {"age_s": round(age_s, 1), "lease": held.value}


def _dependencies(resource: Resource, arguments: Arguments) -> str:
    """`-dependency`: what it starts with; `-stop`: what it stops with; `-pullup`: what pulls it up."""
    chosen = resource.stop if arguments.flag("stop") else resource.start
    if arguments.flag("pullup"):
        chosen = tuple(one for one in chosen if one.kind is Kind.PULLUP)
    return f"NAME={resource.name}\nDEPENDENCIES={print_dependencies(chosen)}"


def _relocation_targets(view: View, one: Instance) -> str:
    """`-s`: where it might be moved."""
    here = one.server if one.state is not State.OFFLINE else None
    names = [each.server for each in standings(view, one.resource.name) if each.admitted and each.server != here]
    return f"NAME={one.resource.name}\nRELOCATION_TARGETS={' '.join(names)}"
