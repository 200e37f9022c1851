"""Witnesses are given nothing to run, and of servers that were removed nothing is left; shown on decide itself."""

from dataclasses import replace

from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.reasons import Why
from understudy.model.servers import ServerRecord
from understudy.model.state import Life, State, Target
from understudy.model.view import ClusterRecord, Definition, IncarnationRecord, Look, Report, TargetRecord, View
from understudy.policy.decide import decide
from understudy.policy.eligibility import standings
from understudy.policy.ground import survey
from understudy.policy.plan import Memory

DB = ResourceName("db")
CTR1, WIT1, CTR9 = ServerName("ctr1"), ServerName("awit"), ServerName("ctr9")
"""The witness is the first by name."""
MEMORY = Memory(acting_since=0.0)


def life(server: ServerName) -> Incarnation:
    return Incarnation(f"{server}-life")


def a_view(*servers: ServerName, attributes: str = "*") -> View:
    """The database is wanted and was never started; ctr1 has looked at it, the witness at nothing. These two are the servers."""
    definition = Definition(name=DB, type=TypeName("cluster_resource"), uid="u", attributes={"SERVER_POOLS": attributes})
    lives = [IncarnationRecord(incarnation=life(server), server=server, life=Life.ONLINE, order=1) for server in servers]
    return View(
        revision=9,
        cluster=ClusterRecord(name="c", voters=(CTR1,)),
        servers={
            CTR1: ServerRecord(server=CTR1, addresses=("10.0.0.1",)),
            WIT1: ServerRecord(server=WIT1, addresses=("10.0.0.9",), witness=True),
        },
        incarnations={record.incarnation: record for record in lives},
        definitions={DB: definition},
        resources={DB: resolve(definition, {})},
        targets={DB: TargetRecord(target=Target.ONLINE)},
        looks={CTR1: Look(server=CTR1, incarnation=life(CTR1), looked={DB: "u"}), WIT1: Look(server=WIT1, incarnation=life(WIT1))},
    )


def test_a_witness_is_given_nothing_and_is_not_waited_for() -> None:
    (step,) = decide(a_view(CTR1, WIT1), 0.0, MEMORY).steps
    assert [assignment.owner and assignment.owner.server for assignment in step.assignments] == [CTR1]
    alone = replace(a_view(WIT1), looks={WIT1: Look(server=WIT1, incarnation=life(WIT1), looked={DB: "u"})})
    assert not [owner for step in decide(alone, 0.0, MEMORY).steps for each in step.assignments if (owner := each.owner) is not None]
    (standing,) = standings(alone, DB)
    assert (standing.admitted, standing.reason.why) == (False, Why.WITNESS)


def test_a_witness_is_in_no_pool() -> None:
    assert all(WIT1 not in members for members in survey(a_view(CTR1, WIT1)).pools.values())
    assert any(CTR1 in members for members in survey(a_view(CTR1, WIT1)).pools.values())


def test_of_a_server_that_was_removed_the_reports_go_first_and_then_its_life() -> None:
    gone = IncarnationRecord(incarnation=life(CTR9), server=CTR9, life=Life.LEFT, order=1)
    view = a_view(CTR1)
    view = replace(view, incarnations={**view.incarnations, gone.incarnation: gone}, targets={})
    report = Report(resource=DB, server=CTR9, incarnation=life(CTR9), epoch=0, state=State.OFFLINE)
    memory = replace(MEMORY, uncounted_at={gone.incarnation: 1.0})
    (step,) = decide(replace(view, reports={DB: {CTR9: report}}), 2.0, memory).steps
    assert (step.reports, step.forgotten) == (((DB, CTR9),), ())
    (step,) = decide(view, 2.0, memory).steps
    assert step.forgotten == (gone.incarnation,)
    assert not decide(view, 0.0, memory).steps, "a voter may still count it"
    known = {**view.servers, CTR9: ServerRecord(server=CTR9, addresses=("10.0.0.8",))}
    assert not decide(replace(view, servers=known), 2.0, memory).steps, "the last life of a server says how it stands"
