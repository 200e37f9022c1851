"""Owns putting TARGETs back when a start has failed: `intent/put_back.py` says which.

Called by `start.py` after the waiting. What only the failed ones needed, and was started for them, is stopped again. When the caller
has gone away nothing is put back: its client has printed that what it asked for stays wanted.
"""

from understudy.daemon.verbs.follow import Watch, deadline, follow
from understudy.daemon.verbs.world import CommandContext, commit
from understudy.intent import put_back as intent
from understudy.intent.facts import may_be_running
from understudy.intent.put_back import Attempt
from understudy.intent.verdicts import stopped
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName


async def put_back(world: CommandContext, attempt: Attempt, failed: tuple[ResourceName, ...]) -> None:
    """Put the TARGETs back, say so, and follow what stops because of it."""
    operator = world.operator()
    done = await commit(world, lambda view: intent.put_back(view, attempt, failed, operator))
    names = done.decided.names
    if not names:
        return
    world.say(20157, ", ".join(f"'{name}'" for name in names))
    view = apart(world.mirror.view)
    running = tuple(name for name in names if may_be_running(view, name))
    if running:
        limit = deadline((view.resources[name] for name in running), 1)
        await follow(world, Watch(since=done.revision, names=running, judge=stopped, before=view, deadline_s=limit))
