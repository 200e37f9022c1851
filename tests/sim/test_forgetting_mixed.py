"""Names are deleted and made again while servers of two versions share a registry: nothing is forgotten until every daemon knows of the
floor (docs/design/0008-forgotten-names.md), and every epoch that is given is above all that the name ever had (S2, judged at each commit).
"""

from dataclasses import dataclass, replace

import pytest

from sim.mutations_forgetting import forget_before_all_know
from sim.trio import TRIO, define_trio, make_leader, trio_runs
from understudy.model.names import ResourceName
from understudy.model.view import ClusterRecord, IncarnationRecord, Look
from understudy.registry.wire import PRESENT, AnyRecord, Formats, Record
from understudy.sim.formats import NEXT
from understudy.sim.options import Options
from understudy.sim.world import World

SERVERS = ("ctr1", "ctr2", "ctr3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier(Formats):
    """What a daemon reads and writes that was made before there was a floor: it passes over it, and leaves it out of what it writes."""

    server: str

    def encode(self, record: Record, number: int) -> bytes:
        """Without what was added since; also of records that others wrote."""
        return Formats.encode(self, _without_the_floor(record), number)

    def decode_as(self, kind: type[AnyRecord], value: bytes) -> AnyRecord:
        """As it reads: nobody knows of a floor. Of itself it does not ask, where a daemon of this version does."""
        record = Formats.decode_as(self, kind, value)
        if isinstance(record, IncarnationRecord) and record.server == self.server:
            return replace(record, forgets=True)
        return _without_the_floor(record)


def _without_the_floor(record: AnyRecord) -> AnyRecord:
    match record:
        case IncarnationRecord():
            return replace(record, forgets=False)
        case ClusterRecord():
            return replace(record, epoch_floor=0)
        case Look():
            return replace(record, floor=0)
        case _:
            return record


def started(**formats: Formats) -> World:
    """All servers have joined, each in its version, and the trio runs on ctr1."""
    world = World(1, Options(servers=3, voters=3, pause_tolerance=2.0))
    for name, machine in world.machines.items():
        machine.formats = formats[name]
    world.boot()
    world.until(lambda: len(world.online()) == 3, 20, "all servers join")
    define_trio(world)
    _start(world)
    return world


def _start(world: World) -> None:
    world.start("service", on="ctr1")
    world.until(lambda: trio_runs(world, "ctr1"), 5, "the trio starts")
    world.run(1)


def made_anew(world: World) -> None:
    """Stopped, deleted, registered again, started."""
    world.stop(*TRIO)
    world.until(lambda: not any(world.runs_on(name) for name in TRIO), 5, "the trio stops")
    world.run(1)
    for name in reversed(TRIO):
        world.delete(name)
    world.run(5)


def install(world: World, name: str, formats: Formats) -> None:
    """Another version is installed on a running server, and its daemon restarted."""
    machine = world.machines[name]
    machine.formats = formats
    machine.kill_daemon()
    world.run(3)


def epochs(world: World) -> set[int]:
    """Of the trio's assignments; empty: its names are forgotten."""
    return {assignment.epoch for name in TRIO if (assignment := world.view().assignments.get(ResourceName(name))) is not None}


@pytest.mark.parametrize("leader", ["ctr1", "ctr3"])
def test_nothing_is_forgotten_while_a_daemon_does_not_know_of_the_floor(leader: str) -> None:
    """Whoever leads; what is recreated goes on above its old epochs. Deleted names are forgotten only after the last upgrade."""
    earlier = {name: Earlier(server=name) for name in SERVERS}
    with started(**earlier) as world:
        given = max(epochs(world))
        for upgraded in ("ctr1", "ctr2"):
            install(world, upgraded, PRESENT)
            make_leader(world, leader)
            made_anew(world)
            assert epochs(world), f"not forgotten, for ctr3 does not know of the floor; {upgraded} is upgraded"
            assert world.view().epoch_floor == 0
            given = _begin_again(world, above=given)

        install(world, "ctr3", PRESENT)
        made_anew(world)
        world.until(lambda: not epochs(world), 10, "the names are forgotten")
        assert world.view().epoch_floor >= given
        _begin_again(world, above=given)


def _begin_again(world: World, *, above: int) -> int:
    """The names are registered and started again, each above that epoch; the highest that was given."""
    define_trio(world)
    _start(world)
    assert min(epochs(world)) > above
    return max(epochs(world))


def test_without_the_clause_a_name_is_forgotten_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that does not know of the floor then leads, and begins it again at epoch 1."""
    forget_before_all_know(monkeypatch)

    with started(ctr1=PRESENT, ctr2=PRESENT, ctr3=Earlier(server="ctr3")) as world:
        make_leader(world, "ctr1")
        made_anew(world)
        assert not epochs(world)
        make_leader(world, "ctr3")
        define_trio(world)
        with pytest.raises(AssertionError, match=r"S2: .* is given epoch 1, and had"):
            _start(world)


@pytest.mark.parametrize("leader", ["ctr1", "ctr3"])
def test_names_are_forgotten_in_the_older_format_while_formats_are_mixed(leader: str) -> None:
    """Both versions know of the floor, so that an upgrade which takes weeks keeps no name; and it outlives the change of the format."""
    with started(**dict.fromkeys(SERVERS, PRESENT)) as world:
        given = max(epochs(world))
        for upgraded in SERVERS:
            install(world, upgraded, NEXT)
            make_leader(world, leader)
            made_anew(world)
            world.until(lambda: not epochs(world), 10, "the names are forgotten")
            assert world.view().epoch_floor >= given
            given = _begin_again(world, above=given)
