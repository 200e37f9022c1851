"""The product with one clause taken out of how it divides what is too much for one commit. Called by `sim/test_mutations.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cutting import Patch, cut, exchange
from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part, PartsWritten
from understudy.model import looks
from understudy.model.names import ResourceName
from understudy.model.view import Look, View
from understudy.policy import bounded, eras
from understudy.policy.plan import Step
from understudy.registry import keys


def divide_groups(patch: Patch) -> None:
    """Every record of a plan goes in a commit of its own, those of a group too."""

    def each_alone(step: Step, most: int) -> Iterator[Step]:
        yield from bounded._apart(step, 1)

    exchange(patch, bounded.bounded)(each_alone)


def tell_the_look_first(patch: Patch) -> None:
    """What a server has looked at is recorded before what it has found."""
    original = Mirror.commit_parts

    async def commit_parts(self: Mirror, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        named = tuple(unchanged)
        told = [part for part in parts if any(key.startswith(keys.LOOK) for key in part.writes)]
        for look in told:
            await self.commit(look.writes, decided_on=self.view, unchanged=named)
        left = [part for part in parts if part not in told]
        written = await original(self, left, decided_on=self.view, unchanged=named)
        return PartsWritten(done=written.done + len(told), first=written.first, last=written.last)

    exchange(patch, Mirror.commit_parts)(commit_parts)


def believe_pages_of_other_lives(patch: Patch) -> None:
    """What an earlier incarnation of a server has looked at counts for the present one."""
    cut(patch, looks.belongs, "page.incarnation == look.incarnation and ", "")


def write_the_first_page_first(patch: Patch) -> None:
    """A look's page 0 is written before the others, which may not follow: they do not fit its commit, and the next one may be lost."""
    original = looks.PageIndex.changed

    def changed(self: looks.PageIndex, first: Look, entries: Mapping[ResourceName, looks.LookEntry]) -> dict[int, Look | None]:
        return dict(sorted(original(self, first, entries).items()))

    exchange(patch, looks.PageIndex.changed)(changed)


def believe_who_has_a_first_page(patch: Patch) -> None:
    """After the registry went back, who has written page 0 of a look is believed to have looked at everything: it is written last."""
    cut(patch, eras._has_looked, "if view.looked(record.server, record.incarnation, resource):", "if has_reported(view, record):")
