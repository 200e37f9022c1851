"""Owns the choice of resources a command means: by name, `-w` filter or `-all`. Called by the verbs; never changes anything."""

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.named import (
    check_instances,
    check_not_supported,
    check_words,
    compared,
    resource_filter,
    with_instance,
)
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import Refused
from understudy.intent.facts import find, instances
from understudy.model.filters import Filter, matches
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import View


def chosen(world: CommandContext, view: View, arguments: Arguments) -> tuple[tuple[ResourceName, ...], bool]:
    """The resources meant, and whether every name was known; unknown ones are reported (CRS-2613) and left out.

    With a filter only the resources it matches; `-all` is every resource that the cluster does not own itself.
    """
    check_not_supported(arguments)
    given, text, everything = arguments.names, arguments.text("filter"), arguments.flag("all")
    if sum((bool(given), text is not None, everything)) != 1:
        raise bad('give names of resources, or -w "filter", or -all')
    if text is not None:
        wanted = resource_filter(view, text)
        return with_instance(
            view, arguments, (name for name in sorted(view.resources) if matched(view, view.resources[name], wanted))
        ), True
    if everything:
        return with_instance(view, arguments, (name for name in sorted(view.resources) if not name.startswith("ora."))), True
    check_words(world, view, given)
    found, all_known = [], True
    for name in given:
        try:
            found.append(find(view, name).name)
        except Refused as refused:
            world.refuse(refused)
            all_known = False
    check_instances(view, arguments, found)
    return tuple(found), all_known


def matched(view: View, resource: Resource, wanted: Filter) -> bool:
    """Whether any instance of the resource matches."""
    return any(matches(wanted, compared(instance)) for instance in instances(view, resource))
