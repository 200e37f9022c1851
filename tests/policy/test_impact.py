"""What a change does to what runs is reported before it is made: what is not reported does not happen, and what is reported does."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from policy.carried import carried_out
from policy.language import SpokenCluster
from policy.strategies import SERVERS, resources, views
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import Placement
from understudy.model.state import Life, State, Target
from understudy.model.view import Assignment, IncarnationRecord, Look, Report, TargetRecord, View
from understudy.policy.decide import decide
from understudy.policy.impact import impact, runs_at
from understudy.policy.plan import Memory

ROUNDS = 4


@st.composite
def calm(draw: st.DrawFn) -> View:
    """A cluster at rest: every server has looked, everything is wanted and runs where the leader has put it."""
    wild = draw(views())
    lives = {server: Incarnation(f"{server}/i1") for server in SERVERS}
    incarnations = {
        incarnation: IncarnationRecord(incarnation=incarnation, server=server, life=Life.ONLINE, order=1)
        for server, incarnation in lives.items()
    }
    looked = {name: resource.uid for name, resource in wild.resources.items()}
    network = {server: running(ResourceName("net"), server, 0) for server in SERVERS}
    view = View(
        incarnations=incarnations,
        pools=wild.pools,
        resources=wild.resources,
        targets={name: TargetRecord(target=Target.ONLINE) for name in wild.resources},
        looks={server: Look(server=server, incarnation=incarnation, looked=looked) for server, incarnation in lives.items()},
        reports={ResourceName("net"): network},
    )
    for _ in range(ROUNDS):
        view = carried_out(view, decide(view, 0.0, Memory()))
        owned = [
            (name, assignment.owner.server, assignment.epoch)
            for name, assignment in view.assignments.items()
            if assignment.owner is not None
        ]
        view = replace(view, reports={ResourceName("net"): network, **{place[0]: {place[1]: running(*place)} for place in owned}})
    return view


def running(name: ResourceName, server: ServerName, epoch: int) -> Report:
    """What a server says of what runs well there."""
    return Report(resource=name, server=server, incarnation=Incarnation(f"{server}/i1"), epoch=epoch, state=State.ONLINE)


@st.composite
def changes(draw: st.DrawFn) -> tuple[View, View]:
    """A View, calm or in any state, and the same with some definitions or pools changed."""
    before = draw(st.one_of(calm(), calm(), views()))
    others = draw(resources())
    changed = draw(st.sets(st.sampled_from(sorted(before.resources)), min_size=1))
    mixed = {
        name: replace(others[name], uid=resource.uid) if name in changed and name in others else resource
        for name, resource in before.resources.items()
    }
    for name in sorted(changed) if draw(st.booleans()) else ():
        only = (draw(st.sampled_from((*SERVERS, ServerName("nobody")))),)
        mixed[name] = replace(mixed[name], placement=Placement.RESTRICTED, hosting_members=only, server_pools=())
    pools = dict(before.pools)
    if draw(st.booleans()):
        pool = draw(st.sampled_from(sorted(pools)))
        pools[pool] = replace(pools[pool], server_names=tuple(draw(st.lists(st.sampled_from(SERVERS), unique=True, max_size=3))))
    return before, replace(before, resources=mixed, pools=pools)


def owners(view: View) -> dict[ResourceName, ServerName | None]:
    """Where everything belongs when the leader has nothing more to decide, and all that moves has moved."""
    for _ in range(ROUNDS):
        then, view = view, carried_out(view, decide(view, 0.0, Memory()))
        moved = {name: now for name, now in view.assignments.items() if owner(now) != owner(then.assignments.get(name))}
        alone = {name: replace(now, holders=() if now.owner is None else (now.owner,)) for name, now in moved.items()}
        there = {
            name: {} if now.owner is None else {now.owner.server: running(name, now.owner.server, now.epoch)} for name, now in moved.items()
        }
        view = replace(view, assignments={**view.assignments, **alone}, reports={**view.reports, **there})
    return {name: owner(assignment) for name, assignment in view.assignments.items()}


def owner(assignment: Assignment | None) -> ServerName | None:
    """Its server."""
    return None if assignment is None or assignment.owner is None else assignment.owner.server


@given(changes())
def test_what_is_not_told_stays_where_it_runs(views: tuple[View, View]) -> None:
    """Deciding with the new definitions takes nothing that runs from its server, unless that was reported or it would have gone anyway."""
    before, after = views
    told = {effect.resource for effect in impact(before, after)}
    then, now = owners(before), owners(after)
    event("something is told" if told else "nothing is told")
    for name in after.resources:
        server = runs_at(before, name)
        if server is not None and name not in told:
            assert now.get(name) in (server, then.get(name))


@given(changes())
def test_what_is_told_happens(views: tuple[View, View]) -> None:
    """A resource reported to move belongs elsewhere then, and one reported to stop belongs to no server, or lacks what it depends on."""
    before, after = views
    now = owners(after)
    for effect in impact(before, after):
        event(effect.fate.value)
        if effect.by is None:
            assert now.get(effect.resource) == effect.to
        assert effect.to != effect.server


@given(views())
def test_no_change_does_nothing(view: View) -> None:
    """The same definitions once more disturb nothing, nor does another timeout."""
    assert impact(view, view) == ()
    patient = {name: replace(resource, start_timeout_s=resource.start_timeout_s + 1.0) for name, resource in view.resources.items()}
    assert impact(view, replace(view, resources=patient)) == ()


def test_a_server_that_has_just_come_up_hides_nothing() -> None:
    """What AUTO_START makes of that is decided first and alone; what a change does is found all the same."""
    cluster = SpokenCluster()
    for line in ("servers ctr1", "ctr2 comes up", "resource db PLACEMENT=favored HOSTING_MEMBERS=ctr1", "db belongs to ctr1"):
        cluster.do(line)
    before = cluster.view
    cluster.do("modify db PLACEMENT=restricted HOSTING_MEMBERS=ctr2")
    assert [(effect.resource, effect.to) for effect in impact(before, cluster.view)] == [("db", "ctr2")]
