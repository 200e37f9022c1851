"""A decision about what has changed is the decision about everything: from View to View, whatever comes between."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from cutting import exchange
from policy.carried import carried_out
from policy.strategies import views
from policy.test_properties import LATER, memory_of
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Life, Target
from understudy.model.view import Assignment, Definition, Holder, IncarnationRecord, Look, Report, Request, TargetRecord, View
from understudy.policy import placement
from understudy.policy.decide import decide
from understudy.policy.ground import Ground
from understudy.policy.part import DecisionParts
from understudy.policy.plan import Memory, Step

BY_NAME = ("definitions", "resources", "targets", "assignments", "reports")


def changed_names(before: View, after: View) -> set[ResourceName]:
    """Of whom anything is said otherwise, by identity, as the mirror does."""
    found: set[ResourceName] = set()
    for field in BY_NAME:
        old, new = getattr(before, field), getattr(after, field)
        found |= {name for name in (*old, *new) if old.get(name) is not new.get(name)}
    for server in {*before.looks, *after.looks}:
        was, now = before.looks.get(server), after.looks.get(server)
        for field in ("looked", "untold", "epochs"):
            said, says = ({} if look is None else getattr(look, field) for look in (was, now))
            found |= {name for name, _ in dict(said).items() ^ dict(says).items()}
    for request in {*before.requests} ^ {*after.requests}:
        found.update(request.resources)
    return found


@st.composite
def successors(draw: st.DrawFn, view: View, other: View) -> View:
    """The View with some of what another says, mostly of a few resources."""
    names = draw(st.sets(st.sampled_from(sorted({*view.resources, *other.resources})), max_size=3))
    mixed: dict[str, Any] = {field: _mixed(getattr(view, field), getattr(other, field), names) for field in BY_NAME}
    looks = {}
    for server, look in view.looks.items():
        said = other.looks.get(server)
        looks[server] = look if said is None else replace(look, looked=_mixed(look.looked, said.looked, names))
    if draw(st.integers(0, 3)) == 0:
        mixed["requests"] = other.requests
    if draw(st.integers(0, 5)) == 0:
        mixed |= {"incarnations": other.incarnations, "pools": other.pools}
        looks = dict(other.looks)
    if draw(st.integers(0, 5)) == 0:
        mixed["categories"] = other.categories
    if draw(st.integers(0, 5)) == 0:
        looks |= {server: replace(look, hardware=other.looks[server].hardware) for server, look in looks.items() if server in other.looks}
    return replace(view, **mixed, looks=looks)


def _mixed(mine: Any, theirs: Any, names: Iterable[ResourceName]) -> dict[Any, Any]:
    found = {**mine, **{name: theirs[name] for name in names if name in theirs}}
    return {name: said for name, said in found.items() if name in theirs or name not in names}


@given(st.data())
def test_the_decision_about_a_part_is_the_decision_about_the_whole(data: st.DataObject) -> None:
    """Also where a decision is carried out, or only some of it, or none."""
    parts, view, names = DecisionParts(), data.draw(views()), None
    for _ in range(data.draw(st.integers(2, 5))):
        part = parts.part(view, names)
        plan = decide(view, LATER, memory_of(view), part)
        assert plan == decide(view, LATER, memory_of(view))
        event("some" if len(part.groups) < len(view.resources) - 1 else "all")
        parts.decided(plan)
        done = data.draw(st.sampled_from(("all", "none", "first")))
        kept = replace(plan, steps=() if done == "none" else plan.steps[:1] if done == "first" else plan.steps)
        after = data.draw(successors(carried_out(view, kept), data.draw(views())))
        names, view = changed_names(view, after), after


def test_a_request_is_answered_once_what_it_names_is_registered_or_not() -> None:
    """Of a first name that is registered only later, and of one that is removed: the request is another one's then."""
    whole = _large(3)
    asked = Request(id="r1", verb="start", resources=(ResourceName("r1"), ResourceName("r2")), server=None, by="root@ctr1")
    view = replace(whole, requests=(asked,), targets={}, assignments={})
    fewer = replace(view, resources={name: profile for name, profile in view.resources.items() if name != "r1"})
    none = replace(view, resources={name: profile for name, profile in view.resources.items() if name == "r0"})
    for before, after in ((none, fewer), (fewer, view), (view, fewer), (none, view)):
        parts = DecisionParts()
        parts.part(before, None)
        part = parts.part(after, changed_names(before, after))
        assert decide(after, LATER, Memory(), part) == decide(after, LATER, Memory())


def _settled(view: View, most: int | None) -> tuple[View, int]:
    """After all that is decided was carried out, and in how many decisions that gave something to do. Who was quiet for long is so from
    the first: else more servers would be proved gone with each decision."""
    first, parts, names, count = view, DecisionParts(most), None, 0
    for _ in range(200):
        plan = decide(view, LATER, memory_of(first), parts.part(view, names))
        parts.decided(plan)
        if not plan and not parts.unfinished:
            return view, count
        after = carried_out(view, plan)
        names, view, count = changed_names(view, after), after, count + bool(plan)
    raise AssertionError("it never comes to an end")


@given(views(), st.integers(1, 3))
def test_what_is_decided_in_several_goes_is_what_is_decided_in_one(view: View, most: int) -> None:
    """Of many groups some are left for the next decision: nobody is forgotten, and everybody comes to the same place."""
    (several, count), (whole, least) = _settled(view, most), _settled(view, None)
    event(f"{count - least} decisions more")
    assert several.assignments == whole.assignments
    assert several.requests == whole.requests


def _large(size: int) -> View:
    """At rest on one server, each resource a group of its own."""
    holder = Holder(server="ctr1", incarnation="i1", epoch=1)  # type: ignore[arg-type]
    record = IncarnationRecord(incarnation=holder.incarnation, server=holder.server, life=Life.ONLINE)
    profiles = {
        name: resolve(Definition(name=name, type=TypeName("cluster_resource"), uid=name), {})
        for name in (ResourceName(f"r{number}") for number in range(size))
    }
    return View(
        incarnations={record.incarnation: record},
        resources=profiles,
        definitions={name: Definition(name=name, type=profile.type, uid=name) for name, profile in profiles.items()},
        targets={name: TargetRecord(target=Target.ONLINE) for name in profiles},
        assignments={name: Assignment(resource=name, epoch=1, owner=holder, holders=(holder,)) for name in profiles},
        looks={record.server: Look(server=record.server, incarnation=record.incarnation, looked={name: name for name in profiles})},
    )


def test_what_was_left_is_gone_through_beside_what_has_changed_since() -> None:
    """Neither waits for the end of the other; what is registered no more, or is of another group now, is not left any more."""
    view, parts = _large(100), DecisionParts(10)
    view = replace(view, assignments={name: kept for name, kept in view.assignments.items() if name != "r99"})
    first = parts.part(view, None)
    tied = resolve(
        Definition(name=ResourceName("r50"), type=TypeName("cluster_resource"), uid="r50", attributes={"START_DEPENDENCIES": "hard(r60)"}),
        {},
    )
    after = replace(view, resources={**{name: kept for name, kept in view.resources.items() if name != "r99"}, tied.name: tied})
    part = parts.part(after, changed_names(view, after))
    assert ("r50", "r60") in part.groups
    assert len(part.groups) == 10
    left = {name for members in part.later for name in members}
    done = {name for each in (first, part) for members in each.groups for name in members}
    assert left == after.resources.keys() - done
    while parts.unfinished:
        part = parts.part(after, ())
        left -= {name for members in part.groups for name in members}
    assert not left


def test_who_lost_its_server_comes_first() -> None:
    """Of a thousand groups a few are decided about at once: those that may be down."""
    view, parts = _large(1000), DecisionParts(10)
    (incarnation, record), other = next(iter(view.incarnations.items())), Holder(server="ctr2", incarnation="i2", epoch=1)  # type: ignore[arg-type]
    lost = replace(record, server=other.server, incarnation=other.incarnation, life=Life.FENCED)
    down = Assignment(resource=ResourceName("r999"), epoch=1, owner=other, holders=(other,))
    view = replace(
        view,
        incarnations={incarnation: record, other.incarnation: lost},
        assignments={**view.assignments, down.resource: down},
    )
    part = parts.part(view, None)
    assert (down.resource,) in part.groups
    assert (len(part.groups), len(part.later)) == (10, 990)
    assert [assignment.resource for step in decide(view, LATER, Memory(), part).steps for assignment in step.assignments] == [down.resource]


def test_who_lost_its_server_has_the_first_choice_also_where_all_are_decided_about_at_once() -> None:
    """Of two that go by load the one that may be down is placed before the one that is new, whatever their names."""
    view = _large(2)
    first, second = sorted(view.resources)
    (incarnation, record), gone = next(iter(view.incarnations.items())), Holder(server="ctr3", incarnation="i3", epoch=1)  # type: ignore[arg-type]
    lives = {
        incarnation: record,
        Incarnation("i2"): replace(record, server=ServerName("ctr2"), incarnation=Incarnation("i2")),
        gone.incarnation: replace(record, server=gone.server, incarnation=gone.incarnation, life=Life.FENCED),
    }
    looks = {each.server: replace(view.looks[record.server], server=each.server, incarnation=each.incarnation) for each in lives.values()}
    down = Assignment(resource=second, epoch=1, owner=gone, holders=(gone,))
    view = replace(view, incarnations=lives, looks=looks, assignments={second: down})

    found = [_settled(view, most)[0].assignments for most in (None, 1)]

    assert [{name: each.owner.server for name, each in assignments.items() if each.owner} for assignments in found] == [
        {first: "ctr2", second: "ctr1"}
    ] * 2


def test_of_a_thousand_groups_only_who_has_changed_is_gone_through(monkeypatch: Any) -> None:
    """A report of one resource, one more resource."""
    settled: list[Sequence[ResourceName]] = []
    original = placement.settle_group

    def counted(ground: Ground, members: Sequence[ResourceName]) -> Step:
        settled.append(members)
        return original(ground, members)

    exchange(monkeypatch, placement.settle_group)(counted)
    view, parts = _large(1000), DecisionParts()
    parts.decided(decide(view, LATER, Memory(), parts.part(view, None)))
    assert len(settled) == 1000
    settled.clear()

    (incarnation, record), name = next(iter(view.incarnations.items())), ResourceName("r7")
    report = Report(resource=name, server=record.server, incarnation=incarnation, epoch=1, state="OFFLINE")  # type: ignore[arg-type]
    view = replace(view, reports={name: {record.server: report}})
    parts.decided(decide(view, LATER, Memory(), parts.part(view, {name})))
    more = ResourceName("more")
    view = replace(view, resources={**view.resources, more: replace(view.resources[name], name=more)})
    decide(view, LATER, Memory(), parts.part(view, {more}))
    assert settled == [(name,), (more,)]
