"""What the search has found and no scenario file can express, as it needs or shows what no cluster has. The other findings are retold in
`scenarios/`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from cutting import cut, exchange
from sim.present import incarnation_of, instead_of, keeper_of, node_of
from sim.trio import cluster, make_leader, running_trio
from support import wait_until
from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part, PartsWritten
from understudy.guard.core import GuardCore
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Life, Target
from understudy.model.view import TargetRecord, View
from understudy.ports import Batch, Entry, Farewell
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.sim.leaving import ask_to_leave
from understudy.sim.link import Road, Written
from understudy.sim.loop import VirtualLoop
from understudy.sim.options import Options
from understudy.sim.world import World


class _LateNews(LocalRegistry):
    """A registry whose watchers receive everything late."""

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """See ports.Registry."""
        async for batch in super().watch(prefix, from_revision):
            await asyncio.sleep(0.1)
            yield batch


def test_a_commit_that_changes_nothing_does_not_hide_what_others_committed() -> None:
    """It answers the present revision, and the mirror took that for its own commit: somebody else's change was never seen again."""
    wanted = TargetRecord(target=Target.ONLINE)

    async def story(store: Store) -> None:
        mirror, other = Mirror(_LateNews(store)), Mirror(LocalRegistry(store))
        following = asyncio.create_task(mirror.follow(lambda: None))
        await asyncio.sleep(0.5)
        await other.refresh()
        await other.commit({keys.target("db"): wanted}, decided_on=other.view)
        await mirror.commit({}, decided_on=mirror.view)
        await mirror.commit({keys.target("nothing"): None}, decided_on=mirror.view)

        assert mirror.view.targets[ResourceName("db")] == wanted
        following.cancel()

    with Store() as store:
        VirtualLoop().run_until_complete(story(store))  # type: ignore[abstract]


def test_what_a_registry_that_went_back_does_not_know_may_be_deleted() -> None:
    """In the simulator: the operator's deletion changed nothing, and to wait for what was there already needed a task."""
    with cluster() as world:
        world.undefine("nothing")
        assert not world.view().definitions.keys() - {"ora.net1.network"}


def test_a_leader_whose_commit_conflicts_waits_for_what_it_has_not_seen() -> None:
    """While its watch was broken and the reading late it decided the same again and again, some hundred times a second."""
    with cluster() as world:
        make_leader(world, "ctr3")
        world.define("db")
        world.run(1)
        registry, arrive = node_of(world, "ctr3").mirror._registry, world.hub.arrive
        read = registry.read
        sent: list[Written] = []

        @instead_of(registry.read)
        async def late(prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
            answer = await read(prefix, without=without, after=after, limit_bytes=limit_bytes)
            await world.loop.passes(0.8)
            return answer

        @instead_of(world.hub.arrive)
        def counted(written: Written) -> None:
            if any(write.key == keys.assignment(ResourceName("db")) for write in written.commit.writes):
                sent.append(written)
            arrive(written)

        world.hub.road = Road(torn=1.0, delay_s=(0.001, 0.001))
        world.start("db")
        request = world.view().requests[0]
        world.run(0.0009)
        world.change({keys.request(request.id): request})
        world.run(0.7)

        assert sent
        assert len(sent) < 10


async def _overtaken(after: Callable[[Mirror, View], Awaitable[object]]) -> object:
    """What comes of a commit that was decided before another of the same daemon; the record must still be there."""
    with Store() as store:
        mirror, key = Mirror(LocalRegistry(store)), keys.target("db")
        await mirror.refresh()
        view = mirror.view
        await mirror.commit({key: TargetRecord(target=Target.ONLINE)}, decided_on=view)
        answer = await after(mirror, view)
        assert (await mirror.read_all()).targets.get(ResourceName("db")) == TargetRecord(target=Target.ONLINE)
        return answer


async def test_what_was_decided_on_an_older_view_is_a_conflict() -> None:
    """The conditions of a commit are those of now: what had changed between the decision and the commit was overwritten unseen."""
    writes = {keys.target("db"): None}
    assert await _overtaken(lambda mirror, view: mirror.commit(writes, decided_on=view)) is None
    written = await _overtaken(lambda mirror, view: mirror.commit_parts([Part(writes=writes)], decided_on=view))
    assert isinstance(written, PartsWritten)
    assert written.done == 0


async def test_what_keeps_it_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison of Views the story above goes wrong."""
    cut(monkeypatch, Mirror.prepared, "if decided_on is not self.view:\n        return None", "pass")
    cut(monkeypatch, Mirror.commit_parts, "if decided_on is not self.view:", "if False:")
    with pytest.raises(AssertionError):
        await test_what_was_decided_on_an_older_view_is_a_conflict()


def test_a_farewell_that_is_believed_while_a_loss_is_written_does_not_overwrite_it() -> None:
    """A leader went on with the View from before it waited for its guard: who had been proved lost meanwhile was called LEFT (S5)."""
    with cluster() as world:
        make_leader(world, "ctr3")
        node, gone = node_of(world, "ctr3"), incarnation_of(world, "ctr1")
        dead = node.leader._guard.dead
        overtaken: list[Life | None] = []

        @instead_of(node.leader._guard.dead)
        async def late(incarnations: Sequence[Incarnation]) -> None:
            await dead(incarnations)
            if gone in node.leader._asking and not overtaken:
                await wait_until(lambda: gone not in node.leader._asking, 20, "its guard has answered, and a loss is written")
                if node.mirror.view.life(gone) is not Life.ONLINE:  # else it was asked too early, and is asked again
                    overtaken.append(node.mirror.view.life(gone))
                    node.leader.receive(Farewell(ServerName("ctr1"), gone))

        world.power_off("ctr1")
        world.until(lambda: world.view().life(gone) is Life.FENCED, 20, "ctr1 is fenced")

        assert overtaken == [Life.LOST]


def test_a_keeper_that_is_dead_already_does_not_die_again() -> None:
    """In the simulator: killed twice while its machine was frozen it had two successors; nobody knew one of them, and both held leases."""
    with running_trio() as world:
        machine = world.machines["ctr1"]
        machine.freeze()
        machine.kill_keeper()
        machine.kill_keeper()
        machine.thaw()
        world.run(5)

        begun = [line for line in world.trace.all().splitlines() if " ctr1 " in line and "begins as" in line]
        assert len(begun) == 2


def test_a_server_that_is_still_leaving_when_everything_is_healed_comes_back() -> None:
    """In the simulator: it was asked to come back before it had left, nobody asked again, and the world waited for it without end."""
    with running_trio() as world:
        ask_to_leave(keeper_of(world, "ctr3"), 30)
        world.machines["ctr3"].freeze()
        world.run(1)
        world.heal()
        world.run(2)

        world.until(lambda: len(world.online()) == 3, 10, "it joins again")


def test_what_keeps_the_vote_of_a_voter_that_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A voter says silent only while its own server holds a lease: the story below goes wrong without that clause."""
    exchange(monkeypatch, GuardCore._speaks)(lambda self, now: True)
    with pytest.raises(AssertionError):
        test_a_voter_that_was_cut_off_grants_again_when_it_is_back()


def test_a_voter_that_was_cut_off_grants_again_when_it_is_back() -> None:
    """While it was cut off it fell silent about everybody. That nobody received this must not cost them its vote for good: the next loss
    of a voter would end the leases of all who are left."""
    with cluster() as world:
        world.cut("ctr1")
        world.run(8)
        world.heal()
        world.until(lambda: len(world.online()) == len(world.machines), 20, "ctr1 is back")
        world.run(4)
        third = world.machines["ctr3"].incarnation()

        world.power_off("ctr2")
        world.run(8)

        assert world.machines["ctr3"].incarnation() == third


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 60))])
def test_voters_that_are_cut_off_one_after_the_other_cost_nobody_else_the_lease(seed: int) -> None:
    """The first has just won its lease again when it has not heard yet from all that live: it must not call them silent for that."""
    assert _ended_beside(seed) == []


@pytest.mark.parametrize(
    "clause",
    ["or least_elapsed(base, now) >= self._settled_ns", "least_elapsed(since, now) >= self._settled_ns"],
    ids=["while_its_own_lease_is_not_renewed", "before_all_have_sent_a_renew"],
)
def test_each_clause_of_when_a_voter_speaks_is_needed(clause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said without it, a word costs somebody who lives a vote, and then the lease."""
    cut(monkeypatch, GuardCore._speaks, clause, "or False" if clause.startswith("or") else "True")
    assert any(_ended_beside(seed) for seed in (30, *range(60))), "no seed showed it"  # 30 shows the first as the beats are now


def _ended_beside(seed: int) -> list[str]:
    """Servers that ended while another was cut off: three cuts, of two voters in turn."""
    with World(seed, Options(servers=4, voters=3)) as world:
        world.boot()
        world.until(lambda: len(world.online()) == 4, 30, "all servers join")
        lives = {name: machine.incarnation() for name, machine in world.machines.items()}
        ended: list[str] = []
        for server in ("ctr1", "ctr2", "ctr1"):
            world.cut(server)
            world.run(5)
            world.heal()
            world.until(lambda: len(world.online()) == 4, 10, "it is back")
            world.run(1)
            now = {name: machine.incarnation() for name, machine in world.machines.items()}
            ended += [name for name in now if name != server and now[name] != lives[name]]
            lives = now
        return ended
