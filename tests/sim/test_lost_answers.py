"""What a leader, or who would be one, has written, and never gets an answer to: the history tells it all the same, and once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sim.present import incarnation_of, instead_of
from sim.trio import cluster, make_leader
from understudy.model import events
from understudy.model.state import Life
from understudy.model.view import Event, IncarnationRecord
from understudy.registry import keys, wire
from understudy.sim.link import Written
from understudy.sim.world import World


def _lose_the_answer(world: World, to: Callable[[Written], bool]) -> list[Written]:
    """Of the first such commit: it is carried out, and nobody receives that. What was lost."""
    lost: list[Written] = []
    arrive = world.hub.arrive

    @instead_of(world.hub.arrive)
    def watched(written: Written) -> None:
        if not lost and to(written):
            lost.append(written)
            written = replace(written, answer=lambda _: None)
        arrive(written)

    return lost


def _writes(key: str, life: Life | None = None) -> Callable[[Written], bool]:
    """Whether a commit writes this; `life`: with this one in it."""

    def does(written: Written) -> bool:
        for write in written.commit.writes:
            if write.key == key and write.value is not None:
                record = wire.decode(key, write.value)
                return life is None or (isinstance(record, IncarnationRecord) and record.life is life)
        return False

    return does


def _told(world: World, kind: str, on: str, since: int) -> list[str]:
    """The causes of these lines of the history since a revision."""
    told: list[str] = []
    for entry in world.hub.store.read(keys.HISTORY)[1]:
        event = wire.decode(entry.key, entry.value)
        assert isinstance(event, Event)
        if entry.revision > since and event.kind == kind and event.on == on:
            told.append(event.cause)
    return told


@pytest.mark.parametrize("struck", ["ctr1", "ctr3"])
def test_that_a_server_is_lost(struck: str) -> None:
    """The leader itself, whose term is taken in the same commit, and another server; each is cut from the two others."""
    with cluster() as world:
        make_leader(world, "ctr1")
        since = world.hub.store.revision
        lost = _lose_the_answer(world, _writes(keys.incarnation(incarnation_of(world, struck)), Life.LOST))
        for other in world.machines.keys() - {struck}:
            world.cut_from(struck, other)
        world.run(5)

        assert lost
        assert _told(world, events.LOST, struck, since)[:1] == ["a majority of voters silent in one round"]
        if struck == "ctr1":
            assert _told(world, events.LEADER, lost[0].server, since) == ["ctr1 is lost"]


def test_that_a_server_has_left() -> None:
    """By its farewell."""
    with cluster() as world:
        make_leader(world, "ctr1")
        since = world.hub.store.revision
        lost = _lose_the_answer(world, _writes(keys.incarnation(incarnation_of(world, "ctr3")), Life.LEFT))
        world.leave("ctr3")
        world.run(10)

        assert lost
        assert _told(world, events.LEFT, "ctr3", since) == ["farewell"]


def test_that_a_leader_took_the_term() -> None:
    """Because the one before it made no progress."""
    with cluster() as world:
        make_leader(world, "ctr1")
        since = world.hub.store.revision
        lost = _lose_the_answer(world, _writes(keys.LEADER))
        world.cut_registry("ctr1")
        world.run(10)

        assert lost
        assert [cause for name in ("ctr2", "ctr3") for cause in _told(world, events.LEADER, name, since)] == ["no progress by ctr1"]
