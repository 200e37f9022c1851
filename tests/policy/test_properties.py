"""What holds for every decision, whatever the View (design section 3: S3, S6; section 6: moving together)."""

from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from policy.carried import carried_out, only_forgets
from policy.oracle import best_server
from policy.strategies import views
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.state import PROVEN, Life, Target
from understudy.model.view import Assignment, View
from understudy.policy.decide import decide
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import survey
from understudy.policy.groups import groups
from understudy.policy.plan import Memory

LATER = 100.0


def memory_of(view: View) -> Memory:
    """A leader that saw half of the lost servers long ago."""
    lost = [incarnation for incarnation, record in sorted(view.incarnations.items()) if record.life is Life.LOST]
    return Memory(quiet_until={incarnation: (1.0 if number % 2 else LATER + 1) for number, incarnation in enumerate(lost)})


def decided(view: View) -> View:
    """The View with the plan for it carried out; and with what follows where that plan was about servers that have come up: these are
    decided about first, and alone."""
    after = carried_out(view, decide(view, LATER, memory_of(view)))
    return after if _coming_up(after) == _coming_up(view) else decided(after)


def _coming_up(view: View) -> set[str]:
    return {name for name, record in view.incarnations.items() if record.coming_up}


def assignments(view: View) -> dict[ResourceName, tuple[Assignment, Assignment]]:
    """Every assignment before and after the decision."""
    after = decided(view)
    blank = {name: Assignment(resource=name, epoch=0) for name in after.assignments}
    return {name: ({**blank, **view.assignments}[name], assignment) for name, assignment in after.assignments.items()}


@given(views(), st.data())
def test_order_of_inputs_does_not_matter(view: View, data: st.DataObject) -> None:
    """The same facts in another order give the same plan."""

    def shuffled(mapping: Any) -> Any:
        return dict(data.draw(st.permutations(sorted(mapping.items()))))

    fields = ("incarnations", "pools", "resources", "targets", "assignments", "reports", "looks")
    other = replace(view, **{name: shuffled(getattr(view, name)) for name in fields})
    assert decide(other, LATER, memory_of(view)) == decide(view, LATER, memory_of(view))


@given(views())
def test_a_done_plan_leaves_nothing_to_decide(view: View) -> None:
    """Deciding is level-triggered: once its plan is in the registry, nothing follows until something else happens."""
    plan = decide(decided(view), LATER, memory_of(view))
    assert only_forgets(plan)
    assert not decide(carried_out(decided(view), plan), LATER, memory_of(view))


@given(views())
def test_an_owner_is_a_holder(view: View) -> None:
    """S3: who is to run it may be running it."""
    for before, after in assignments(view).values():
        event("owner changes" if before.owner != after.owner else "owner stays")
        assert after.owner is None or after.owner in after.holders or after == before
        assert len({holder.incarnation for holder in after.holders}) == len(after.holders)


@given(views())
def test_epochs_never_go_down_and_grow_with_every_new_owner(view: View) -> None:
    """S2: an action under an older epoch can be distinguished from one under the present one."""
    for before, after in assignments(view).values():
        assert after.epoch >= before.epoch
        assert after.epoch > before.epoch or after.owner == before.owner
        assert after.owner is None or after.owner.epoch <= after.epoch


@given(views())
def test_a_holder_disappears_only_with_a_proof(view: View) -> None:
    """S3: the leader removes a holder when its incarnation is fenced or has left, and stores that."""
    after_view = decided(view)
    for before, after in assignments(view).values():
        kept = {holder.incarnation for holder in after.holders}
        for holder in before.holders:
            if holder.incarnation not in kept:
                assert holder.incarnation not in view.incarnations or after_view.incarnations[holder.incarnation].life in PROVEN
                assert any(proof.holder == holder for proof in after.proofs)


@given(views())
def test_only_servers_that_are_online_and_have_looked_are_given_anything(view: View) -> None:
    """S6: first look, then act."""
    for name, (before, after) in assignments(view).items():
        if after.owner is not None and after.owner != before.owner:
            record = view.incarnations[after.owner.incarnation]
            assert record.life is Life.ONLINE
            assert view.present()[record.server] == record
            assert view.looked(record.server, record.incarnation, view.resources[name])


@given(views())
def test_a_group_has_one_home(view: View) -> None:
    """What depends on each other on one server is given to one server (what may not be moved now stays where it was)."""
    after = decided(view)
    changes = assignments(view)
    for members in groups(view):
        given_away = {
            after.assignments[name].owner.server  # type: ignore[union-attr]
            for name in members
            if name in changes and changes[name][1].owner not in (None, changes[name][0].owner)
        }
        assert len(given_away) <= 1
        if given_away:
            owners = {changes[name][1].owner for name in members if name in changes and _wanted(view, name)}
            assert {holder.server for holder in owners if holder is not None} <= given_away


@given(views(), st.data())
def test_placement_equals_the_oracle(view: View, data: st.DataObject) -> None:
    """A second, dumb implementation chooses the same server for a group that runs nowhere, whatever the others do."""
    members = list(data.draw(st.sampled_from(groups(view))))
    view = replace(view, assignments={name: assignment for name, assignment in view.assignments.items() if name not in members})
    expected = best_server(view, members)
    event("nowhere" if expected is None else "placed")
    best = next((standing.server for standing in group_standings(survey(view), members) if standing.admitted), None)
    assert best == expected


def _wanted(view: View, name: ResourceName) -> bool:
    profile: Resource = view.resources[name]
    return view.target(name) is Target.ONLINE and profile.enabled
