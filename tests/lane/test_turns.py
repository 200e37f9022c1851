"""START_CONCURRENCY and STOP_CONCURRENCY: never more at once than that, and somebody's turn it always is."""

from hypothesis import given
from hypothesis import strategies as st

from understudy.lane.neighbours import Here
from understudy.lane.turns import starts_first, stops_first
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.resource import Resource
from understudy.model.state import Internal, Life, State, Target
from understudy.model.view import Definition, Failure, IncarnationRecord, Report, TargetRecord, Unable, View

AGENT = ResourceName("agent")
SERVERS = tuple(ServerName(f"ctr{number}") for number in range(1, 7))
REPORTS = {
    "down": (State.OFFLINE, Internal.STABLE),
    "failed": (State.OFFLINE, Internal.STABLE),
    "starting": (State.OFFLINE, Internal.STARTING),
    "up": (State.ONLINE, Internal.STABLE),
    "stopping": (State.ONLINE, Internal.STOPPING),
    "stuck": (State.UNKNOWN, Internal.STABLE),
    "unable": (State.OFFLINE, Internal.STABLE),
}
EACH = st.sampled_from(("new", *REPORTS))


def agent(**attributes: str) -> Resource:
    """A local resource."""
    return resolve(Definition(name=AGENT, type=TypeName("local_resource"), uid="u", attributes=attributes), {})


def view_of(resource: Resource, are: dict[ServerName, str], target: Target = Target.ONLINE) -> View:
    """What each server reports of it; `new`: nothing yet."""
    lives = {server: Incarnation(f"{server}/i1") for server in are}
    reports = {
        server: Report(
            resource=AGENT, server=server, incarnation=lives[server], epoch=0, state=REPORTS[how][0], internal=REPORTS[how][1],
            failure=Failure(kind="start", epoch=0) if how == "failed" else None,
        )
        for server, how in are.items() if how != "new"
    }  # fmt: skip
    return View(
        incarnations={life: IncarnationRecord(incarnation=life, server=server, life=Life.ONLINE) for server, life in lives.items()},
        resources={AGENT: resource},
        targets={AGENT: TargetRecord(target=target)},
        reports={AGENT: reports},
        unable={lives[server]: Unable(server=server, why="it hangs", since=0.0) for server, how in are.items() if how == "unable"},
    )


def here(view: View, server: ServerName, *, leaving: bool = False) -> Here:
    """As a server's lanes see it."""
    return Here(
        view=view, server=server, incarnation=view.present()[server].incarnation, locals={}, now=0.0, dependents={}, leaving=leaving
    )


@given(st.fixed_dictionaries(dict.fromkeys(SERVERS, EACH)), st.integers(1, 3))
def test_starts_are_bounded_and_go_on(are: dict[ServerName, str], most: int) -> None:
    """Whoever begins by what all know leaves room for those who act; and while there is room somebody begins."""
    resource = agent(START_CONCURRENCY=str(most))
    view = view_of(resource, are)
    acting = [server for server, how in are.items() if how == "starting"]
    waiting = [server for server, how in are.items() if how in ("new", "down")]
    begin = [server for server in waiting if not starts_first(here(view, server), resource)]
    assert len(acting) + len(begin) <= max(most, len(acting))
    assert len(begin) == min(len(waiting), max(0, most - len(acting)))


@given(st.fixed_dictionaries(dict.fromkeys(SERVERS, EACH)), st.integers(1, 3))
def test_stops_are_bounded_and_go_on(are: dict[ServerName, str], most: int) -> None:
    """The same; a server that leaves asks nobody."""
    resource = agent(STOP_CONCURRENCY=str(most))
    view = view_of(resource, are, Target.OFFLINE)
    acting = [server for server, how in are.items() if how == "stopping"]
    waiting = [server for server, how in are.items() if how == "up"]
    begin = [server for server in waiting if not stops_first(here(view, server), resource)]
    assert len(begin) == min(len(waiting), max(0, most - len(acting)))
    assert not any(stops_first(here(view, server, leaving=True), resource) for server in waiting)


def test_who_waits_for_what_it_needs_is_not_waited_for() -> None:
    """ctr1's network is down: ctr2 begins."""
    resource = agent(START_CONCURRENCY="1", START_DEPENDENCIES="hard(net)")
    view = view_of(resource, {SERVERS[0]: "down", SERVERS[1]: "down"})
    assert starts_first(here(view, SERVERS[1]), resource) == ()


def test_without_a_bound_nobody_waits() -> None:
    """The default."""
    view = view_of(agent(), dict.fromkeys(SERVERS, "starting") | {SERVERS[5]: "down"})
    assert starts_first(here(view, SERVERS[5]), agent()) == ()
