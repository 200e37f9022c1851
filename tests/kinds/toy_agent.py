"""A toy, done: what `agents/NAME.py` would hold."""

import shutil

from understudy.agents.contract import Agent, Context, done, refusal
from understudy.linux.mounts import is_mounted
from understudy.ports import ActionOutcome, ActionRequest


async def _start(request: ActionRequest, context: Context) -> ActionOutcome:
    ended = await context.command(request, (shutil.which("mount") or "", "-t", "tmpfs", "scratch", request.parameters["point"]))
    return done(request) if ended.status == 0 else refusal(request, ended.text)


async def _stop(request: ActionRequest, context: Context) -> ActionOutcome:
    if is_mounted(request.parameters["point"]):
        await context.command(request, (shutil.which("umount") or "", request.parameters["point"]))
    return await _check(request, context)


async def _check(request: ActionRequest, context: Context) -> ActionOutcome:
    here = is_mounted(request.parameters["point"])
    return done(request) if here is (request.action == "check") else refusal(request, "mounted" if here else "not mounted")


AGENT = Agent(start=_start, stop=_stop, check=_check, clean=_stop)
