"""Owns how a verb ends: why something was refused is printed, and that not all of it was done. Called by the verbs."""

from collections.abc import Awaitable

from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput


async def tried(world: CommandContext, title: str, act: Awaitable[bool]) -> int:
    """The verb's exit status. `title` is its name in CRS-4000; empty: of a verb that does not say it."""
    try:
        well = await act
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well and title:
        world.say(4000, title)
    return 0 if well else 1
