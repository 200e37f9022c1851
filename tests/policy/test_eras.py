"""After the registry went back: what may be decided, resource by resource (docs/design/0005-registry-set-back.md)."""

from dataclasses import replace

from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Internal, Life, State, Target
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    Holder,
    IncarnationRecord,
    Look,
    Report,
    TargetRecord,
    Unable,
    View,
)
from understudy.policy.decide import decide
from understudy.policy.eras import UNREPORTED_S
from understudy.policy.plan import Memory, Plan

DB = ResourceName("db")
CTR1, CTR2 = ServerName("ctr1"), ServerName("ctr2")
MEMORY = Memory(acting_since=0.0, recovering_since=0.0)


def life(server: ServerName) -> Incarnation:
    return Incarnation(server.removeprefix("ctr") * 32)


def holder(server: ServerName, epoch: int) -> Holder:
    return Holder(server=server, incarnation=life(server), epoch=epoch)


def copied(*told: ServerName, target: Target | None = Target.ONLINE) -> View:
    """Era 2 of a registry whose copy says that ctr1 holds the database; the named servers have written this era's look and run nothing."""
    definition = Definition(name=DB, type=TypeName("cluster_resource"), uid="u", attributes={"SERVER_POOLS": "*"})
    resources = {DB: resolve(definition, {})}
    lives = [IncarnationRecord(incarnation=life(server), server=server, life=Life.ONLINE, order=1) for server in (CTR1, CTR2)]
    looks = {
        server: Look(server=server, incarnation=life(server), looked={DB: "u"}, era=2 if server in told else 1) for server in (CTR1, CTR2)
    }
    return View(
        revision=9,
        cluster=ClusterRecord(name="c", voters=(CTR1,), era=2, recovering=True),
        incarnations={record.incarnation: record for record in lives},
        definitions={DB: definition},
        resources=resources,
        targets={} if target is None else {DB: TargetRecord(target=target)},
        assignments={DB: Assignment(resource=DB, epoch=4, owner=holder(CTR1, 4), holders=(holder(CTR1, 4),))},
        looks=looks,
    )


def running(view: View, server: ServerName, *, epoch: int = 7, state: State = State.ONLINE, internal: Internal = Internal.STABLE) -> View:
    """This server has reported that it runs it, started under this epoch."""
    report = Report(resource=DB, server=server, incarnation=life(server), epoch=epoch, state=state, internal=internal)
    look = replace(view.looks[server], epochs={DB: epoch})
    return replace(view, reports={DB: {server: report}}, looks={**view.looks, server: look})


def assigned(plan: Plan) -> Assignment | None:
    found = [assignment for step in plan.steps for assignment in step.assignments]
    return found[0] if found else None


def test_nothing_is_given_away_while_somebody_has_not_told() -> None:
    assert assigned(decide(copied(CTR1), 1.0, MEMORY)) is None


def test_it_belongs_to_where_it_runs_under_an_epoch_above_all_that_is_remembered() -> None:
    """Whoever else has not reported yet: it runs on one server alone. The copy's holder stays one until it has released it."""
    after = assigned(decide(running(copied(CTR2), CTR2), 1.0, MEMORY))

    assert after is not None
    assert (after.owner, after.epoch, after.era) == (holder(CTR2, 8), 8, 2)
    assert {other.server for other in after.holders} == {CTR1, CTR2}


def test_what_is_about_to_run_counts_as_running() -> None:
    view = running(copied(CTR1, CTR2), CTR2, state=State.OFFLINE, internal=Internal.STARTING)

    after = assigned(decide(view, 1.0, MEMORY))

    assert after is not None
    assert after.owner == holder(CTR2, 8)


def cannot_tell(view: View, server: ServerName) -> View:
    """This server has reported that no checks can be run there; it has never started the database."""
    report = Report(resource=DB, server=server, incarnation=life(server), epoch=0, state=State.UNKNOWN, internal=Internal.STABLE)
    return replace(view, reports={DB: {server: report}})


def test_who_cannot_tell_and_has_never_started_it_is_given_nothing_and_has_to_release_it() -> None:
    """It was given to such a server as if it had been found running there, which had not even looked at it."""
    after = assigned(decide(cannot_tell(copied(CTR1, CTR2), CTR2), 1.0, MEMORY))

    assert after is not None
    assert after.owner is not None
    assert after.owner.server == CTR1
    assert [holder.server for holder in after.holders] == [CTR1, CTR2]


def test_who_cannot_tell_is_no_reason_not_to_wait_for_others() -> None:
    assert assigned(decide(cannot_tell(copied(CTR2), CTR2), 1.0, MEMORY)) is None


def test_who_cannot_tell_and_has_started_it_keeps_it() -> None:
    after = assigned(decide(running(copied(CTR2), CTR2, state=State.UNKNOWN), 1.0, MEMORY))

    assert after is not None
    assert after.owner is not None
    assert after.owner.server == CTR2


def test_when_all_have_told_that_it_does_not_run_it_stays_where_the_copy_says() -> None:
    after = assigned(decide(copied(CTR1, CTR2), 1.0, MEMORY))

    assert after is not None
    assert (after.owner, after.era) == (holder(CTR1, 5), 2)


def test_what_runs_and_was_started_by_the_cluster_is_wanted() -> None:
    plan = decide(running(copied(CTR1, CTR2, target=None), CTR2), 1.0, MEMORY)

    assert [(name, target.target) for step in plan.steps for name, target in step.targets] == [(DB, Target.ONLINE)]
    assert assigned(plan) is None


def test_what_was_started_by_hand_is_left_alone() -> None:
    view = running(copied(CTR1, CTR2, target=None), CTR2)
    view = replace(view, looks={**view.looks, CTR2: replace(view.looks[CTR2], epochs={})})

    assert not [target for step in decide(view, 1.0, MEMORY).steps for target in step.targets]


def test_a_server_that_cannot_act_yet_is_waited_for_and_not_moved_off() -> None:
    view = running(copied(CTR1, CTR2), CTR2)
    view = replace(view, unable={life(CTR2): Unable(server=CTR2, why="it cannot reach the registry", since=-60.0)})

    plan = decide(view, 1.0, MEMORY)

    assert not [change for step in plan.steps for change in (*step.assignments, *step.incarnations)]


def test_who_does_not_tell_holds_up_what_is_wanted_for_so_long_and_no_longer() -> None:
    view = copied(CTR1)
    assert decide(view, UNREPORTED_S - 1.0, MEMORY).wake_at == UNREPORTED_S

    plan = decide(view, UNREPORTED_S, MEMORY)

    assert [(record.server, record.life) for step in plan.steps for record in step.incarnations] == [(CTR2, Life.EVICTED)]


def test_who_does_not_tell_keeps_its_lease_where_nothing_waits_for_it() -> None:
    view = running(copied(CTR1), CTR1, epoch=4)

    assert not [record for step in decide(view, 10 * UNREPORTED_S, MEMORY).steps for record in step.incarnations]


def test_it_is_over_when_all_have_told_and_everything_is_confirmed() -> None:
    view = copied(CTR1, CTR2)
    after = assigned(decide(view, 1.0, MEMORY))
    assert after is not None

    plan = decide(replace(view, assignments={DB: after}), 1.0, MEMORY)

    assert [step.cluster.recovering for step in plan.steps if step.cluster is not None] == [False]


def test_without_any_era_too_an_epoch_goes_above_what_a_guard_remembers() -> None:
    view = replace(copied(CTR1, CTR2), cluster=ClusterRecord(name="c", voters=(CTR1,)))
    looks = {server: replace(look, era=1, epochs={DB: 9} if server == CTR1 else {}) for server, look in view.looks.items()}

    after = assigned(decide(replace(view, looks=looks), 1.0, Memory(acting_since=0.0)))

    assert after is not None
    assert (after.owner, after.epoch) == (holder(CTR1, 10), 10)


def cannot_look(view: View, server: ServerName, since: float = 0.0) -> View:
    """This server has come back in the era, its guard remembers that the database was started there, and it cannot look."""
    look = replace(view.looks[server], looked={}, untold={DB: "u"}, epochs={DB: 7})
    unable = {life(server): Unable(server=server, why="its executor does not answer", since=since)}
    return replace(view, looks={**view.looks, server: look}, unable=unable)


def test_who_has_come_back_and_cannot_look_is_waited_for_so_long_and_no_longer() -> None:
    view = cannot_look(copied(CTR1, CTR2), CTR2, since=4.0)
    memory = replace(MEMORY, reported_since={life(CTR2): 1.0})
    waiting = decide(view, 5.0, memory)

    assert assigned(waiting) is None
    assert waiting.wake_at == 4.0 + UNREPORTED_S
    assert [
        record.server
        for step in decide(view, 4.0 + UNREPORTED_S, memory).steps
        for record in step.incarnations
        if record.life is Life.EVICTED
    ] == [CTR2]


def test_it_is_not_over_while_somebody_could_not_look_at_what_is_registered_later() -> None:
    """With nothing registered nobody has anything to tell; who is not back, or cannot act, runs what will be registered again."""
    bare = replace(copied(CTR1, CTR2), assignments={}, definitions={}, resources={}, targets={})
    back = replace(bare.incarnations[life(CTR2)], life=Life.JOINING)

    assert any(step.cluster for step in decide(bare, 1.0, MEMORY).steps)
    assert not decide(replace(bare, incarnations={**bare.incarnations, back.incarnation: back}), 1.0, MEMORY)
    assert not decide(replace(bare, unable={life(CTR2): Unable(server=CTR2, why="its executor does not answer", since=0.0)}), 1.0, MEMORY)


def test_who_remembers_a_start_that_the_registry_does_not_know_is_looked_at_before_it_starts_elsewhere() -> None:
    """S6, also when the recovery is over: a look that could not tell proves nothing where the guard remembers a higher epoch."""
    known = copied(CTR1, CTR2)
    assert known.cluster is not None
    nobodys = Assignment(resource=DB, epoch=4, era=2)
    over = replace(known, cluster=replace(known.cluster, recovering=False), assignments={DB: nobodys})
    untold = replace(over.looks[CTR2], looked={}, untold={DB: "u"})
    silent = replace(over, looks={**over.looks, CTR2: untold})
    remembers = replace(over, looks={**over.looks, CTR2: replace(untold, epochs={DB: 7})})

    after, waiting = assigned(decide(silent, 1.0, MEMORY)), assigned(decide(remembers, 1.0, MEMORY))
    assert after is not None
    assert after.owner is not None
    assert waiting is None or waiting.owner is None
