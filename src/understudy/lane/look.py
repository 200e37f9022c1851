"""What this server can say of each resource after its first look (S6): whether it was seen to run or not, or that is not known."""

from collections.abc import Mapping
from dataclasses import replace

from understudy.lane.local import Local
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import Look


def look_at(resources: Mapping[ResourceName, Resource], locals: Mapping[ResourceName, Local], before: Look) -> Look:
    """The look to be written; `before` is what this incarnation has written, perhaps by a daemon that died: what was seen stays seen.

    A check that does not answer ends the look as well. Where the kernel says that something of it runs, the report says so instead.
    """
    looked: dict[ResourceName, str] = {}
    untold: dict[ResourceName, str] = {}
    for name, resource in resources.items():
        local = locals.get(name)
        if before.looked.get(name) == resource.uid:
            looked[name] = resource.uid
        elif local is None or local.uid != resource.uid:
            continue
        elif local.state is not None or (local.silent and not local.empty):
            looked[name] = resource.uid
        elif local.silent:
            untold[name] = resource.uid
    return replace(before, looked=looked, untold=untold)
