"""What is true this minute, for the verbs: the conditions that they show, the View that they may show, and whether anything can be done.

Called by every verb that claims that something runs, and by those that change something before they begin. The words are
`policy/conditions.py`'s; nothing is decided here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import World
from understudy.model.conditions import Condition, Lease, Weight
from understudy.model.names import ServerName
from understudy.model.state import ALIVE
from understudy.model.view import View
from understudy.policy.conditions import conditions, lease_of, nothing_can_be_done
from understudy.policy.vouched import age_of, vouched

Run = Callable[[World, Arguments], Awaitable[int]]
LOOK_EVERY_S = 0.5
"""How often a verb that waits looks whether something has come between."""


def now_so(world: World, view: View | None = None) -> tuple[Condition, ...]:
    """Everything that is not as it should be, as far as this server knows."""
    return () if world.own is None else conditions(view or world.mirror.view, world.own())


def as_it_is(world: World, view: View | None = None) -> View:
    """The View with what can be vouched for: this server's own word about itself, and of others no more than is known."""
    before = view or world.mirror.view
    return before if world.own is None else vouched(before, world.own())


def lease(world: World, view: View, server: ServerName) -> Lease:
    """What is known of a server's lease."""
    if world.own is not None:
        return lease_of(view, world.own(), server)
    record = view.present().get(server)
    return Lease.HELD if record is not None and record.life in ALIVE else Lease.NONE


def age(world: World, view: View, server: ServerName | None) -> tuple[float, Lease]:
    """How old what is shown of a server is, in seconds, and what is known of its lease."""
    if world.own is not None:
        return age_of(view, world.own(), server)
    return 0.0, Lease.NONE if server is None else lease(world, view, server)


def head(world: World) -> None:
    """Before an answer that claims that something runs: what is not as it should be, on standard error, so that the answer stays what it
    was."""
    for one in now_so(world):
        world.output.err(one.line)


def as_json(found: Iterable[Condition]) -> list[dict[str, object]]:
    """For `--json`."""
    return [
        {
            "kind": one.kind.value,
            "weight": one.weight.value,
            "about": one.about,
            "for_s": None if one.since_s is None else round(one.since_s, 1),
            "cause": one.cause,
            "advice": one.advice,
        }
        for one in found
    ]


def only_if_possible(run: Run, title: str, *, registry_alone: bool = False) -> Run:
    """The verb, refused at once where nobody could do it now, with why and what to do; what comes between while it waits is printed.

    `registry_alone`: it only writes something down.
    """

    async def checked(world: World, arguments: Arguments) -> int:
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
async def telling(world: World) -> AsyncIterator[None]:
    """While a verb waits: each state that begins is printed when it does, and when it is over."""
    task = asyncio.ensure_future(_tell(world))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tell(world: World) -> None:
    known = {(one.kind, one.about) for one in now_so(world)}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        found = {(one.kind, one.about): one for one in now_so(world) if one.weight is Weight.DOWN}
        for key, one in found.items():
            if key not in known:
                world.output.err(one.line)
        known = set(found)
