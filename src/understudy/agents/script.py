"""The agent for action scripts: `SCRIPT start|stop|check|clean|abort`, run as the resource's owner in its control group.

Called by the executor. What an exit status means is the kind's to say (`kinds/script.py`). Never looks at the script
itself: its storage may hang, and only the action's own process may wait for it.
"""

import asyncio

from understudy.agents.contract import Agent, Context, Ended, silence
from understudy.agents.output import read_output
from understudy.kinds.observed import Observed
from understudy.kinds.script import read_status
from understudy.ports import ActionOutcome, ActionRequest, Evidence

_REAPED_S = (0.01, 0.04, 0.1)
_ONLINE = 0


async def _act(request: ActionRequest, context: Context) -> ActionOutcome:
    path = request.parameters.get("script", "")
    if not path.startswith("/"):
        return silence("no-script", f"ACTION_SCRIPT is {path!r}: it must be an absolute path")
    housed = context.housed(request.resource)
    word = request.parameters.get("custom", "") if request.action == "custom" else request.action
    ended = await context.command(request, (path, word))
    if request.action == "check" and ended.status == _ONLINE and housed is False:
        ended = await _ask_again(request, context, path)
    said = read_output(ended.text)
    observed = None if ended.status is None else read_status(request.action, ended.status)
    evidence: Evidence = "silent" if observed is None else "answered"
    if observed is Observed.OFFLINE and context.housed(request.resource) is False:
        evidence = "gone"  # the script says no, and the kernel says that no process of it is alive
    return ActionOutcome(
        observed=observed,
        status=ended.status,
        evidence=evidence,
        output=said.lines,
        details=said.details,
        unanswered=ended.unanswered,
        killed=ended.killed,
    )


async def _ask_again(request: ActionRequest, context: Context, path: str) -> Ended:
    """The script says yes, the kernel says that nothing runs in the group. A script that looks at a process id is deceived by a dead
    process that init has not yet reaped; if it insists, the service runs elsewhere."""
    for pause_s in _REAPED_S:
        await asyncio.sleep(pause_s)
        ended = await context.command(request, (path, request.action))
        if ended.status != _ONLINE:
            return ended
    context.moved_out(request.resource)
    return ended


AGENT = Agent(start=_act, stop=_act, check=_act, clean=_act, abort=_act, custom=_act)
