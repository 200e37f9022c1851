"""What changes about one resource on a server is no reason to ask all others: whom `concerned` leaves out would have answered the same.

`lane/driver.py` rests on it. Dependencies lead only to names before them, so that there is no cycle (the product refuses those).
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support import times
from understudy.lane.local import Budget, Local
from understudy.lane.neighbours import Here, concerned, dependents_of_each
from understudy.lane.phases import Cleaning, Climbing, Down, Phase, Rung, Starting, Stuck, Unseen, Up
from understudy.lane.reconcile import reconcile
from understudy.lane.steps import LaneStep
from understudy.model.actions import ActionName
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.resource import Resource
from understudy.model.state import Internal, Life, State, Target
from understudy.model.view import (
    Assignment,
    Definition,
    Failure,
    Holder,
    IncarnationRecord,
    Report,
    TargetRecord,
    TypeRecord,
    View,
)

NAMES = tuple(ResourceName(f"r{number}") for number in range(6))
ME, OTHER = (Holder(server=ServerName(name), incarnation=Incarnation(f"{name}/i1"), epoch=1) for name in ("ctr1", "ctr2"))
EARLY = TypeName("early")
"""The type of the first resources, of which the later ones may need any."""
NOW = 100.0
START = (
    "hard({})", "hard({})", "hard(global:{})", "hard(intermediate:{})", "hard(global:intermediate:{})", "weak({})", "weak({})",
    "weak(global:{})", "weak(concurrent:{})", "attraction({})", "pullup({})", "dispersion({})", "exclusion({})",
    "exclusion(preempt_pre:{})", "exclusion(preempt_post:{})",
)  # fmt: skip
STOP = ("hard({})", "hard({})", "hard(shutdown:{})", "hard(global:{})", "hard(intermediate:{})")


@st.composite
def resources(draw: st.DrawFn) -> dict[ResourceName, Resource]:
    """A few, on top of each other in any way; some of them local ones."""
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    early = draw(st.integers(0, len(names) - 1))
    found = {}
    for number, name in enumerate(names):
        others = [*names[:number], *([f"type:{EARLY}"] if 0 < early <= number else [])]
        attributes = {
            "ENABLED": draw(st.sampled_from("1111110")),
            "START_DEPENDENCIES": draw(dependencies(others, START)),
            "STOP_DEPENDENCIES": draw(dependencies(others, STOP)),
        }
        kind = EARLY if number < early else TypeName(draw(st.sampled_from(("cluster_resource", "cluster_resource", "local_resource"))))
        found[name] = resolve(Definition(name=name, type=kind, uid=f"uid-{name}", attributes=attributes), TYPES)
    return found


@st.composite
def dependencies(draw: st.DrawFn, others: list[str], ways: tuple[str, ...]) -> str:
    """On some of the others, each in one way."""
    chosen: dict[str, list[str]] = {}
    for other in draw(st.lists(st.sampled_from(others), unique=True, max_size=3)) if others else ():
        kind, entity = draw(st.sampled_from(ways)).format(other).rstrip(")").split("(")
        chosen.setdefault(kind, []).append(entity)
    # nothing may follow a type within one list
    return " ".join(f"{kind}({','.join(sorted(entities, key=lambda entity: 'type:' in entity))})" for kind, entities in chosen.items())


TYPES = {EARLY: TypeRecord(name=EARLY, base=TypeName("cluster_resource"))}


@st.composite
def memories(draw: st.DrawFn, name: ResourceName) -> Local:
    """What a lane may remember, however unlikely."""
    seldom = st.sampled_from((False, False, False, True))
    downs = st.builds(Down, dirty=seldom, uncharged=seldom)
    ups = st.builds(Up, state=st.sampled_from((State.ONLINE, State.ONLINE, State.INTERMEDIATE)))
    before = st.one_of(ups, downs, st.builds(Stuck))
    climbs = st.builds(Climbing, rung=st.sampled_from(Rung), before=before, since=st.just(0.0), confirming=seldom)
    starts = st.builds(Starting, since=st.just(0.0), confirming=seldom)
    cleans = st.builds(Cleaning, down=downs, since=st.just(0.0))
    phase: Phase = draw(st.one_of(st.builds(Unseen), ups, ups, downs, downs, starts, cleans, climbs, st.builds(Stuck)))
    action: ActionName | None = draw(st.sampled_from((None, None, None, None, "check", "start", "stop", "clean")))
    budget = Budget(
        failure=draw(st.sampled_from((None, None, Failure(kind="start", epoch=1)))),
        retry_at=draw(st.sampled_from((0.0, 0.0, NOW + 5))),
    )
    return Local(
        resource=name,
        uid=f"uid-{name}",
        phase=phase,
        budget=budget,
        action=action,
        alarmed=draw(seldom),
        empty=not draw(seldom),
        silent=draw(st.integers(0, 3)),
        check_due=draw(st.sampled_from((0.0, NOW + 5, NOW + 5))),
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    """Resources that belong here, there, to nobody, or to both for now; and what the other server says of them."""
    profiles = draw(resources())
    held = ((ME,), (ME,), (ME, OTHER), (OTHER,), ())
    assignments, reports = {}, {}
    for name, resource in profiles.items():
        holders = draw(st.sampled_from(held))
        owner = draw(st.sampled_from((holders[0], holders[-1], None))) if holders else None
        if not resource.local:
            assignments[name] = Assignment(resource=name, epoch=1, owner=owner, holders=holders, last_resort=draw(st.booleans()))
        state = draw(st.sampled_from(tuple(State)))
        if draw(st.booleans()):
            internal, tried = draw(st.sampled_from((Internal.STABLE, Internal.STABLE, Internal.STARTING))), draw(st.integers(-1, 1))
            reports[name] = {
                OTHER.server: Report(
                    resource=name, server=OTHER.server, incarnation=OTHER.incarnation, epoch=1, state=state, internal=internal, tried=tried
                )
            }
    return View(
        incarnations={
            holder.incarnation: IncarnationRecord(incarnation=holder.incarnation, server=holder.server, life=Life.ONLINE)
            for holder in (ME, OTHER)
        },
        types=TYPES,
        resources=profiles,
        targets={name: TargetRecord(target=draw(st.sampled_from((Target.ONLINE, Target.ONLINE, Target.OFFLINE)))) for name in profiles},
        assignments=assignments,
        reports=reports,
    )


def answers(here: Here) -> dict[ResourceName, LaneStep]:
    """The next step of every lane."""
    return {name: reconcile(here, resource, here.locals[name]) for name, resource in here.view.resources.items()}


@times(2)
@given(st.data())
def test_only_who_is_concerned_answers_otherwise(data: st.DataObject) -> None:
    """For every resource: another memory of it changes no step but of those that `concerned` names for it."""
    view = data.draw(views())
    memory = {name: data.draw(memories(name)) for name in view.resources}
    here = Here(
        view=view, server=ME.server, incarnation=ME.incarnation, locals=memory, now=NOW, dependents=dependents_of_each(view.resources)
    )
    whom, before = concerned(view.resources, view.types), answers(here)
    for name in view.resources:
        after = answers(replace(here, locals={**memory, name: data.draw(memories(name))}))
        changed = {member for member in after if after[member] != before[member]}
        assert changed <= set(whom[name]), f"{name} concerns {sorted(changed - set(whom[name]))}"


@given(st.data())
def test_who_is_concerned_is_registered_and_oneself_always(data: st.DataObject) -> None:
    """A lane asks itself again when its own memory changes, and nobody is named who has no lane."""
    profiles = data.draw(resources())
    whom = concerned(profiles, TYPES)
    assert set(whom) == set(profiles)
    for name, others in whom.items():
        assert name in others
        assert set(others) <= set(profiles)
