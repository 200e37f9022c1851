"""Whole runs on prepared servers: what is planned, done, verified and taken back, for every release that there is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from openstack.trees import desired_of, make_trees, photograph
from understudy.openstack.core.compare import Comparison
from understudy.openstack.core.states import PlaceState
from understudy.openstack.ground import ServerGround
from understudy.openstack.kept import FormerStates
from understudy.openstack.releases import release_names
from understudy.openstack.work import apply, undo

RELEASES = release_names()
SOME = ("mysql", "keystone", "horizon", "swift")


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


@pytest.mark.parametrize("release", RELEASES)
def test_apply_makes_everything_right_and_undo_puts_every_byte_back(release: str, place: Path) -> None:
    """One run is enough, a second changes nothing; then content, owners, modes and links are as before, and what was not there is gone."""
    grounds, wanted, kept = make_trees(place / "trees", release), desired_of(release), FormerStates(place / "kept")
    before = photograph(place / "trees")
    with kept.held():
        outcome, planned = apply(wanted, grounds, kept, silent)
        assert outcome.left == []
        assert len(outcome.done) == len(planned.steps) > 40
        after = photograph(place / "trees")
        assert after != before

        again, planned = apply(wanted, grounds, kept, silent)
        assert (again.done, planned.steps) == ([], ())
        assert {judged.verdict for judged in planned.judged} == {Comparison.RIGHT}
        assert photograph(place / "trees") == after

        assert undo(kept, grounds, None, silent, force=False).left == []

    assert photograph(place / "trees") == before
    assert kept.formers() == ()


class Interrupted(Exception):
    """The process ends here."""


class EndingServer:
    """A server in the middle of whose steps the process ends: just before the next change, or just after it."""

    def __init__(self, ground: ServerGround) -> None:
        self._ground = ground
        self.before = self.after = False

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        return self._ground.look(places)

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        if self.before:
            raise Interrupted
        done = self._ground.put(place, before, after)
        if self.after:
            raise Interrupted
        return done

    def settle(self) -> None:
        self._ground.settle()

    def close(self) -> None:
        """Nothing is open."""


def interrupted_everywhere(release: str, place: Path, projects: Sequence[str]) -> None:
    """Every step in turn is the last of a process, before and after its change; in the end all is as after one run, and can be undone."""
    wanted = desired_of(release, projects)
    with FormerStates(place / "kept1").held():
        straight, _ = apply(wanted, make_trees(place / "straight", release), FormerStates(place / "kept1"), silent)
    grounds = {name: EndingServer(tree) for name, tree in make_trees(place / "trees", release).items()}
    kept, before = FormerStates(place / "kept"), photograph(place / "trees")
    moments = iter(["before", "after"] * len(straight.done))
    with kept.held():
        for moment in moments:
            for ground in grounds.values():
                ground.before, ground.after = moment == "before", moment == "after"
            with pytest.raises(Interrupted):
                apply(wanted, grounds, kept, silent)
        assert apply(wanted, grounds, kept, silent)[0].done == []
        assert photograph(place / "trees") == photograph(place / "straight")

        for ground in grounds.values():
            ground.before = ground.after = False
        assert undo(kept, grounds, None, silent, force=False).left == []

    assert photograph(place / "trees") == before


@pytest.mark.parametrize("release", RELEASES)
def test_an_interruption_at_any_step_is_made_good_by_the_next_run(release: str, place: Path) -> None:
    """With some projects; the long test has them all."""
    interrupted_everywhere(release, place, SOME)


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_an_interruption_at_any_step_of_a_whole_site_is_made_good(release: str, place: Path) -> None:
    """All projects."""
    interrupted_everywhere(release, place, ())


@pytest.mark.parametrize("release", RELEASES)
def test_an_undo_that_is_interrupted_goes_on(release: str, place: Path) -> None:
    """Each change back is the last of a process; what is left goes on with the next."""
    trees, wanted, kept = make_trees(place / "trees", release), desired_of(release, SOME), FormerStates(place / "kept")
    before = photograph(place / "trees")
    with kept.held():
        apply(wanted, trees, kept, silent)
        grounds = {name: EndingServer(tree) for name, tree in trees.items()}
        for ground in grounds.values():
            ground.after = True
        while kept.formers():
            try:
                undo(kept, grounds, None, silent, force=False)
            except Interrupted:
                continue

    assert photograph(place / "trees") == before
