"""What a change does to what runs is told before it is made: what is not told does not happen, and what is told does."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from policy.language import carried_out
from policy.strategies import SERVERS, resources, views
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.resource import Placement
from understudy.model.state import Life, State, Target
from understudy.model.view import IncarnationRecord, Look, Report, TargetRecord, View
from understudy.policy.decide import decide
from understudy.policy.impact import impact, runs_at
from understudy.policy.plan import Memory

ROUNDS = 3


@st.composite
def calm(draw: st.DrawFn) -> View:
    """A cluster at rest: every server has looked, everything is wanted and runs where the leader has put it."""
    wild = draw(views())
    lives = {server: Incarnation(f"{server}/i1") for server in SERVERS}
    incarnations = {
        one: IncarnationRecord(incarnation=one, server=server, life=Life.ONLINE, order=1) for server, one in lives.items()
    }
    looked = {name: one.uid for name, one in wild.resources.items()}
    network = {server: running(ResourceName("net"), server, 0) for server in SERVERS}
    view = View(
        incarnations=incarnations,
        pools=wild.pools,
        resources=wild.resources,
        targets={name: TargetRecord(target=Target.ONLINE) for name in wild.resources},
        looks={server: Look(server=server, incarnation=one, looked=looked) for server, one in lives.items()},
        reports={ResourceName("net"): network},
    )
    for _ in range(ROUNDS):
        view = carried_out(view, decide(view, 0.0, Memory()))
        owned = [(name, one.owner.server, one.epoch) for name, one in view.assignments.items() if one.owner is not None]
        view = replace(view, reports={ResourceName("net"): network, **{one[0]: {one[1]: running(*one)} for one in owned}})
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
        name: replace(others[name], uid=one.uid) if name in changed and name in others else one for name, one in before.resources.items()
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
    """Where everything belongs when the leader has nothing more to decide."""
    for _ in range(ROUNDS):
        view = carried_out(view, decide(view, 0.0, Memory()))
    return {name: None if one.owner is None else one.owner.server for name, one in view.assignments.items()}


@given(changes())
def test_what_is_not_told_stays_where_it_runs(views: tuple[View, View]) -> None:
    """Deciding with the new definitions takes nothing that runs from its server, unless it was told or would have gone anyhow."""
    before, after = views
    told = {one.resource for one in impact(before, after)}
    then, now = owners(before), owners(after)
    event("something is told" if told else "nothing is told")
    for name in after.resources:
        server = runs_at(before, name)
        if server is not None and name not in told:
            assert now.get(name) in (server, then.get(name))


@given(changes())
def test_what_is_told_happens(views: tuple[View, View]) -> None:
    """A resource of which it is told that it moves belongs elsewhere then, and one that stops belongs to nobody, or stands on nothing."""
    before, after = views
    now = owners(after)
    for one in impact(before, after):
        event(one.fate.value)
        if one.by is None:
            assert now.get(one.resource) == one.to
        assert one.to != one.server


@given(views())
def test_no_change_does_nothing(view: View) -> None:
    """The same definitions once more disturb nothing, nor does another timeout."""
    assert impact(view, view) == ()
    patient = {name: replace(one, start_timeout_s=one.start_timeout_s + 1.0) for name, one in view.resources.items()}
    assert impact(view, replace(view, resources=patient)) == ()
