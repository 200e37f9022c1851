"""The registry with members on servers: what etcd does when members are lost, cut off or late, the simulator's does as well."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from understudy.errors import RegistryUnreachable
from understudy.model.view import View
from understudy.ports import Batch, CommitCondition, Conflict, Write
from understudy.sim.ensemble import ELECTION_S, LAG_S, LAGS_FOR_S
from understudy.sim.life import WorldCase, live
from understudy.sim.link import Hub, RegistryLink, Road, Writer
from understudy.sim.loop import Place, VirtualLoop
from understudy.sim.options import Options
from understudy.sim.world import World

SERVERS = ("ctr1", "ctr2", "ctr3")
STORMY = Road(slow=0.3)


class EnsembleRegistry:
    """Three servers with a member each, and a link of each server."""

    def __init__(self, seed: int = 1) -> None:
        self.loop = VirtualLoop()  # type: ignore[abstract]
        self.running = set(SERVERS)
        self.hub = Hub(self.loop, seed)
        self.hub.seat(SERVERS, self.running.__contains__)
        self.links = {name: RegistryLink(self.hub, name, Place(name), Writer) for name in (*SERVERS, "ctr4")}
        self.hub.servers_changed()

    def lose(self, *servers: str) -> None:
        """Power."""
        for server in servers:
            self.running.discard(server)
            self.hub.servers_changed(lost=server)

    def play(self, story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Let it happen."""
        return self.loop.run_until_complete(story())

    async def write(self, server: str, key: str = "a", *, after: int | None = None) -> int | Conflict:
        """Read, as who commits must have over his connection, and commit."""
        link = self.links[server]
        await link.read("")
        conditions = [] if after is None else [CommitCondition(key, after)]
        return await link.commit(conditions, [Write(key, server.encode())])

    async def written(self, server: str) -> float:
        """Commit, however long it takes; how long it did."""
        begun = self.loop.now
        while True:
            try:
                await self.write(server)
            except RegistryUnreachable:
                continue
            return self.loop.now - begun


@pytest.fixture
def registry() -> EnsembleRegistry:
    """With a leader."""
    found = EnsembleRegistry()
    found.play(lambda: found.written("ctr1"))
    return found


def test_without_a_majority_nobody_commits_and_with_it_everybody_does_again(registry: EnsembleRegistry) -> None:
    registry.lose("ctr1", "ctr2")
    for server in ("ctr3", "ctr4"):
        with pytest.raises(RegistryUnreachable):
            registry.play(partial(registry.write, server))

    registry.running.add("ctr2")
    registry.hub.servers_changed()
    assert registry.play(lambda: registry.written("ctr4")) < ELECTION_S[1] + 0.1


def test_who_has_lost_the_leader_waits_for_an_election(registry: EnsembleRegistry) -> None:
    assert registry.hub.ensemble is not None
    leader = registry.hub.ensemble.leader
    assert leader is not None
    registry.lose(leader)

    took_s = registry.play(lambda: registry.written("ctr4"))
    assert ELECTION_S[0] <= took_s <= ELECTION_S[1] + 0.1
    assert registry.hub.ensemble.leader != leader


def test_a_lost_follower_costs_nothing_but_its_own_connections(registry: EnsembleRegistry) -> None:
    assert registry.hub.ensemble is not None
    leader = registry.hub.ensemble.leader
    follower = next(name for name in SERVERS if name != leader)
    registry.lose(follower)

    assert registry.play(lambda: registry.written("ctr4")) < 0.1


def test_a_server_that_is_cut_off_does_not_reach_its_own_member(registry: EnsembleRegistry) -> None:
    registry.hub.cut("ctr2")

    with pytest.raises(RegistryUnreachable):
        registry.play(lambda: registry.write("ctr2"))
    assert registry.play(lambda: registry.written("ctr3")) < ELECTION_S[1] + 0.1


def test_nothing_is_committed_over_another_connection_than_was_read_over(registry: EnsembleRegistry) -> None:
    link = registry.links["ctr4"]
    registry.lose(link._member)

    async def story() -> None:
        while not registry.hub.reachable("ctr4"):
            await registry.loop.passes(0.05)
        with pytest.raises(RegistryUnreachable, match="not read over it"):
            await link.commit([], [Write("b", b"1")])
        await link.read("")
        await link.commit([], [Write("b", b"1")])

    registry.play(story)


def test_what_was_underway_when_the_leader_was_lost_happened_once_or_never() -> None:
    """Whoever waited for the answer cannot know which; both come about."""
    counts = {_underway(seed) for seed in range(12)}

    assert counts == {0, 1}


def _underway(seed: int) -> int:
    """How often a commit was carried out whose leader is deposed while it is flushed."""
    registry = EnsembleRegistry(seed)
    registry.play(lambda: registry.written("ctr1"))
    before = registry.hub.store.revision

    async def story() -> None:
        registry.hub.road = Road(flush_s=(0.1, 0.1))
        commit = registry.loop.create_task(registry.write("ctr1"))
        while registry.hub.idle:
            await registry.loop.passes(0.001)
        assert registry.hub.ensemble is not None
        registry.hub.ensemble.depose()
        try:
            await commit
        except RegistryUnreachable:
            await registry.loop.passes(3.0)

    registry.play(story)
    return registry.hub.store.revision - before


def test_a_member_lags_now_and_then_in_bad_weather_alone(registry: EnsembleRegistry) -> None:
    lags: dict[str, set[float]] = {name: set() for name in SERVERS}
    for _ in range(40):
        registry.loop.jump(registry.loop.now + LAGS_FOR_S)
        for name, found in lags.items():
            registry.hub.road = Road()
            assert not registry.hub.lag_s(name), "in fine weather none does"
            registry.hub.road = STORMY
            found.add(registry.hub.lag_s(name))

    assert all(0.0 in found and max(found) > LAG_S[0] for found in lags.values())


def test_a_watch_over_a_lagging_member_ends_with_everything(registry: EnsembleRegistry) -> None:
    """Late, in order, and nothing twice."""
    registry.hub.road = replace(STORMY, slow=1e-9)
    found: list[int] = []

    async def watch() -> None:
        while True:
            try:
                batch: Batch
                async for batch in registry.links["ctr4"].watch("", found[-1] if found else registry.hub.store.revision):
                    found.append(batch.revision)
            except RegistryUnreachable:
                await registry.links["ctr4"].read("")

    async def story() -> None:
        await registry.links["ctr4"].read("")
        watching = registry.loop.create_task(watch())
        first = registry.hub.store.revision
        for _ in range(20):
            await registry.written("ctr1")
            await registry.loop.passes(0.5)
        await registry.loop.passes(LAG_S[1] + 1.5)
        watching.cancel()
        assert found == list(range(first + 1, registry.hub.store.revision + 1))

    registry.play(story)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 40))])
def test_random_worlds_are_safe_and_live_with_members_on_servers(seed: int) -> None:
    drawn = Options.draw(seed)

    live(WorldCase(seed=seed, options=replace(drawn, members=drawn.voters)))


def _who_leads(world: World) -> str | None:
    leading = (name for name, machine in world.machines.items() if machine.node is not None and machine.node.leader.leads())
    return next(leading, None)


def test_the_leader_of_both_lost_at_once_is_replaced_in_the_time_of_one_election() -> None:
    """The server on which both ran loses its power."""
    with World(1, replace(Options(), members=3)) as world:
        world.boot()
        world.until(lambda: len(world.online()) == 3, 30.0, "all servers join")
        assert world.hub.ensemble is not None
        while world.hub.ensemble.leader != (leads := _who_leads(world)):  # an election may cost whoever led the term
            world.hub.ensemble.depose()
            world.run(2.0)
        term = world.view().leader
        assert term is not None
        assert leads is not None
        world.power_off(leads)

        def led_anew() -> bool:
            found: View = world.view()
            return found.leader is not None and found.leader.term > term.term and found.leader.server != leads

        world.until(lambda: world.hub.reachable("ctr4" if leads != "ctr1" else "ctr2"), 2.0, "a member leads")
        world.until(led_anew, world.limits.outage_s + ELECTION_S[1], "another server leads")
