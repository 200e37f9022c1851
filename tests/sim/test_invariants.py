"""Each rule is broken on purpose once, from outside the product, and must be seen at that instant."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cutting import exchange
from sim.present import incarnation_of, instead_of, keeper_of
from sim.trio import TRIO, running_trio
from understudy.daemon.leave import Leave
from understudy.guard.core.ending import EndStage
from understudy.model.actions import ActionName
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Life
from understudy.model.view import Assignment, Holder, View
from understudy.ports import ActionRequest, CommitCondition, Write
from understudy.registry import keys
from understudy.registry.commits import Commit
from understudy.sim.formats import NEXT
from understudy.sim.leaving import ask_to_leave
from understudy.sim.link import Written
from understudy.sim.truth import Violation
from understudy.sim.world import World

SERVICE = ResourceName("service")


@pytest.fixture
def world() -> Iterator[World]:
    """The trio runs on ctr1."""
    with running_trio() as world:
        yield world


def begin(world: World, on: str, *, epoch: int = 1, action: ActionName = "start", lease: bool = True) -> None:
    """An action begins that the product would not begin."""
    machine = world.machines[on]
    request = ActionRequest(
        resource=SERVICE, action=action, agent="script", epoch=epoch, incarnation=machine.incarnation() if lease else None
    )
    world.truth.begins(machine, request)


def breaks(world: World, rule: str) -> None:
    """The run ends with this rule's name."""
    with pytest.raises(Violation, match=rule):
        world.run(0.1)
    world.loop.failure = None


def test_two_at_once(world: World) -> None:
    """S1."""
    world.service("service", on="ctr2").alive = True

    breaks(world, "S1: service runs on ctr1 and ctr2")


def test_two_that_answer_though_one_is_frozen(world: World) -> None:
    """S1: a frozen server runs nothing, but its kernel answers while the gate is open."""
    world.machines["ctr1"].freeze()
    world.service("service", on="ctr2").alive = True

    breaks(world, "S1: service answers on ctr1 and ctr2")


def test_a_start_under_an_epoch_that_never_was(world: World) -> None:
    """S2."""
    world.service("service", on="ctr1").alive = False
    begin(world, "ctr1", epoch=7)

    breaks(world, "S2: ctr1 starts service under epoch 7, which never made it the sole holder")


def test_a_start_under_an_old_epoch(world: World) -> None:
    """S2."""
    keeper_of(world, "ctr1").epochs[SERVICE] = 2
    begin(world, "ctr1", epoch=1)

    breaks(world, "S2: ctr1 starts service under epoch 1 after it saw 2")


def test_a_start_under_an_assignment_that_was_over_before_the_daemon_began(world: World) -> None:
    """S2: what an earlier daemon knew is not what is."""
    machine, before = world.machines["ctr1"], world.view().assignments[SERVICE]
    machine.hang_daemon(5)
    assert before.owner is not None
    owner = replace(before.owner, epoch=2)
    world.change({keys.assignment(SERVICE): replace(before, epoch=2, owner=owner, holders=(owner,))})
    machine.kill_daemon()
    world.until(lambda: machine.node, 1, "another daemon begins", look_s=0.0005)
    begin(world, "ctr1", epoch=1)

    breaks(world, "S2: ctr1 starts service under epoch 1, which was over before its daemon began")


def test_a_start_of_which_the_guard_was_not_told(world: World) -> None:
    """S2: it could not refuse an older epoch afterwards."""
    keeper_of(world, "ctr1").epochs.clear()
    begin(world, "ctr1")

    breaks(world, "S2: ctr1 starts service under epoch 1, and its guard does not know it")


def test_a_start_that_a_newer_view_does_not_allow(world: World) -> None:
    """S2: what was decided before the daemon saw more."""
    machine = world.machines["ctr1"]
    request = ActionRequest(resource=SERVICE, action="start", agent="script", epoch=0, incarnation=machine.incarnation())
    world.truth.asked(machine, request)

    breaks(world, "S2: ctr1 starts service under epoch 0, and has seen epoch 1 that does not let it")


def test_a_start_beside_what_is_left(world: World) -> None:
    """It runs already."""
    begin(world, "ctr1")

    breaks(world, "ctr1 starts service although something of it is left")


def test_a_holder_that_is_gone_for_good(world: World) -> None:
    """S3: nobody could ever release it."""
    before = world.view().assignments[SERVICE]
    gone = Holder(server=ServerName("ctr3"), incarnation=Incarnation("0" * 32), epoch=1)
    world.truth.over.add(gone.incarnation)
    world.change({keys.assignment(SERVICE): replace(before, holders=(*before.holders, gone))})

    breaks(world, "S3: ctr3 becomes a holder after its incarnation was called gone for good")


def test_a_report_by_a_life_that_is_over(world: World) -> None:
    """S7: what a dead life says is not what is."""
    writer = incarnation_of(world, "ctr1")
    own, key = keys.incarnation(writer), keys.report(SERVICE, ServerName("ctr1"))
    world.truth.incarnations[writer] = replace(world.truth.incarnations[writer], life=Life.EVICTED)
    revisions = world.truth.revisions
    world.hub.judge(
        Written(
            server="ctr1",
            writer=writer,
            view=View(),
            commit=Commit((CommitCondition(own, revisions[own]), CommitCondition(key, revisions[key])), (Write(key, b"{}"),)),
            answer=lambda answer: None,
        )
    )

    breaks(world, "S7: ctr1 writes report/service/ctr1 without being entitled to")


def test_a_group_that_is_divided(world: World) -> None:
    """Moving together: one of three is given to another server, in a commit of its own. Its conditions hold."""
    view = world.view()
    before, leader = view.assignments[SERVICE], view.leader
    assert leader is not None
    owner = Holder(server=ServerName("ctr2"), incarnation=incarnation_of(world, "ctr2"), epoch=before.epoch + 1)
    after = replace(before, owner=owner, holders=(*before.holders, owner), epoch=owner.epoch)
    named = (keys.LEADER, keys.assignment(SERVICE))
    conditions = tuple(CommitCondition(key, world.truth.revisions[key]) for key in named)
    commit = Commit(conditions, (Write(keys.assignment(SERVICE), NEXT.encode(after, 1)),))
    world.hub.judge(Written(server=leader.server, writer=leader.incarnation, view=view, commit=commit, answer=lambda answer: None))

    breaks(world, "divides a group: it gives (address|data) to ctr1, service to ctr2")


def test_a_holder_that_disappears_without_proof(world: World) -> None:
    """S3."""
    before = world.view().assignments[SERVICE]
    world.change({keys.assignment(SERVICE): Assignment(resource=SERVICE, epoch=before.epoch + 1)})

    breaks(world, "S3: ctr1 is no holder of service any more, but it runs there")


def test_an_owner_that_is_no_holder(world: World) -> None:
    """S3."""
    before = world.view().assignments[SERVICE]
    owner = Holder(server=ServerName("ctr2"), incarnation=incarnation_of(world, "ctr2"), epoch=2)
    world.change({keys.assignment(SERVICE): replace(before, epoch=2, owner=owner)})

    breaks(world, "S3: service belongs to ctr2, which is no holder")


def test_an_action_without_a_lease(world: World) -> None:
    """S4."""
    keeper_of(world, "ctr1").stage = EndStage.STOPPING
    begin(world, "ctr1", action="stop")

    breaks(world, "S4: ctr1 begins stop of service without a lease")


def test_an_action_of_a_life_that_has_lapsed(world: World) -> None:
    """S4: an incarnation is never revived."""
    world.truth.lapsed.add(incarnation_of(world, "ctr1"))
    begin(world, "ctr1", action="stop")

    breaks(world, "S4: ctr1 begins stop of service although its incarnation has lapsed")


def test_what_outlives_the_lease(world: World) -> None:
    """S4."""
    instead_of(world.machines["ctr1"].kill_services)(lambda: None)
    instead_of(world.machines["ctr1"].not_ended)(lambda: ())
    world.cut("ctr1")

    with pytest.raises(Violation, match=r"S4: .* outlives the lease of ctr1"):
        world.run(5)
    world.loop.failure = None


@pytest.mark.parametrize("life", [Life.LOST, Life.FENCED])
def test_a_server_that_is_called_dead_and_lives(world: World, life: Life) -> None:
    """S5."""
    record = world.view().present()[ServerName("ctr1")]
    world.change({keys.incarnation(record.incarnation): replace(record, life=life)})

    breaks(world, "S5: ctr1 is called")


def test_a_server_that_is_fenced_before_its_quiet_time_is_over(world: World) -> None:
    """S5: its lease has just ended, and whoever must finish the kill has not had his time."""
    machine, record = world.machines["ctr1"], world.view().present()[ServerName("ctr1")]
    machine.freeze()
    world.run(machine.limits.lease_s)
    world.change({keys.incarnation(record.incarnation): replace(record, life=Life.FENCED)})

    breaks(world, "S5: ctr1 is called FENCED .* after the end of its lease")


def test_a_server_that_has_not_looked(world: World) -> None:
    """S6."""
    before = world.view().assignments[SERVICE]
    stranger = Holder(server=ServerName("ctr3"), incarnation=Incarnation("0" * 32), epoch=2)
    world.change({keys.assignment(SERVICE): replace(before, epoch=2, owner=stranger, holders=(*before.holders, stranger))})

    breaks(world, "S6: service is given to ctr3, which has not looked at it")


def test_a_life_that_is_forgotten_too_early(world: World) -> None:
    """S3: nobody could ever prove it gone."""
    world.change({keys.incarnation(incarnation_of(world, "ctr1")): None})

    breaks(world, "S3: ctr1 is forgotten while it is ONLINE")


def test_a_stop_under_what_needs_it(world: World) -> None:
    """The order of dependencies."""
    request = ActionRequest(resource=ResourceName(TRIO[0]), action="stop", agent="script", epoch=1)
    world.truth.begins(world.machines["ctr1"], request)

    breaks(world, "ctr1 stops address under data service")


def test_a_leave_that_does_not_wait_for_the_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said to be stopped in order, and runs, would be killed."""
    exchange(monkeypatch, Leave._up)(lambda self, me, lanes: ())
    exchange(monkeypatch, Leave._holds)(lambda self, me: False)
    world.service("service", on="ctr1").took_s["stop"] = 5.0
    ask_to_leave(keeper_of(world, "ctr1"), 30.0)

    with pytest.raises(Violation, match="leave: ctr1 says that it has stopped everything in order, and"):
        world.run(5)
    world.loop.failure = None
