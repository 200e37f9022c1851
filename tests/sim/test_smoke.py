"""Whole servers in virtual time: small stories, each of which must come true, and random worlds in which nothing may go wrong."""

import pytest

from sim.trio import TRIO, cluster, define_trio, make_leader, running_trio, server_that_leads, trio_runs
from understudy.sim.life import Case, live

SMALL_S = 0.25
"""What joining loops, commits and instant scripts may add to a bound."""


def test_a_cold_cluster_joins_and_starts_a_group_in_order():
    """Three servers boot, join and start address, data and service, each after what it needs."""
    with cluster() as world:
        define_trio(world)
        world.start("service")

        world.until(lambda: trio_runs(world, "ctr1"), 1, "the trio starts")

        starts = [resource for _, resource, action, _ in world.machines["ctr1"].services.done if action == "start"]
        assert [one for one in starts if one in TRIO] == list(TRIO)


def test_a_killed_service_is_restarted_where_it_was():
    """The kernel says that it is gone; its own server brings it back within milliseconds, without the leader."""
    with running_trio() as world:
        world.dies("service", on="ctr1")

        took_s = world.until(lambda: trio_runs(world, "ctr1"), 1, "the service comes back")

        assert took_s < 0.05
        assert world.view().assignments["service"].epoch == 1


def test_what_depends_on_a_killed_resource_is_stopped_and_comes_back():
    """The address goes: service and data are stopped in that order, then all three start again; the innocent spend no restart."""
    with running_trio() as world:
        world.dies("address", on="ctr1")
        world.until(lambda: world.runs_on("service") is None, 1, "the service is stopped")
        world.until(lambda: trio_runs(world, "ctr1"), 2, "the trio comes back")
        world.run(1)

        assert world.view().reports["service"]["ctr1"].restarts == 0


def test_three_kills_in_a_row_move_the_whole_group():
    """RESTART_ATTEMPTS=2: the third kill moves the trio, all of it, to the other server of its pool."""
    with running_trio() as world:
        for _ in range(3):
            world.dies("service", on="ctr1")
            world.until(lambda: world.runs_on("service"), 2, "the service comes back somewhere")
        world.until(lambda: trio_runs(world, "ctr2"), 2, "the trio has moved")

        assert world.machines["ctr1"].incarnation() in world.view().assignments["service"].tried


def test_power_loss_of_the_active_server_moves_everything_within_the_bound():
    """Silence, proof, quiet time, start: the outage is what limits.py promises."""
    with running_trio(on="ctr2") as world:
        world.power_off("ctr2")

        took_s = world.until(lambda: trio_runs(world, "ctr1"), 10, "the trio starts elsewhere")

        assert took_s < world.limits.outage_s + SMALL_S


def test_power_loss_of_the_leader_disturbs_nothing():
    """Somebody else leads; what runs elsewhere runs on."""
    with running_trio() as world:
        leader = server_that_leads(world)
        if leader == "ctr1":
            world.relocate("service", to="ctr2")
            world.until(lambda: trio_runs(world, "ctr2"), 2, "out of the way")
        home = world.runs_on("service")
        world.power_off(leader)
        world.until(lambda: world.leader() != leader, 10, "another leads")
        world.run(2)

        assert home is not None
        assert trio_runs(world, home)
        assert world.view().assignments["service"].owner.server == home


def test_power_loss_of_the_leader_that_is_active():
    """Both roles at once: the same bound holds, for anybody asks about the leader."""
    with running_trio(on="ctr1") as world:
        make_leader(world, "ctr1")
        world.power_off("ctr1")

        took_s = world.until(lambda: trio_runs(world, "ctr2"), 10, "the trio starts elsewhere")

        assert took_s < world.limits.outage_s + SMALL_S


def test_a_server_that_is_cut_off_stops_before_another_starts():
    """S1 is judged all along; after the cut is healed it joins again, holding nothing."""
    with running_trio(on="ctr2") as world:
        before = world.machines["ctr2"].incarnation()
        world.cut("ctr2")
        took_s = world.until(lambda: trio_runs(world, "ctr1"), 10, "the trio starts elsewhere")
        assert took_s < world.limits.outage_s + SMALL_S
        world.heal()
        world.until(lambda: len(world.online()) == 3, 20, "it joins again")
        world.run(2)

        assert world.machines["ctr2"].incarnation() != before
        assert trio_runs(world, "ctr1")


def test_one_way_cuts_end_alike():
    """A server that can hear but not speak, or speak but not hear, loses its lease; another takes over."""
    for way in ("in", "out"):
        with running_trio(on="ctr2") as world:
            world.cut("ctr2", way)
            world.until(lambda world=world: trio_runs(world, "ctr1"), 15, f"cut {way}: the trio starts elsewhere")


def test_a_freeze_longer_than_the_lease_and_a_late_awakening():
    """It wakes up with old packets in its queues and everything still running: the guard ends it before anybody else notices."""
    for clock in (None, 0, 1):
        with running_trio(on="ctr2") as world:
            world.machines["ctr2"].freeze(clock)
            world.until(lambda world=world: world.view().assignments["service"].owner.server == "ctr1", 10, "given to another")
            world.run(1)
            world.machines["ctr2"].thaw()
            world.until(lambda world=world: trio_runs(world, "ctr1"), 1, "only the new owner has it")
            world.until(lambda world=world: len(world.online()) == 3, 20, "it joins again")


def test_a_short_freeze_moves_nothing():
    """A pause within the tolerance costs nothing."""
    with running_trio() as world:
        world.machines["ctr1"].freeze()
        world.run(world.limits.pause_tolerance_s)
        world.machines["ctr1"].thaw()
        world.run(5)

        assert trio_runs(world, "ctr1")
        assert world.view().assignments["service"].epoch == 1


def test_what_cannot_start_here_starts_there():
    """The start fails on the first candidate: the group goes to the other one."""
    with cluster() as world:
        define_trio(world)
        world.service("service", on="ctr1").fails = {"start": 1}
        world.start("service")

        world.until(lambda: trio_runs(world, "ctr2"), 3, "the trio starts on the other")


def test_what_can_start_nowhere_is_tried_again_until_it_can():
    """No candidate is left: what can run stays, the failed one is retried with growing pauses and says so."""
    with cluster() as world:
        define_trio(world)
        for name in ("ctr1", "ctr2"):
            world.service("service", on=name).fails = {"start": 1}
        world.start("service")
        world.until(lambda: world.view().assignments.get("service") and world.view().assignments["service"].last_resort, 5, "it says so")
        world.run(10)
        home = world.runs_on("address")
        assert home is not None
        world.service("service", on=home).fails = {}

        world.until(lambda: trio_runs(world, home), 60, "the retry succeeds")
        world.run(1)
        assert not world.view().assignments["service"].last_resort


def test_a_failed_stop_climbs_the_whole_ladder_and_blocks():
    """Stop fails, clean fails, it survives SIGKILL: UNKNOWN. Nobody else may start it (S3), and it says what holds on."""
    with running_trio(on="ctr1") as world:
        service = world.service("service", on="ctr1")
        service.fails = {"stop": 1, "clean": 1}
        service.undying = True
        world.relocate("service", to="ctr2")
        world.until(lambda: world.view().reports["service"]["ctr1"].state == "UNKNOWN", 10, "the ladder ends")
        world.run(30)
        assert world.runs_on("service") == "ctr1"
        assert world.runs_on("address") == "ctr1", "what it leans on is not torn away"
        assert world.view().reports["service"]["ctr1"].failure.kind == "stop"

        service.fails, service.undying = {}, False
        world.until(lambda: trio_runs(world, "ctr2"), 60, "once it lets go, the move is finished")


def test_a_daemon_that_dies_disturbs_no_service():
    """Its successor adopts what runs, under the same incarnation."""
    with running_trio() as world:
        done = len([one for one in world.machines["ctr1"].services.done if one[2] != "check"])
        world.machines["ctr1"].kill_daemon()
        world.run(5)

        assert trio_runs(world, "ctr1")
        assert len([one for one in world.machines["ctr1"].services.done if one[2] != "check"]) == done
        world.dies("service", on="ctr1")
        world.until(lambda: trio_runs(world, "ctr1"), 1, "the successor restarts what dies")


def test_a_hung_daemon_is_evicted_and_what_it_held_goes_elsewhere():
    """Its guard renews, so nobody suspects it; evicted, it lapses, and another takes over. It comes back as a new incarnation."""
    with running_trio(on="ctr2") as world:
        make_leader(world, "ctr3")
        world.machines["ctr2"].hang_daemon(600)
        world.dies("service", on="ctr2")
        world.run(10)
        assert world.runs_on("service") is None
        world.evict("ctr2")

        world.until(lambda: trio_runs(world, "ctr1"), 10, "the trio starts elsewhere")
        world.until(lambda: len(world.online()) == 3, 20, "it joins again")


def test_executor_and_guard_that_die_disturb_no_service():
    """One at a time, each comes back in time."""
    with running_trio() as world:
        world.machines["ctr1"].kill_executor()
        world.run(2)
        world.machines["ctr1"].keeper.kill_guard()
        world.run(0.5)

        assert trio_runs(world, "ctr1")


def test_while_the_registry_is_away_nothing_stops_and_local_restarts_go_on():
    """S8: the registry is not a lifeline."""
    with running_trio() as world:
        world.registry_away()
        world.run(30)
        assert trio_runs(world, "ctr1")
        world.dies("service", on="ctr1")
        took_s = world.until(lambda: trio_runs(world, "ctr1"), 1, "it is restarted locally")
        assert took_s < 0.05
        world.run(30)
        world.registry_away(False)
        world.run(5)

        assert trio_runs(world, "ctr1")
        assert world.view().reports["service"]["ctr1"].restarts == 1


def test_power_loss_of_all_servers():
    """After a cold start of everything what was wanted runs again."""
    with running_trio() as world:
        world.power_off()
        world.run(5)
        world.boot()

        world.until(lambda: any(trio_runs(world, name) for name in ("ctr1", "ctr2")), 15, "the trio starts again")


def test_a_target_set_offline_while_it_starts():
    """The start is let to its end, then everything is stopped, dependents first."""
    with cluster() as world:
        define_trio(world)
        world.service("service", on="ctr1").took_s = {"start": 3.0}
        world.start("service")
        world.until(lambda: world.runs_on("data"), 2, "the service is being started")
        world.run(0.5)
        world.stop("address")

        world.until(lambda: not any(world.runs_on(name) for name in TRIO), 5, "everything stops")
        world.run(2)
        assert all(world.view().assignments[name].holders == () for name in TRIO)


def test_a_deleted_resource_leaves_nothing_behind():
    """Stopped, then deleted: nobody holds it; only its epoch is kept, for one that is registered under its name later."""
    with running_trio() as world:
        world.stop("address")
        world.until(lambda: not any(world.runs_on(name) for name in TRIO), 5, "everything stops")
        world.run(1)
        for name in reversed(TRIO):
            world.undefine(name)
        world.run(2)

        left = [world.view().assignments[name] for name in TRIO]
        assert all(one.owner is None and one.holders == () for one in left)


def test_incarnations_that_hold_nothing_are_forgotten():
    """A server that comes and goes does not fill the registry."""
    with running_trio() as world:
        for _ in range(3):
            world.power_off("ctr3")
            world.run(5)
            world.boot("ctr3")
            world.until(lambda: len(world.online()) == 3, 20, "it joins again")
        world.run(5)

        assert len(world.view().incarnations) <= 4


def test_a_relocation_moves_the_group_once():
    """One epoch, one release each, no churn afterwards."""
    with running_trio() as world:
        world.relocate("service", to="ctr2")
        took_s = world.until(lambda: trio_runs(world, "ctr2"), 2, "the trio moves")
        world.run(1)
        commits = len(world.truth.commits)
        world.run(20)

        assert took_s < 0.2
        assert len(world.truth.commits) == commits, "nothing more is decided"
        assert all(world.view().assignments[name].epoch == 2 for name in TRIO)


def test_the_same_seed_gives_the_same_run():
    """Byte for byte."""

    def one() -> str:
        with running_trio(seed=7) as world:
            world.power_off("ctr1")
            world.run(5)
            return world.trace.all()

    assert one() == one()


@pytest.mark.parametrize("seed", range(50))
def test_a_random_world_keeps_its_promises(seed: int):
    """Half a minute of faults, then a healed world: safe throughout, everything wanted runs at the end, and nothing more is decided."""
    live(Case(seed=seed, hours=0.5 / 60))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1_000, 3_000))
def test_many_random_worlds_keep_their_promises(seed: int):
    """Two minutes each."""
    live(Case(seed=seed))
