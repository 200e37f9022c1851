"""Rolling upgrades: daemons of this version and of a pretended next one (`sim/formats.py`) share a registry, and everything goes on."""

from itertools import permutations

import pytest

from sim.trio import TRIO, running_trio, trio_runs
from understudy.registry.wire import PRESENT, Formats
from understudy.sim.formats import NEXT
from understudy.sim.world import World


def formats_of(world: World) -> set[bytes]:
    """How the values in the registry begin, less the number's end."""
    return {entry.value[:6] for entry in world.hub.store.read("")[1]}


def reads(world: World, name: str) -> int | None:
    """Which format the server's present incarnation says that it reads."""
    incarnation = world.machines[name].incarnation()
    record = None if incarnation is None else world.truth.incarnations.get(incarnation)
    return None if record is None else record.format


def install(world: World, name: str, formats: Formats) -> None:
    """Another version is installed on a running server, and its daemon restarted."""
    machine = world.machines[name]
    before = machine.incarnation()
    machine.formats = formats
    machine.kill_daemon()
    world.until(lambda: reads(world, name) == formats.newest, 5, f"the daemon of {name} tells what it reads")
    world.run(1)  # its first look
    assert machine.incarnation() == before, "a restart of the daemon is no new incarnation"


def move(world: World, to: str) -> None:
    """The trio is relocated."""
    world.relocate("service", to=to)
    world.until(lambda: trio_runs(world, to), 5, f"the trio is moved to {to}")
    world.run(1)  # and says so


def upgraded() -> World:
    """The trio runs on ctr1, and all servers are of the next version."""
    world = running_trio()
    for name in world.machines:
        install(world, name, NEXT)
    world.run(1)
    return world


@pytest.mark.parametrize("order", [*permutations(("ctr1", "ctr2", "ctr3"))], ids="-".join)
def test_servers_are_upgraded_one_by_one_while_the_trio_runs(order: tuple[str, ...]) -> None:
    """It runs on, is moved between old and new servers, and new values come only when the last old server is gone."""
    with running_trio() as world:
        where = "ctr1"
        for name in order:
            assert formats_of(world) == {b'{"v":1'}
            install(world, name, NEXT)
            assert trio_runs(world, where), "nothing that runs notices"
            where = "ctr2" if where == "ctr1" else "ctr1"
            move(world, where)

        assert b'{"v":2' in formats_of(world)
        world.dies("service", on=where)
        world.until(lambda: trio_runs(world, where), 5, "what dies is restarted")


@pytest.mark.parametrize("version", [PRESENT, NEXT], ids=["old", "new"])
def test_a_server_loses_power_in_the_middle_of_an_upgrade(version: Formats) -> None:
    """The trio's: it runs elsewhere, and its server comes back as what it was, although the others are of the next version by now."""
    with running_trio() as world:
        install(world, "ctr1", version)
        install(world, "ctr2", NEXT)
        world.power_off("ctr1")
        world.until(lambda: trio_runs(world, "ctr2"), 10, "the trio starts elsewhere")
        install(world, "ctr3", NEXT)
        world.run(2)
        assert (b'{"v":2' in formats_of(world)) == (version is NEXT)

        world.boot("ctr1")
        world.until(lambda: len(world.online()) == 3, 20, "it comes back")
        move(world, "ctr1")
        install(world, "ctr1", NEXT)
        world.stop("address")
        world.until(lambda: not any(world.runs_on(name) for name in TRIO), 5, "the trio is stopped")
        assert b'{"v":2' in formats_of(world), "nobody had to say that the upgrade is over"


def test_power_is_lost_everywhere_in_the_middle_of_an_upgrade() -> None:
    """The first server back, which proves the old incarnations of the others lost, does not consider the upgrade done."""
    with running_trio() as world:
        install(world, "ctr3", NEXT)
        world.power_off()
        world.boot("ctr3")
        world.run(5)
        world.boot("ctr2")
        world.until(lambda: trio_runs(world, "ctr2"), 20, "the trio starts where it can")
        assert world.leader() is not None
        world.boot("ctr1")
        world.until(lambda: len(world.online()) == 3, 20, "all come back")

        assert formats_of(world) == {b'{"v":1'}


def test_an_old_daemon_does_not_join_an_upgraded_cluster_and_says_why() -> None:
    """An old version is installed on a server, by mistake: it touches nothing, and joins when it is of the next version again."""
    with upgraded() as world:
        world.power_off("ctr3")
        world.run(5)
        world.machines["ctr3"].formats = PRESENT
        world.boot("ctr3")
        world.run(10)

        assert reads(world, "ctr3") is None
        assert len(world.online()) == 2
        assert "written in format 2 by a newer Understudy; this one reads up to 1: upgrade this server" in world.trace.all()
        assert trio_runs(world, "ctr1")

        world.machines["ctr3"].formats = NEXT
        world.until(lambda: len(world.online()) == 3, 10, "its next daemon joins")


def test_an_upgrade_is_taken_back_while_it_is_underway() -> None:
    """As long as one server is old, each of the others may be old again: what they wrote in the meantime is in the old format."""
    with running_trio() as world:
        install(world, "ctr1", NEXT)
        install(world, "ctr2", NEXT)
        install(world, "ctr1", PRESENT)
        install(world, "ctr2", PRESENT)
        move(world, "ctr2")

        assert formats_of(world) == {b'{"v":1'}


def test_a_daemon_that_is_taken_back_too_late_ends_and_what_it_runs_stays() -> None:
    """It cannot read, so it decides nothing; the guard holds on, and the next version finds everything as it was."""
    with upgraded() as world:
        machine = world.machines["ctr1"]
        machine.formats = PRESENT
        machine.kill_daemon()
        world.run(5)
        assert trio_runs(world, "ctr1")

        machine.formats = NEXT
        world.run(2)
        move(world, "ctr2")
