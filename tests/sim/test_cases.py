"""What the search has found, retold: seeds rot, stories do not. Each says what went wrong before it was mended."""

import asyncio
from collections.abc import AsyncIterator

from sim.trio import TRIO, cluster, define_trio, running_trio, trio_runs
from understudy.daemon.mirror import Mirror
from understudy.model.names import ResourceName
from understudy.model.state import Target
from understudy.model.view import TargetRecord
from understudy.ports import Batch
from understudy.registry import keys
from understudy.registry.sqlite import LocalRegistry
from understudy.registry.store import Store
from understudy.sim.loop import VirtualLoop


def test_after_a_power_loss_of_all_the_old_lives_are_proved_lost_although_nobody_saw_them_go():
    """No voter had a word about them, so nobody was ever suspected, and what they held waited for ever."""
    with running_trio() as world:
        before = world.machines["ctr1"].incarnation()
        world.power_off()
        world.run(3)
        world.boot("ctr2", "ctr3")

        world.until(lambda: trio_runs(world, "ctr2"), 20, "ctr1 never comes back, and its trio runs elsewhere")
        world.boot("ctr1")
        world.until(lambda: len(world.online()) == 3, 20, "it comes back after all")
        world.run(2)
        assert before not in world.view().incarnations, "and its old life is forgotten"


def test_an_unknown_resource_climbs_its_ladder_with_pauses():
    """Begun again from UNKNOWN, the ladder stood on its first rung and tried it without pause: 100 stops a second."""
    with running_trio() as world:
        service = world.service("service", on="ctr1")
        service.fails, service.undying = {"stop": 1, "clean": 1}, True
        world.relocate("service", to="ctr2")
        world.run(30)

        stops = [one for one in world.machines["ctr1"].services.done if one[1:3] == ("service", "stop")]
        assert 1 < len(stops) < 5


def test_what_is_off_waits_for_the_leader_to_take_it_back_without_spinning():
    """TARGET OFFLINE, stopped, and the leader is not heard of: the lane tried to release what it still owned, again and again at once."""
    with running_trio() as world:
        for name in ("ctr2", "ctr3"):
            world.machines[name].freeze()
        world.stop("address")
        world.until(lambda: not any(world.runs_on(name) for name in TRIO), 2, "everything is stopped")
        world.run(0.5)


def test_a_server_called_silent_before_its_first_lease_joins_as_another():
    """Frozen while it joined: the voters never grant that incarnation, and without a lease it never lapsed. It asked for ever."""
    with cluster(servers=3) as world:
        world.power_off("ctr3")
        world.run(5)
        world.boot("ctr3")
        world.run(0.05)
        for other in ("ctr1", "ctr2"):
            world.cut_from(other, "ctr3")
        world.run(0.5)
        world.machines["ctr3"].freeze()
        world.run(5)
        world.network.mend_all()
        world.machines["ctr3"].thaw()

        world.until(lambda: len(world.online()) == 3, 10, "it joins")


class _LateNews(LocalRegistry):
    """A registry whose watchers hear of everything late."""

    async def watch(self, prefix: str, from_revision: int) -> AsyncIterator[Batch]:
        """See ports.Registry."""
        async for batch in super().watch(prefix, from_revision):
            await asyncio.sleep(0.1)
            yield batch


def test_a_commit_that_changes_nothing_does_not_hide_what_others_committed():
    """It answers the present revision, and the mirror took that for its own commit: somebody else's change was never seen again."""
    wanted = TargetRecord(target=Target.ONLINE)

    async def story(store: Store) -> None:
        mirror, other = Mirror(_LateNews(store)), Mirror(LocalRegistry(store))
        following = asyncio.create_task(mirror.follow(lambda: None))
        await asyncio.sleep(0.5)
        await other.refresh()
        await other.commit({keys.target("db"): wanted})
        await mirror.commit({})
        await mirror.commit({keys.target("nothing"): None})

        assert mirror.view.targets[ResourceName("db")] == wanted
        following.cancel()

    with Store() as store:
        VirtualLoop().run_until_complete(story(store))  # type: ignore[abstract]


def test_a_group_whose_server_goes_while_it_starts_starts_elsewhere():
    """Power loss in the middle of a start of two seconds."""
    with cluster() as world:
        define_trio(world)
        world.service("service", on="ctr1").took_s["start"] = 2.0
        world.start("service", on="ctr1")
        world.until(lambda: world.runs_on("data") == "ctr1", 2, "it is being started")
        world.run(0.5)
        world.power_off("ctr1")

        world.until(lambda: trio_runs(world, "ctr2"), 10, "the trio starts elsewhere")
