"""Stories that bring about one moment, for one clause: what random worlds of reasonable length do too seldom, or cannot do at all.

Each runs its story with any seed, and is safe and live with every clause in its place; a Violation, or WorldStuck where something
should have come about, shows that one is missing. Called by `sim/test_mutations.py`.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.language import Stage
from sim.present import core_of, incarnation_of, instead_of, keeper_of, node_of
from sim.trio import cluster, make_leader, running_trio, trio_runs
from stories import play
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import TargetRecord
from understudy.ports import Entry
from understudy.registry import keys
from understudy.sim.link import Written
from understudy.sim.network import NETWORKS
from understudy.sim.options import FEW
from understudy.sim.world import World

DB = ResourceName("db")
SCENARIOS = Path(__file__).with_name("scenarios")


def all_lose_power_and_it_is_not_to_start(seed: int) -> None:
    """AUTO_START=never: it fails over, and after a power loss of the whole cluster it stays down; what is restored runs, and so does what
    is always started although it was stopped."""
    with cluster(seed) as world:
        for name, auto_start in (("db", "never"), ("web", "restore"), ("log", "always")):
            world.define(name, auto_start=auto_start)
        world.start("db", "web", "log", on="ctr1")
        world.until(lambda: world.runs_on("log") == "ctr1", 5, "all run")
        world.stop("log")
        world.run(2)
        world.power_off("ctr1")
        world.until(lambda: world.runs_on("db") not in (None, "ctr1"), 10, "it fails over")
        world.power_off()
        world.run(1)
        world.boot()
        world.until(lambda: world.truth.targets[DB] is Target.OFFLINE, 30, "it is left down")
        world.until(lambda: world.runs_on("web") is not None and world.runs_on("log") is not None, 30, "the others run")
        world.run(5)
        assert world.runs_on("db") is None, "and stays so"


def leaders_are_lost_while_it_waits_for_its_server(seed: int) -> None:
    """FAILOVER_DELAY=12: its server is lost, and each leader after another; it is not waited for without end."""
    with cluster(seed, servers=4, voters=3, pause_tolerance=0.5) as world:
        world.define("db", hosting_members="ctr4 ctr3 ctr2 ctr1", placement="favored", failover_delay="12")
        world.start("db")
        world.until(lambda: world.runs_on("db") == "ctr4", 5, "it runs")
        world.run(1)
        world.power_off("ctr4")
        lost_at = world.loop.now
        for _ in range(4):
            world.run(5)
            assert world.runs_on("db") is None or world.loop.now - lost_at > 12, "it is given its time"
            leader = world.leader()
            assert leader is not None
            world.machines[leader].kill_daemon()
            world.cut_registry(leader)
            world.run(3)
            world.hub.mend(leader)
        world.until(lambda: world.runs_on("db") is not None, 2, "it runs elsewhere")


def it_is_started_by_hand_where_it_gave_up(seed: int) -> None:
    """It does not start on ctr1, the only place for it; somebody starts it there by hand, unnoticed; then its place is ctr2."""
    with cluster(seed) as world:
        _define(world, "ctr1", restart_attempts="0")
        service = world.service("db", on="ctr1")
        service.fails = {"start": 1}
        world.start("db")
        world.until(lambda: world.truth.assignments[DB].last_resort if DB in world.truth.assignments else False, 5, "it gives up")
        world.run(0.1)
        service.behave()
        service.alive = True
        world.modify("db", hosting_members="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 10, "it is stopped on ctr1 and runs on ctr2")


def its_server_comes_back_and_looks_for_long(seed: int) -> None:
    """ctr2 alone may run it, loses power, and comes back; its first look takes a while, and what it had looked at before is still there to
    be read, on further pages of its look."""
    with cluster(seed, page_names=1) as world:
        for name in ("base", "db"):
            world.define(name, hosting_members="ctr2", placement="restricted")
        world.run(2)
        world.power_off("ctr2")
        world.until(lambda: len(world.online()) == 2, 20, "ctr2 is lost")
        world.boot("ctr2")
        world.service("db", on="ctr2").took_s["check"] = 3.0
        world.start("db")
        world.until(lambda: world.runs_on("db") == "ctr2", 20, "it is looked at, and started")


def it_loses_the_registry_in_the_middle_of_its_look(seed: int) -> None:
    """The registry goes back to a copy by which ctr1 runs it. ctr2 runs it, as a unit of the system, and its check does not answer the
    daemon that begins there; of the commits that its look takes the first is its last for a while."""
    with cluster(seed, page_names=1, operations=FEW) as world:
        for number in range(FEW):
            world.define(f"base{number:02}", hosting_members="ctr3", placement="restricted")
        world.define("db")
        make_leader(world, "ctr3")
        world.service("db", on="ctr2").outside = True
        world.start("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "it runs on ctr1")
        world.run(1)
        world.copy_registry()
        world.relocate("db", to="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 5, "it runs on ctr2")
        world.service("db", on="ctr2").hangs = {"check"}
        arrive = world.hub.arrive

        @instead_of(world.hub.arrive)
        def once(written: Written) -> None:
            arrive(written)
            if written.server == "ctr2" and any(write.key.startswith(keys.look("ctr2")) for write in written.commit.writes):
                world.cut_registry("ctr2")

        world.registry_away()
        world.machines["ctr2"].kill_daemon()
        world.run(0.5)
        world.set_back()
        world.registry_away(False)
        world.until(lambda: world.runs_on("db") == "ctr1", 60, "ctr2 is evicted, and it runs on ctr1")


def it_is_started_by_hand_before_the_leader_takes_it_back(seed: int) -> None:
    """It was stopped; while the leader hangs somebody starts its unit by hand, and the kernel says so."""
    with _running_on_ctr1(seed, outside=True) as world:
        world.machines["ctr2"].hang_daemon(1.0)
        world.stop("db")
        world.until(lambda: not world.service("db", on="ctr1").alive, 1, "it is stopped")
        world.run(0.1)
        world.service("db", on="ctr1").alive = True
        world.machines["ctr1"].services.wake(DB)
        world.run(4)


def it_is_started_by_hand_while_its_release_waits(seed: int) -> None:
    """It has stopped on ctr1, whose guard has just died and cannot note the release yet; the kernel says that it is there again."""
    with _running_on_ctr1(seed) as world:
        machine = world.machines["ctr1"]
        world.relocate("db", to="ctr2")
        world.until(lambda: machine.services.in_action.get(DB), 1, "it is being stopped", look_s=0.0003)
        keeper_of(world, "ctr1").kill_guard(1.0)
        world.run(0.5)
        service = world.service("db", on="ctr1")
        service.alive, service.took_s["stop"] = True, 1.0
        machine.services.wake(DB)
        world.until(lambda: world.runs_on("db") == "ctr2", 5, "it is stopped once more, and runs on ctr2")


def its_start_fails_while_nobody_wants_it_any_more(seed: int) -> None:
    """What the start has made, outside of the group, outlives its failure."""
    with cluster(seed) as world:
        _define(world, "ctr1 ctr2", outside=True)
        world.machines["ctr1"].took_s[DB] = 0.5
        world.service("db", on="ctr1").botches = {"start": 1}
        world.start("db", on="ctr1")
        world.until(lambda: world.machines["ctr1"].services.starting(), 5, "it is being started")
        world.stop("db")
        world.run(4)


def the_check_of_a_start_cannot_tell(seed: int) -> None:
    """The start of what runs in a unit is done, the check after it ends by a signal and is asked again after a pause; in that pause it is
    to be stopped, with what it stands on."""
    with cluster(seed) as world:
        _define_on_base(world, outside=True)
        world.run(1)
        world.service("db", on="ctr1").signals = True
        world.start("db")
        services = world.machines["ctr1"].services
        world.until(lambda: services.service(DB).alive and services.in_action.get(DB), 5, "it is being confirmed", look_s=0.0003)
        world.run(0.02)
        world.stop("base")
        world.run(4)


def its_start_fails_while_what_it_stands_on_is_stopped(seed: int) -> None:
    """The failed start leaves processes in its group; what it stands on waits until they are gone."""
    with cluster(seed) as world:
        _define_on_base(world)
        world.machines["ctr1"].took_s[DB] = 0.5
        world.service("db", on="ctr1").botches = {"start": 1}
        world.start("db")
        world.until(lambda: DB in world.machines["ctr1"].services.starting(), 5, "it is being started")
        world.stop("base")
        world.run(4)


def it_is_started_by_hand_and_what_it_stands_on_is_stopped(seed: int) -> None:
    """It was stopped, and the leader hangs; somebody starts its unit by hand, and what it stands on is stopped while it is looked at."""
    with cluster(seed) as world:
        make_leader(world, "ctr2")
        world.run(5)  # until those who were cut off meanwhile count as able to act
        _define_on_base(world, outside=True)
        world.start("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "it runs")
        world.run(1)
        world.machines["ctr2"].hang_daemon(1.5)
        world.stop("db")
        service = world.service("db", on="ctr1")
        world.until(lambda: not service.alive, 1, "it is stopped")
        world.run(0.1)
        service.took_s["check"], service.alive = 0.3, True
        world.machines["ctr1"].services.wake(DB)
        world.run(0.01)
        world.stop("base")
        world.run(5)


def its_clean_says_that_it_has_cleaned(seed: int) -> None:
    """A start fails and leaves processes, and the clean after it does nothing: they are killed before it is started again."""
    with cluster(seed) as world:
        _define(world, "ctr1")
        service = world.service("db", on="ctr1")
        service.botches, service.pretends = {"start": 1}, {"clean"}
        world.start("db", on="ctr1")
        world.until(lambda: service.alive, 5, "its start leaves processes behind", look_s=0.0003)
        service.botches = {}
        world.run(8)
        assert world.runs_on("db") == "ctr1", "it was tried again"


def it_dies_while_its_start_is_confirmed(seed: int) -> None:
    """The check that confirms the start has looked already; that it is gone must not be noticed a minute later."""
    with cluster(seed) as world:
        _define(world, "ctr1", check_interval="60", restart_attempts="2")
        services = world.machines["ctr1"].services
        world.start("db")
        world.until(lambda: services.service(DB).alive and services.in_action.get(DB), 5, "it is being confirmed", look_s=0.0003)
        services.service(DB).check_says = 0
        services.die(DB)
        world.run(0.0025)
        services.service(DB).check_says = None
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "it is started again")


def only_sigkill_ends_it(seed: int) -> None:
    """Stop and clean say that it is done, the check that it is down; and its processes are there."""
    with _running_on_ctr1(seed) as world:
        service = world.service("db", on="ctr1")
        service.pretends, service.check_says = {"stop", "clean"}, 1
        world.relocate("db", to="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 2, "it is killed, and runs on ctr2")


def the_daemon_dies_while_a_start_hangs(seed: int) -> None:
    """Its successor ends the start and begins anew; it does not wait for the start's own deadline."""
    with cluster(seed) as world:
        _define(world, "ctr1", script_timeout="60")
        service = world.service("db", on="ctr1")
        service.hangs = {"start"}
        world.start("db")
        world.until(lambda: world.machines["ctr1"].services.starting(), 5, "it is being started")
        world.machines["ctr1"].kill_daemon()
        service.behave()
        world.until(lambda: world.runs_on("db") == "ctr1", 10, "it is started by the next daemon")


def a_lapse_misses_the_daemon(seed: int) -> None:
    """ctr3 is cut off and stops everything, but for its daemon; that one sees that its server has become another incarnation, and ends."""
    with cluster(seed, pause_tolerance=0.25) as world:
        world.machines["ctr3"].loses_sight = True
        world.cut("ctr3")
        world.run(2)
        world.network.mend_all()
        world.hub.mend_all()
        world.until(lambda: len(world.online()) == 3, 10, "ctr3 joins again")


def a_registration_arrives_after_its_successors(seed: int) -> None:
    """ctr3 loses power while its registration is under way, and registers as another incarnation before that arrives."""
    with cluster(seed) as world:
        world.power_off("ctr3")
        world.run(5)
        usual = world.hub.travel
        late: list[str] = []

        @instead_of(world.hub.travel)
        def slow_at_first(server: str, member: str, arrive: Callable[[], None]) -> None:
            node = world.machines["ctr3"].node
            if server == "ctr3" and node is not None and node.incarnation is not None and not late:
                late.append(server)
                world.loop.post(world.loop.now + 8.0, arrive)
            else:
                usual(server, member, arrive)

        world.boot("ctr3")
        world.until(lambda: late, 10, "its registration is on its way")
        world.power_off("ctr3")
        world.boot("ctr3")
        world.run(10)
        now = world.machines["ctr3"].incarnation
        world.until(lambda: world.view().present()[ServerName("ctr3")].incarnation == now(), 1, "its newest life counts")


def an_old_reading_arrives_after_a_hand_over(seed: int) -> None:
    """ctr1 leads and has it. A command there reads everything, and the answer is late: it has been moved to ctr2. Then it is asked back."""
    with _running_on_ctr1(seed, leader="ctr1") as world:
        node, place = node_of(world, "ctr1"), world.machines["ctr1"]._daemon
        assert place is not None
        usual = node.mirror._registry.read
        late: list[str] = []

        @instead_of(node.mirror._registry.read)
        async def once_late(prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
            late.append(prefix)
            first = len(late) == 1
            answer = await usual(prefix, without=without, after=after, limit_bytes=limit_bytes)
            if first:
                await world.loop.passes(0.5)
            return answer

        reading = world.loop.create_task(node.mirror.read_all(), context=place.context())
        world.run(0.1)
        world.relocate("db", to="ctr2")
        world.until(lambda: world.runs_on("db") == "ctr2", 0.3, "it is moved")
        world.until(reading.done, 1, "the old reading has arrived")
        world.dies("ora.net1.network", on="ctr1")  # something happens, so that every lane there is asked
        world.run(1)
        world.relocate("db", to="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 3, "it is moved back")


def a_daemon_goes_by_a_file_from_before_a_release(_: int) -> None:
    """What is kept on disk is from before the release, and the registry is away: the guard alone knows better."""
    with Stage() as stage:
        play(SCENARIOS / "kept_before_a_release.txt", stage, rewrite=False)


def an_evicted_server_has_something_to_report(seed: int) -> None:
    """Its service dies when its daemon knows that it is evicted, and its guard does not yet."""
    with _running_on_ctr1(seed) as world:
        world.evict("ctr1")
        world.run(0.01)
        world.dies("db", on="ctr1")
        world.run(3)


def an_evicted_server_has_something_to_release(seed: int) -> None:
    """Its service was stopped, and its guard answers late that it remembers the epoch: by then its daemon knows that it is evicted."""
    with _running_on_ctr1(seed) as world:
        node, life = node_of(world, "ctr1"), incarnation_of(world, "ctr1")
        usual = node.guard.remember
        asked: list[ResourceName] = []

        @instead_of(node.guard.remember)
        async def late(resource: ResourceName, epoch: int, *, released: bool = False) -> bool:
            answer = await usual(resource, epoch, released=released)
            asked.append(resource)
            while node.mirror.view.alive(life):  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.001)
            return answer

        world.stop("db")
        world.until(lambda: asked, 5, "it is to be released", look_s=0.01)
        world.evict("ctr1")
        world.run(3)


def an_assignment_arrives_when_its_holder_is_gone(seed: int) -> None:
    """The leader gives it to ctr2, and that is long under way; meanwhile nobody wants it any more, and ctr2 loses power and is fenced."""
    with cluster(seed) as world:
        make_leader(world, "ctr3")
        _define(world, "ctr2")
        world.run(1)
        usual = world.hub.arrive
        held: list[Written] = []

        @instead_of(world.hub.arrive)
        def hold(written: Written) -> None:
            if not held and any(write.key == keys.assignment(DB) for write in written.commit.writes):
                held.append(written)
            else:
                usual(written)

        world.change({keys.target(DB): TargetRecord(target=Target.ONLINE)})
        world.until(lambda: held, 2, "the assignment is under way")
        world.stop("db")
        gone = incarnation_of(world, "ctr2")
        world.power_off("ctr2")
        world.until(lambda: gone in world.truth.over, 8, "ctr2 is fenced")
        usual(held[0])
        world.run(3)


def many_starts_end_while_the_lease_does(seed: int) -> None:
    """Forty starts end one after the other, a few milliseconds apart, while a server is cut off and lapses. In random worlds too few starts
    end in the few milliseconds between the two kills of a lapse."""
    with cluster(seed, pause_tolerance=0.25) as world:
        begun_s = world.limits.lease_s - world.limits.stop_now_s
        for number in range(40):
            name = f"service{number}"
            world.define(name, hosting_members="ctr1", placement="restricted", script_timeout="5")
            world.machines["ctr1"].took_s[ResourceName(name)] = begun_s - 0.1 + 0.004 * number
        world.run(3)
        world.start(*(f"service{number}" for number in range(40)))
        world.until(lambda: len(world.machines["ctr1"].services.starting()) > 30, 5, "they are being started")
        world.cut("ctr1")
        world.run(2)


def a_voter_comes_back_in_the_middle_of_a_round(seed: int) -> None:
    """It says silent, restarts, and gets renews of the holder again before another voter says silent in the same round: within a tenth of
    a second, which no random world of reasonable length brings about."""
    with _ctr2_and_two_other_voters(seed) as world:
        world.cut_from("ctr2", "ctr1")
        world.run(0.98 * world.limits.round_s)
        world.cut_from("ctr2", "ctr3")
        _says_silent(world, "ctr1")
        world.run(0.008)
        keeper_of(world, "ctr1").kill_guard(forgets=True)
        world.network.mend([("ctr2", "ctr1", network) for network in NETWORKS])
        world.run(1)


def two_voters_are_silent_one_after_the_other(seed: int) -> None:
    """One says silent, restarts, waits and grants again; then the other says silent. Random worlds do this, but seldom."""
    with _ctr2_and_two_other_voters(seed) as world:
        world.cut_from("ctr2", "ctr1")
        _says_silent(world, "ctr1")
        world.run(0.3)
        keeper_of(world, "ctr1").kill_guard(forgets=True)
        world.network.mend([("ctr2", "ctr1", network) for network in NETWORKS])
        world.run(2 * world.limits.silent_after_s)
        world.cut_from("ctr2", "ctr3")
        world.run(2)


def somebody_starts_it_by_hand(seed: int) -> None:
    """It runs on ctr2 before anybody asks for it. In random worlds nobody types anything on a server: that is not the product's doing."""
    with cluster(seed) as world:
        world.service("db", on="ctr2").alive = True
        world.define("db", hosting_members="ctr1 ctr2", placement="restricted")
        world.run(1)
        world.start("db")
        world.run(2)


def it_dies_while_the_registry_is_away(seed: int) -> None:
    """In random worlds it is restarted when the registry has come back, and nothing is wrong in the end."""
    with running_trio(seed) as world:
        world.registry_away()
        world.run(2)
        world.dies("service", on="ctr1")
        world.until(lambda: trio_runs(world, "ctr1"), 1, "it is restarted")


# --- how they begin -------------------------------------------------------------------------------------------------


def _define(world: World, servers: str, *, outside: bool = False, **attributes: str) -> None:
    for name in world.machines:
        world.service("db", on=name).outside = outside
    world.define("db", hosting_members=servers, placement="restricted", **attributes)


def _define_on_base(world: World, *, outside: bool = False) -> None:
    """On ctr1, both."""
    world.define("base", hosting_members="ctr1", placement="restricted")
    _define(world, "ctr1", outside=outside, start_dependencies="hard(base)", stop_dependencies="hard(base)")


@contextmanager
def _running_on_ctr1(seed: int, *, outside: bool = False, leader: str = "ctr2") -> Iterator[World]:
    with cluster(seed) as world:
        make_leader(world, leader)
        world.run(5)  # until those who were cut off meanwhile count as able to act
        _define(world, "ctr1 ctr2", outside=outside)
        world.start("db", on="ctr1")
        world.until(lambda: world.runs_on("db") == "ctr1", 5, "it runs")
        world.run(1)
        yield world


def _ctr2_and_two_other_voters(seed: int) -> World:
    world = cluster(seed, pause_tolerance=0.25)
    make_leader(world, "ctr3")
    return world


def _says_silent(world: World, voter: str) -> None:
    world.until(lambda: core_of(world, voter).words, 1, f"{voter} says silent", look_s=0.001)
