"""Owns what becomes of TARGETs when a start has failed: they are as they were before the command, unless somebody relies on them since.

Called by `start.py` after the waiting. What only the failed ones needed, and was started for them, is stopped again. A caller that has
gone away was told that what it asked for stays wanted: then nothing is put back.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from understudy.daemon.verbs.follow import Watch, deadline, follow, stopped
from understudy.daemon.verbs.world import Change, World, commit
from understudy.intent.facts import instances, may_be_running
from understudy.model import events
from understudy.model.names import ResourceName
from understudy.model.state import State, Target
from understudy.model.view import TargetRecord, View
from understudy.registry import keys

Needs = Callable[[View, Iterable[ResourceName]], tuple[ResourceName, ...]]
"""The names with everything they need to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a start has changed, and on what View."""

    before: View
    wrote: Mapping[ResourceName, TargetRecord]
    needs: Needs


def to_put_back(view: View, attempt: Attempt, failed: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """The failed ones, and what only they need, whose TARGET this start has changed and nobody else since."""
    down = set(failed)
    left = {name for name in down if _is_up_somewhere(view, name)}
    found = {name for name in attempt.needs(view, down) if _is_ours(view, attempt, name)} - left
    wanted = [name for name in view.resources if view.target(name) is Target.ONLINE and name not in found]
    return tuple(sorted(found - set(attempt.needs(view, wanted))))


def _is_ours(view: View, attempt: Attempt, name: ResourceName) -> bool:
    """Not what ran before."""
    return name in attempt.wrote and view.targets.get(name) == attempt.wrote[name] and not may_be_running(attempt.before, name)


def _is_up_somewhere(view: View, name: ResourceName) -> bool:
    """Of a local resource that has failed on some server only: that is left, and the rest goes on trying."""
    resource = view.resources[name]
    return resource.local and any(one.state is not State.OFFLINE for one in instances(view, resource))


async def put_back(world: World, attempt: Attempt, failed: tuple[ResourceName, ...]) -> None:
    """Put the TARGETs back, say so, and follow what stops because of it."""
    names: tuple[ResourceName, ...] = ()

    def decide(view: View) -> Change:
        nonlocal names
        names = to_put_back(view, attempt, failed)
        earlier = attempt.before.targets
        writes: dict[str, object] = {
            keys.target(name): earlier.get(name) or TargetRecord(target=Target.OFFLINE, by=world.by) for name in names
        }
        told = tuple((events.TARGET_SET, name, f"{Target.OFFLINE.value}, as before the start that failed") for name in names)
        return Change(writes, tuple(keys.resource(name) for name in names), told)

    since = await commit(world, decide)
    if not names:
        return
    world.say(20157, ", ".join(f"'{name}'" for name in names))
    view = world.mirror.view
    running = tuple(name for name in names if may_be_running(view, name))
    if running:
        limit = deadline((view.resources[name] for name in running), 1)
        await follow(world, Watch(since=since, names=running, judge=stopped, before=view, deadline_s=limit))
