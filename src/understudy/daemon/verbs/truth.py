"""What is true this minute, for the verbs: the conditions that they show, the View that they may show, and whether anything can be done.

Called by every verb that claims that something runs, and by those that change something before they begin. The words are
`policy/conditions.py`'s; nothing is decided here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from understudy.daemon.shown.known import KnownHere
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext
from understudy.model.conditions import Condition, ConditionKind, Weight
from understudy.model.names import ServerName
from understudy.model.view import View
from understudy.policy.conditions import conditions, nothing_can_be_done
from understudy.policy.vouched import vouched

Run = Callable[[CommandContext, Arguments], Awaitable[int]]
Read = Callable[[CommandContext, Arguments], Awaitable[str]]
"""What a verb that only shows answers as JSON, for `--json` and over HTTP alike. BadInput: what is named cannot be shown."""
LOOK_EVERY_S = 0.5
"""How often a verb that waits looks whether something has come between."""
WAITED_S = 2.0
"""A command that has waited for so long also prints what was wrong before it began: it may be what it waits for."""


def now_so(world: CommandContext, view: View | None = None) -> tuple[Condition, ...]:
    """Everything that is not as it should be, as far as this server knows."""
    return () if world.own is None else conditions(view or world.mirror.view, world.own())


def as_it_is(world: CommandContext, view: View | None = None) -> View:
    """The View with what can be vouched for: this server's own word about itself, and of others no more than is known."""
    before = view or world.mirror.view
    return before if world.own is None else vouched(before, world.own())


def known_so(world: CommandContext, view: View | None = None) -> KnownHere:
    """What may be said this minute. `view` is what is shown of; without one it is that which can be vouched for."""
    return KnownHere(
        view=as_it_is(world) if view is None else view,
        settings=world.settings,
        conditions=now_so(world),
        own=None if world.own is None else world.own(),
        reachable=world.mirror.reachable,
    )


def head(world: CommandContext) -> None:
    """Before an answer that claims that something runs: what is not as it should be, on standard error, so that the answer stays what it
    was."""
    for condition in now_so(world):
        world.output.err(condition.line)


def only_if_possible(run: Run, title: str, *, registry_alone: bool = False) -> Run:
    """The verb, refused at once where nobody could do it now, with why and what to do; what comes between while it waits is printed.

    `registry_alone`: it only writes something down.
    """

    async def checked(world: CommandContext, arguments: Arguments) -> int:
        why = nothing_can_be_done(now_so(world), registry_alone=registry_alone)
        if why is not None:
            world.say(20148)
            world.output.out(why.line)
            world.say(4000, title)
            return 1
        async with telling(world):
            return await run(world, arguments)

    return checked


@contextlib.asynccontextmanager
async def telling(world: CommandContext) -> AsyncIterator[None]:
    """While a verb waits: each state that begins is printed when it does, and after a while those that were there before."""
    if world.rehearsal is not None:  # the states of this minute are not those of a rehearsal
        yield
        return
    task = asyncio.ensure_future(_say_states(world))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _say_states(world: CommandContext) -> None:
    known, said = {(condition.kind, condition.about) for condition in now_so(world)}, set[tuple[ConditionKind, ServerName | None]]()
    waited_s = 0.0
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        waited_s += LOOK_EVERY_S
        found = {(condition.kind, condition.about): condition for condition in now_so(world) if condition.weight is Weight.DOWN}
        for key, present in found.items():
            if key not in said and (key not in known or waited_s >= WAITED_S):
                world.output.err(present.line)
                said.add(key)
        said, known = said & found.keys(), known & found.keys()
