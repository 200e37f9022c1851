"""The agent for `generic_application`: programs of its own, run as the resource's owner in its control group within the action's time.

Called by the executor. Without a program for stop or clean it ends what runs in the control group; nothing outside is ever signalled by
what a pid file says, which others may have written. What is looked at (pid files, processes) is looked at beside the loop.
"""

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from dataclasses import replace

from understudy.agents.aside import aside
from understudy.agents.contract import Agent, Context, Ended, done, refusal, silence
from understudy.agents.output import read_output
from understudy.agents.running import missing
from understudy.kinds import application as kind
from understudy.kinds.observed import plainly
from understudy.ports import ActionOutcome, ActionRequest, Evidence

_COMES_UP_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0)


async def _program(request: ActionRequest, context: Context, attribute: str, command: str) -> ActionOutcome:
    """One program, to its end or the request's deadline; 0 is yes, whatever the action."""
    if not (words := kind.words(command)):
        return silence("no-script", f"{attribute} is empty")
    own = {**request.environment, **kind.environment(request.parameters)}
    asked = replace(request, environment=own, parameters={**request.parameters, "called": attribute})
    return _read(request, await context.command(asked, words))


def _read(request: ActionRequest, ended: Ended) -> ActionOutcome:
    said = read_output(ended.text)
    observed = None if ended.status is None else plainly(request.action, ended.status == 0)
    return ActionOutcome(
        observed=observed,
        status=ended.status,
        evidence="silent" if observed is None else "answered",
        output=said.lines,
        details=said.details,
        unanswered=ended.unanswered,
        killed=ended.killed,
    )


async def _start(request: ActionRequest, context: Context) -> ActionOutcome:
    """Its program, and then a while for the process that it leaves behind to write its pid file, or to become what it is called by."""
    outcome = await _program(request, context, kind.START, request.parameters.get(kind.START, ""))
    if outcome.observed is plainly("start", True):
        for pause_s in _COMES_UP_S:
            with contextlib.suppress(TimeoutError):
                if not await _not_running(replace(request, timeout_s=pause_s), context):
                    break
            await asyncio.sleep(pause_s)
    return outcome


async def _stop(request: ActionRequest, context: Context) -> ActionOutcome:
    if command := request.parameters.get(kind.STOP):
        return await _program(request, context, kind.STOP, command)
    return await _end(request, context, gently=True)


async def _clean(request: ActionRequest, context: Context) -> ActionOutcome:
    if command := request.parameters.get(kind.CLEAN):
        return await _program(request, context, kind.CLEAN, command)
    return await _end(request, context, gently=False)


async def _end(request: ActionRequest, context: Context, *, gently: bool) -> ActionOutcome:
    """What runs in its control group; the check that follows says whether anything else of it is there."""
    if await context.end(request, gently=gently):
        return done(request)
    how = "SIGTERM" if gently else "SIGKILL"
    return refusal(request, f"{len(context.processes(request.resource))} processes of its control group have not ended at {how}")


# --- the check ------------------------------------------------------------------------------------------------------


async def _check(request: ActionRequest, context: Context) -> ActionOutcome:
    """Everything that is set has to say yes; where nothing is, whether a process lives in its control group."""
    housed = context.housed(request.resource)
    outcome = await _asked(request, context)
    found = outcome.observed is not None and plainly("check", True) is outcome.observed
    if found and housed is False:
        context.moved_out(request.resource)
    if outcome.observed is None or found:
        return outcome
    evidence: Evidence = "gone" if context.housed(request.resource) is False else "answered"
    return replace(outcome, evidence=evidence)


async def _asked(request: ActionRequest, context: Context) -> ActionOutcome:
    until = asyncio.get_running_loop().time() + request.timeout_s
    said = done(request)
    for command in kind.listed(request.parameters.get(kind.CHECKS, "")):
        left_s = max(until - asyncio.get_running_loop().time(), 0.001)
        said = await _program(replace(request, timeout_s=left_s), context, kind.CHECKS, command)
        if said.observed is not plainly("check", True):
            return said
    try:
        trouble = await _not_running(replace(request, timeout_s=max(until - asyncio.get_running_loop().time(), 0.001)), context)
    except TimeoutError:
        return silence("overran", "the storage of its PID_FILES does not answer")
    return refusal(request, trouble) if trouble else said


async def _not_running(request: ActionRequest, context: Context) -> str:
    """What PID_FILES and EXECUTABLE_NAMES miss, or the control group; empty: nothing."""
    parameters = request.parameters
    files, names = kind.listed(parameters.get(kind.PID_FILES, "")), kind.listed(parameters.get(kind.EXECUTABLES, ""))
    if files or names:
        own = context.processes(request.resource)
        # of what was seen in its control group, and is there no more, no stranger of the same name is taken
        user = request.user if context.housed(request.resource) is None else ""
        return await aside(functools.partial(missing, files, names, own, user), within_s=request.timeout_s, kind="pid files")
    if parameters.get(kind.CHECKS) or context.processes(request.resource):
        return ""
    return "no process of it is in its control group" + "".join(_advice(context, request))


def _advice(context: Context, request: ActionRequest) -> Iterator[str]:
    if context.housed(request.resource) is None:
        yield f"; what runs elsewhere is found by {kind.CHECKS}, {kind.PID_FILES} or {kind.EXECUTABLES}"


AGENT = Agent(start=_start, stop=_stop, check=_check, clean=_clean)
