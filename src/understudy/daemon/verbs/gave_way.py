"""Owns what a start says of those that gave way to it (`exclusion(preempt_pre:)`, `preempt_post:`): they stop, and start elsewhere.

Called by `start.py` after its own waiting, be it well or not. Changes nothing.
"""

from understudy.daemon.verbs.follow import Settled, Watch, deadline, follow
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.facts import preempted, running_on
from understudy.intent.verdicts import started
from understudy.model.names import ResourceName
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.sentences import no_candidate


async def follow_those(world: CommandContext, before: View, names: tuple[ResourceName, ...], settled: Settled) -> None:
    """Those that ran when `names` were to be started, and were moved for it: until they run again, or no server may run them."""
    view = await world.mirror.refresh()
    gone = tuple(name for name in sorted(preempted(view, names)) if _has_gone(before, view, name))
    if not gone:
        return
    limit = deadline((view.resources[name] for name in gone), len(view.present()))
    after = await follow(world, Watch(since=settled.printed, names=gone, judge=started, before=before, deadline_s=limit))
    for name in after.failed:
        if name in after.view.resources:
            world.say(20582, name, ", ".join(f"'{other}'" for other in names), no_candidate(after.view, name))


def _has_gone(before: View, view: View, name: ResourceName) -> bool:
    place, assignment = running_on(before, name), view.assignments.get(name)
    if place is None or name not in view.resources or view.target(name) is not Target.ONLINE:
        return False
    owner = None if assignment is None else assignment.owner
    return owner is None or owner.server != place or running_on(view, name) is None
