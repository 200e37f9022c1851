"""Servers that cannot act, looks without an end, what is kept on disk, what could not be ended: each clause is missed when it is gone."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cutting import Mutation, Patch, exchange, exchange_value
from sim.language import Stage
from sim.present import node_of
from sim.trio import TRIO, running_trio
from stories import play
from understudy.daemon import node, remembered
from understudy.daemon.node import Node
from understudy.guard.core import epochs
from understudy.model.names import Incarnation, ResourceName
from understudy.model.view import View
from understudy.policy import liveness, unable
from understudy.policy.unable import EVICT_PAUSE_S
from understudy.ports import Entry
from understudy.registry.wire import Formats
from understudy.sim.life import WorldCase, live
from understudy.sim.machine import Machine
from understudy.sim.options import Options
from understudy.sim.truth import Violation
from understudy.sim.world import World, WorldStuck

SCENARIOS = Path(__file__).with_name("scenarios")


def believe_silence(patch: Patch) -> None:
    """Silence and quiet time prove the end also of what an incarnation has said that it could not end."""
    exchange(patch, liveness.is_gone)(lambda view, resource, holder: view.proven(holder.incarnation))


def believe_any_life(patch: Patch) -> None:
    """What is kept on disk counts for every incarnation of the server, as if it had been its own."""

    original = remembered.recalled

    def recalled(
        content: bytes | None, incarnation: Incarnation, epochs: Mapping[ResourceName, int], formats: Formats
    ) -> tuple[Entry, ...]:
        former = b"" if content is None else content.split(b'"incarnation": "', 1)[-1].split(b'"', 1)[0]
        text = None if content is None else content.replace(former, incarnation.encode())
        return original(text, incarnation, {}, formats)

    exchange(patch, remembered._stands)(lambda entry, epochs, formats: True)
    exchange(patch, remembered.recalled)(recalled)


def believe_what_was_released(patch: Patch) -> None:
    """What is kept on disk counts also after a release, and the guard does not object."""
    exchange(patch, remembered._stands)(lambda entry, epochs, formats: True)
    exchange(patch, epochs.admitted)(lambda before, floor, epoch, *, released: True)


def evict_nobody(patch: Patch) -> None:
    """The leader takes a lease for ability."""
    exchange(patch, unable.evict_who_cannot_act)(lambda view, now, memory: ((), None))


def look_at_all_first(patch: Patch) -> None:
    """A server joins only when every one of its looks was answered."""

    def looked(self: Node, view: View, incarnation: Any) -> bool:
        return all(view.looked(self.server, incarnation, resource) for resource in view.resources.values()) and self.server in view.looks

    exchange(patch, Node._looked)(looked)
    exchange_value(patch, node, "FIRST_LOOK_S", 10_000.0)


CASES: tuple[tuple[Mutation, str, str], ...] = (
    (believe_silence, "unknown_and_cut_off_for_good", "S3: ctr1 is no holder of service any more, but it runs there"),
    (believe_any_life, "kept_by_another_life", "S2: ctr1 starts address under epoch 1, which never made it the sole holder"),
    (believe_what_was_released, "kept_before_a_release", "S2: ctr1 starts address under epoch 1, which it has released"),
    (evict_nobody, "cannot_act_daemon", "the trio runs on ctr1"),
    (evict_nobody, "cannot_act_executor", "the trio runs on ctr1"),
    (evict_nobody, "cannot_act_no_registry", "the trio runs on ctr1"),
    (look_at_all_first, "look_hangs", "all servers are ONLINE"),
)


@pytest.mark.parametrize(("mutation", "story", "rule"), CASES, ids=lambda given: getattr(given, "__name__", str(given)))
def test_the_story_shows_what_the_clause_is_for(mutation: Mutation, story: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the clause the story fails; with it `test_scenarios.py` plays it."""
    mutation(monkeypatch)
    with pytest.raises((Violation, WorldStuck, AssertionError)) as seen, Stage() as stage:
        play(SCENARIOS / f"{story}.txt", stage, rewrite=False)
    assert rule in str(seen.value)


@pytest.mark.parametrize("seed", range(6))
def test_worlds_of_servers_that_cannot_act_settle(seed: int) -> None:
    """Daemons and executors hang, ways to the registry are cut, services die: nothing twice, and everything runs at the end."""
    live(WorldCase(seed=seed, hours=2 / 60, options=Options(servers=4, unable=4.0, service_deaths=4.0, daemon_deaths=1.0, commands=2.0)))


BOUND_S = 20.0
"""Six seconds until it is noticed, ten until it is evicted, and what a farewell and the start take."""


@pytest.mark.parametrize("seed", range(3))
def test_what_has_another_home_gets_it_in_time(seed: int) -> None:
    """Again and again the server that runs the trio stops being able to act, in one way or another, and then the service dies there."""
    luck = Random(seed)
    with running_trio(seed, servers=4) as world:
        for _ in range(6):
            machine = world.machines[str(world.runs_on("service"))]
            ail(world, machine, luck.choice(("daemon", "executor", "registry")), luck.uniform(0.0, 3.0))
            machine.services.die(ResourceName("service"))
            world.until(lambda: all(world.runs_on(name) is not None for name in TRIO), BOUND_S, "the trio has a home", look_s=0.1)
            world.heal()
            world.until(lambda: len(world.online()) == 4, 30, "all servers are back")
            world.run(EVICT_PAUSE_S)


def ail(world: World, machine: Machine, how: str, seconds: float) -> None:
    """It cannot act from now on, for as long as it is alive; and some time passes."""
    match how:
        case "daemon":
            machine.hang_daemon(600.0)
        case "executor":
            machine.hang_executor(600.0)
        case _:
            world.hub.cut(machine.name)
    world.run(seconds)


def test_a_server_that_reaches_the_registry_again_says_so_at_once() -> None:
    """Not a round of its loop later: a command typed when the registry is back found no candidate yet."""
    with running_trio(0, servers=4) as world:
        ability = node_of(world, "ctr2").ability
        for phase in range(5):
            world.hub.cut("ctr2")
            world.until(lambda: ability.why != "", 20, "ctr2 knows that it cannot act")
            world.run(phase / 5)
            world.heal()
            world.until(lambda: node_of(world, "ctr2").mirror.reachable, 10, "ctr2 reaches the registry", look_s=0.01)
            world.until(lambda: ability.why == "", 0.05, "ctr2 says that it can act", look_s=0.01)
