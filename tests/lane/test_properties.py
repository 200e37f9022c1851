"""What holds for a lane whatever happens to it (design section 3: S2, S3, S4), and that it always comes to rest."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lane.language import HOW, ME, LaneServer
from understudy.lane.driver import Driver, Taken
from understudy.lane.local import Local
from understudy.lane.neighbours import Here
from understudy.lane.phases import Down
from understudy.lane.reconcile import reconcile
from understudy.lane.steps import Charge, LaneAction, LaneStep, Release, Start, Wait
from understudy.model.names import Incarnation, ResourceName
from understudy.model.resource import Resource
from understudy.model.state import State, Target

TRIO = (
    "servers ctr1 ctr2",
    "resource net of type ora.network.type CHECK_INTERVAL=10",
    "resource vip CHECK_INTERVAL=10 START_DEPENDENCIES=hard(net) STOP_DEPENDENCIES=hard(net)",
    "resource data START_DEPENDENCIES=hard(vip) STOP_DEPENDENCIES=hard(vip)",
    "resource db RESTART_ATTEMPTS=3 'START_DEPENDENCIES=hard(vip,data) weak(global:far)' STOP_DEPENDENCIES=hard(vip,data)",
    "resource far",
    "want net vip data db far",
    "give vip data db to ctr1",
    "give far to ctr2",
)
NAMES = ("net", "vip", "data", "db")
MOVED = NAMES[1:]


class Watched(LaneServer):
    """ctr1, with an eye on every step its lanes take."""

    def _new_driver(self) -> Driver:
        return WatchedDriver(self)

    def judge(self, name: ResourceName, step: LaneStep, local: Local) -> None:
        """S2 and S3, step by step."""
        view, me = self.cluster.view, self.cluster.incarnation(ME)
        assignment = view.assignments.get(name)
        if isinstance(step, Start) and not view.resources[name].local:
            assert view.target(name) is Target.ONLINE
            assert assignment is not None
            assert assignment.sole_holder(me)
            assert step.epoch == assignment.epoch
        if isinstance(step, Start):
            assert isinstance(local.phase, Down)
            assert not local.dirty
        if isinstance(step, Release):
            assert assignment is not None
            assert assignment.owner is None or assignment.owner.incarnation != me
            assert local.off
            assert not self.scripts[name].runs, "released while something of it lives"


class WatchedDriver(Driver):
    """Has every step judged before it is taken."""

    def __init__(self, server: Watched) -> None:
        super().__init__(ME, Incarnation(""), spread=lambda name, server: 0.5)
        self._of = server

    def _take(self, here: Here, resource: Resource, step: LaneAction | Charge | Release, wall: float) -> Taken:
        self._of.judge(resource.name, step, here.locals[resource.name])
        return super()._take(here, resource, step, wall)


def stimuli() -> st.SearchStrategy[str]:
    """Anything that may happen to ctr1's resources."""
    name, moved = st.sampled_from(NAMES), st.sampled_from(MOVED)
    action = st.sampled_from(("start", "stop", "check", "clean", "abort", "kill"))
    given_to = st.builds("give {} to {}".format, moved, st.sampled_from(("ctr1", "ctr2")))
    return st.one_of(
        given_to,
        given_to,
        st.builds("{} {} {}".format, name, action, st.sampled_from(HOW.split("|"))),
        st.builds("{} {}".format, name, st.sampled_from(("works again", "dies", "dies unnoticed", "is found running"))),
        st.builds("an event about {}".format, name),
        st.builds("{} {}".format, st.sampled_from(("stop", "want", "nobody wants")), moved),
        st.builds("{} is a last resort".format, moved),
        st.builds("modify {} ENABLED={}".format, moved, st.sampled_from("01")),
        st.sampled_from(("far runs on ctr2", "far is down on ctr2", "the daemon restarts", "all that hangs ends", "ctr2 lets go")),
    )


def happen(server: LaneServer, line: str) -> None:
    """One stimulus; those that mean all resources are spelled out here."""
    match line:
        case "all that hangs ends":
            for acting in sorted(server.locals):
                if server.locals[acting].action is not None:
                    server.do(f"{acting} ends now")
                    server.run()
        case "ctr2 lets go":
            for name in MOVED:
                assignment = server.cluster.view.assignments[ResourceName(name)]
                if any(holder.server == "ctr2" for holder in assignment.holders):
                    server.do(f"ctr2 releases {name}")
        case "the daemon restarts":
            happen(server, "all that hangs ends")  # a new daemon's first word ends what is in flight
            server.do(line)
        case _:
            server.do(line)
            if line.endswith("is found running"):
                server.do(f"an event about {line.split()[0]}")  # what nobody tells of cannot be known before the next look


@given(st.lists(st.tuples(stimuli(), st.sampled_from((0.0, 0.0, 0.3, 1.0, 30.0, 400.0))), min_size=8, max_size=25))
def test_a_lane_keeps_its_promises_and_comes_to_rest(happenings: list[tuple[str, float]]) -> None:
    """Every step is a lawful one, and at any instant there are only so many of them (`run` asserts it)."""
    server = Watched()
    for line in TRIO:
        server.do(line)
    server.run()
    for line, pause in happenings:
        happen(server, line)
        server.cluster.now += pause
        server.run()


@given(st.lists(stimuli(), max_size=15), st.sampled_from(("far runs on ctr2", "far is down on ctr2")))
def test_once_all_is_well_again_it_runs_or_is_released(happenings: list[str], of_far: str) -> None:
    """Liveness: when every script works and ctr1 is the sole owner again, an hour later all of it is up; taken back, all is released.

    ctr2 has tried far by then, whatever came of it: until it has, db waits, for ctr2 is alive and about to start what is given to it.
    """
    server = LaneServer()
    for line in TRIO:
        server.do(line)
    for line in happenings:
        happen(server, line)
        server.run()
    heal(server)
    server.do(of_far)
    server.do("want net vip data db")
    server.do("give vip data db to ctr1")
    happen(server, "ctr2 lets go")
    server.do(f"until {server.now + 3600:.0f}")
    assert {name: server.locals[ResourceName(name)].state for name in NAMES} == dict.fromkeys(NAMES, State.ONLINE)
    server.do("stop vip data db")
    server.run()
    assert not any(server.cluster.view.assignments[ResourceName(name)].holders for name in MOVED)


def heal(server: LaneServer) -> None:
    """Everything works, and nothing hangs."""
    for name in NAMES:
        server.do(f"{name} works again")
        server.do(f"modify {name} ENABLED=1")
    happen(server, "all that hangs ends")


@given(st.data())
def test_reconcile_only_looks(data: Any) -> None:
    """The same View, memory and instant give the same step; asking changes nothing."""
    server = LaneServer()
    for line in (*TRIO, *data.draw(st.lists(stimuli(), max_size=6))):
        happen(server, line)
        server.run()
    here = server.here()
    before = dict(server.locals)
    for name, resource in here.view.resources.items():
        first = reconcile(here, resource, server.locals[name])
        assert reconcile(here, resource, server.locals[name]) == first
        assert isinstance(first, Wait)
    assert server.locals == before
