"""A resource with several instances in whole clusters: losses, a daemon that begins anew, a registry that went back (design 0027).

Whatever happens each instance is on one server, and no two are on one: the truth judges that at every instant.
"""

import pytest

from understudy.model.cardinality import assigned
from understudy.model.names import ResourceName
from understudy.sim.options import Options
from understudy.sim.world import World

WEB = ResourceName("web")


def begun(world: World, cardinality: str = "2") -> None:
    """All servers are ONLINE, and all instances run."""
    world.boot()
    world.until(lambda: len(world.online()) == len(world.machines), 30.0, "all servers join")
    world.define("web", cardinality=cardinality, check_interval="3")
    world.start("web")
    world.until(lambda: len(places(world)) == min(int(cardinality), 3), 5.0, "it runs")


def places(world: World) -> list[str]:
    """Where it truly runs."""
    return [name for name, machine in world.machines.items() if machine.up and machine.services.service(WEB).alive]


def owners(world: World) -> dict[str, str]:
    """To which server each instance belongs."""
    return {name: "" if each.owner is None else each.owner.server for name, each in assigned(world.view(), WEB)}


@pytest.fixture
def world() -> World:
    return World(7, Options(pause_tolerance=0.5))


def test_one_is_lost_with_its_server_and_starts_on_the_third(world: World) -> None:
    with world:
        begun(world)
        assert owners(world) == {"web": "ctr1", "web@2": "ctr2"}

        world.power_off("ctr1")
        world.until(lambda: places(world) == ["ctr2", "ctr3"], 5.0, "it starts on the third")

        assert owners(world) == {"web": "ctr3", "web@2": "ctr2"}
        assert ("ctr2", WEB) not in world.truth.died, "the other did not notice"


def test_without_a_server_it_waits_and_starts_when_there_is_one(world: World) -> None:
    with world:
        begun(world, "3")
        world.power_off("ctr1")
        world.run(5.0)
        assert places(world) == ["ctr2", "ctr3"]

        world.boot("ctr1")
        world.until(lambda: places(world) == ["ctr1", "ctr2", "ctr3"], 15.0, "it starts again")


def test_what_dies_is_restarted_where_it_is_by_a_new_daemon_without_the_registry(world: World) -> None:
    with world:
        begun(world)
        world.run(2.0)
        world.registry_away()
        world.machines["ctr2"].kill_daemon()
        world.run(3.0)
        world.dies("web", on="ctr2")
        world.until(lambda: places(world) == ["ctr1", "ctr2"], 10.0, "it is restarted")


def test_a_registry_from_before_a_move_gives_nothing_away_twice(world: World) -> None:
    with world:
        begun(world)
        world.copy_registry()
        world.relocate("web", to="ctr3")  # of the two the second moves
        world.until(lambda: places(world) == ["ctr1", "ctr3"], 5.0, "it moves")
        world.set_back()
        world.until(lambda: not world.view().recovering and world.view().era > 1, 20.0, "it is known again what runs where")
        world.run(2.0)

        assert places(world) == ["ctr1", "ctr3"]
        assert sorted(owners(world).values()) == ["ctr1", "ctr3"]


def test_a_registry_made_anew_takes_what_runs_for_what_is_registered_again(world: World) -> None:
    with world:
        begun(world)
        world.set_back(0)
        world.until(lambda: len(world.online()) == 3, 20.0, "all servers are there again")
        world.register_again()
        world.run(8.0)

        assert places(world) == ["ctr1", "ctr2"]
        assert sorted(owners(world).values()) == ["ctr1", "ctr2"]


def test_with_fewer_the_highest_number_stops_and_is_forgotten(world: World) -> None:
    with world:
        begun(world)
        world.modify("web", cardinality="1")
        world.until(lambda: places(world) == ["ctr1"], 5.0, "one stops")
        world.run(5.0)
        assert list(owners(world)) == ["web"]

        world.modify("web", cardinality="3")
        world.until(lambda: len(places(world)) == 3, 5.0, "as many as are wanted run")
