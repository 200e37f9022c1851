"""When the name of a deleted resource is forgotten, and above what epochs are given from then on (docs/design/0008-forgotten-names.md)."""

from dataclasses import replace

import pytest

from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Life, State, Target
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    Holder,
    IncarnationRecord,
    Look,
    Report,
    Request,
    TargetRecord,
    View,
)
from understudy.policy.decide import decide
from understudy.policy.forgetting import AT_ONCE, EVERY_S
from understudy.policy.plan import Memory, Step

GONE, DB = ResourceName("gone"), ResourceName("db")
CTR1, CTR2 = ServerName("ctr1"), ServerName("ctr2")
MEMORY = Memory(acting_since=0.0, servers=frozenset({CTR1, CTR2, ServerName("ctr3")}))
HOLDER = Holder(server=CTR1, incarnation=Incarnation("1" * 32), epoch=7)
OLD = IncarnationRecord(incarnation=Incarnation("3" * 32), server=ServerName("ctr3"), life=Life.FENCED, order=3)
"""Of a server that is off, and whose daemon was of a version before this one."""


def view_of(**more: object) -> View:
    """Two servers, and what is left of a resource that was deleted at epoch 7."""
    lives = [
        IncarnationRecord(incarnation=Incarnation(str(number) * 32), server=server, life=Life.ONLINE, order=number, forgets=True)
        for number, server in enumerate((CTR1, CTR2), 1)
    ]
    bare = View(
        cluster=ClusterRecord(name="c", voters=(CTR1,), epoch_floor=3),
        incarnations={record.incarnation: record for record in lives},
        looks={record.server: Look(server=record.server, incarnation=record.incarnation, looked={DB: "u"}) for record in lives},
        assignments={GONE: Assignment(resource=GONE, epoch=7)},
    )
    return replace(bare, **more)  # type: ignore[arg-type]


def forgotten(view: View, now: float = 1.0, memory: Memory = MEMORY) -> Step:
    """The one step that forgets, or none."""
    return next((step for step in decide(view, now, memory).steps if step.names), Step())


def test_a_deleted_name_goes_and_the_floor_rises_in_the_same_commit() -> None:
    step = forgotten(view_of())

    assert step.names == (GONE,)
    assert step.cluster is not None
    assert step.cluster.epoch_floor == 7


def test_the_cluster_is_written_also_where_the_floor_is_high_enough() -> None:
    """That an assignment goes must not look like a registry that went back: its revision is found there."""
    cluster = ClusterRecord(name="c", voters=(CTR1,), epoch_floor=9)

    assert forgotten(view_of(cluster=cluster)).cluster == cluster


def test_what_is_left_of_its_reports_goes_with_it() -> None:
    report = Report(resource=GONE, server=CTR2, incarnation=Incarnation("2" * 32), epoch=0, state=State.OFFLINE)

    assert forgotten(view_of(reports={GONE: {CTR2: report}})).reports == ((GONE, CTR2),)
    assert forgotten(view_of(reports={GONE: {CTR2: report}}, assignments={})).names == (GONE,)


@pytest.mark.parametrize(
    "more",
    [
        {"assignments": {GONE: Assignment(resource=GONE, epoch=7, holders=(HOLDER,))}},
        {"definitions": {GONE: Definition(name=GONE, type=TypeName("no_such_type"), uid="u")}},
        {"requests": (Request(id="1", verb="start", resources=(GONE, DB)),)},
        {"cluster": ClusterRecord(name="c", voters=(CTR1,), recovering=True)},
        {"incarnations": {**view_of().incarnations, OLD.incarnation: OLD}},
    ],
    ids=("held", "registered", "asked for", "recovering", "an older version comes back"),
)
def test_it_is_not_forgotten_while(more: dict[str, object]) -> None:
    assert not forgotten(view_of(**more))


def test_an_older_version_that_is_gone_for_good_holds_up_nothing():
    """Its server is no longer among the settings."""
    left = replace(MEMORY, servers=frozenset({CTR1, CTR2}))

    assert forgotten(view_of(incarnations={**view_of().incarnations, OLD.incarnation: OLD}), memory=left).names == (GONE,)


def test_so_many_at_once_and_so_often() -> None:
    names = [ResourceName(f"gone{number:04}") for number in range(AT_ONCE)]
    view = view_of(assignments={name: Assignment(resource=name, epoch=2) for name in names})
    later = replace(MEMORY, forget_at=5.0)

    assert len(forgotten(view).names) == AT_ONCE // 2
    assert EVERY_S > 0
    assert not forgotten(view, 4.0, later)
    assert decide(view, 4.0, later).wake_at == 5.0
    assert forgotten(view, 5.0, later)


def with_the_database(view: View, assignment: Assignment | None) -> View:
    """The same, and a database is wanted; nothing was deleted."""
    definition = Definition(name=DB, type=TypeName("cluster_resource"), uid="u", attributes={"SERVER_POOLS": "*"})
    return replace(
        view,
        definitions={DB: definition},
        resources={DB: resolve(definition, {})},
        targets={DB: TargetRecord(target=Target.ONLINE)},
        assignments={} if assignment is None else {DB: assignment},
    )


@pytest.mark.parametrize("before", [None, Assignment(resource=DB, epoch=1), Assignment(resource=DB, epoch=8)])
def test_every_epoch_that_is_given_is_above_the_floor(before: Assignment | None) -> None:
    """Also that of a name that is older than the floor: a guard lets what it does not remember start only above its own."""
    (step,) = decide(with_the_database(view_of(), before), 1.0, MEMORY).steps
    (given,) = step.assignments

    assert given.epoch == (9 if before is not None and before.epoch == 8 else 4)


def test_what_a_guard_has_forgotten_above_the_floor_raises_it_before_an_epoch_is_given() -> None:
    view = with_the_database(view_of(), None)
    told = replace(view, looks={**view.looks, CTR2: replace(view.looks[CTR2], floor=6)})
    (step,) = decide(told, 1.0, MEMORY).steps

    assert step.cluster is not None
    assert step.cluster.epoch_floor == 6
    assert not step.assignments
