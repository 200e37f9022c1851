"""Stories like those of `moments.py`: what fails too often, and what cannot be stopped. Called by `sim/test_mutations.py`."""

from collections.abc import Iterator
from contextlib import contextmanager

from sim.trio import cluster, make_leader
from understudy.model.names import ResourceName
from understudy.sim.world import World

DB = ResourceName("db")
COUNTED = {"failure_threshold": "2", "failure_interval": "600", "restart_attempts": "5"}


def it_fails_in_two_lives_of_its_server(seed: int) -> None:
    """FAILURE_THRESHOLD=2: once in a life of ctr1, which loses power, and once in the next. Then a start by hand counts anew."""
    with _running(seed, **COUNTED) as world:
        world.dies("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 3, "it is restarted")
        world.run(1)
        world.power_off("ctr1")
        world.until(lambda: world.runs_on("db") == "ctr2", 20, "ctr2 has it")
        world.boot("ctr1")
        world.until(lambda: len(world.online()) == len(world.machines), 20, "ctr1 joins again")
        world.relocate("db", to="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 10, "it is back")
        world.run(1)
        _fails_too_often(world, "ctr1")


def it_fails_on_two_servers(seed: int) -> None:
    """FAILURE_THRESHOLD=2: once on ctr1, and once on ctr2 after a move; whoever leads meanwhile."""
    with _running(seed, **COUNTED) as world:
        world.dies("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 3, "it is restarted")
        world.run(1)
        world.relocate("db", to="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 10, "it is moved")
        make_leader(world, "ctr1")
        world.run(1)
        _fails_too_often(world, "ctr2")


def its_server_goes_for_what_cannot_be_stopped(seed: int) -> None:
    """STOP_FAILURE=fence: nothing ends it on ctr1 but the end of the server itself; then it runs on ctr2."""
    with _running(seed, stop_failure="fence") as world:
        world.service("db", on="ctr1").undying = True
        world.relocate("db", to="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 30, "its server goes, and it runs on ctr2")


def _fails_too_often(world: World, server: str) -> None:
    world.dies("db", on=server)
    world.run(5)
    world.until(lambda: world.runs_on("db") is None and not world.truth.assignments[DB].holders, 3, "nobody has it")
    world.start("db")
    world.until(lambda: world.runs_on("db") is not None, 5, "it is started by hand")


@contextmanager
def _running(seed: int, **attributes: str) -> Iterator[World]:
    with cluster(seed) as world:
        make_leader(world, "ctr3")
        world.run(5)
        world.define("db", hosting_members="ctr1 ctr2", placement="restricted", **attributes)
        world.start("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "it runs")
        world.run(1)
        yield world
