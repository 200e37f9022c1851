"""The product with one clause taken out of how it divides what is too much for one commit. Called by `sim/test_mutations.py`."""

from collections.abc import Iterator, Sequence
from typing import Any

from understudy.daemon import leader
from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part, PartsWritten
from understudy.policy import bounded
from understudy.policy.plan import Step
from understudy.registry import keys


def divide_groups(patch: Any) -> None:
    """Every record of a plan goes in a commit of its own, those of a group too."""

    def each_alone(step: Step, most: int) -> Iterator[Step]:
        yield from bounded._apart(step, 1)

    patch.setattr(leader, "bounded", each_alone)


def tell_the_look_first(patch: Any) -> None:
    """What a server has looked at is told before what it has found."""
    original = Mirror.commit_parts

    async def commit_parts(self: Mirror, parts: Sequence[Part], *, unchanged: Sequence[str] = ()) -> PartsWritten:
        looks = [one for one in parts if any(key.startswith(keys.LOOK) for key in one.writes)]
        for one in looks:
            await self.commit(one.writes, unchanged=unchanged)
        left = [one for one in parts if one not in looks]
        written = await original(self, left, unchanged=unchanged)
        return PartsWritten(done=written.done + len(looks), first=written.first, last=written.last)

    patch.setattr(Mirror, "commit_parts", commit_parts)
