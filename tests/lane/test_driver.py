"""The driver between two Views: what was in flight of a resource that is registered no more concerns nobody."""

from typing import Any

from lane.language import LaneServer
from understudy.kinds.observed import Observed
from understudy.lane.driver import Driver, Taken
from understudy.lane.steps import Check, Climb, Start
from understudy.model.actions import ActionOutcome
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import State
from understudy.model.view import Definition, View

DB = ResourceName("db")
RESOURCE = resolve(Definition(name=DB, type=TypeName("cluster_resource"), uid="u", attributes={}), {})


def test_a_check_of_what_was_deleted_and_restored_meanwhile_is_not_taken_for_its_first_look():
    """The registry was set back to a copy without it, and the very same definition was registered again: it has the same id."""
    driver = Driver(ServerName("ctr1"), Incarnation("1" * 32))
    registered = View(resources={DB: RESOURCE})
    driver.see(registered)
    (taken,) = driver.round(1.0, 1.0)
    assert isinstance(taken.step, Check)

    driver.see(View())
    driver.see(View(resources={DB: RESOURCE}))
    said = driver.ended(taken, ActionOutcome(observed=Observed.ONLINE), driver.instant(RESOURCE, 2.0, 2.0, empty=True))

    assert said == ()
    assert isinstance(driver.round(3.0, 3.0)[0].step, Check), "it is looked at"


def test_nor_is_what_was_in_flight_taken_for_what_is_in_flight_now():
    """The first look has begun when the old action ends: its own answer counts, and no other."""
    driver = Driver(ServerName("ctr1"), Incarnation("1" * 32))
    driver.see(View(resources={DB: RESOURCE}))
    (before,) = driver.round(1.0, 1.0)
    driver.see(View())
    driver.see(View(resources={DB: RESOURCE}))
    (look,) = driver.round(2.0, 2.0)
    at = driver.instant(RESOURCE, 3.0, 3.0, empty=True)

    assert driver.ended(before, ActionOutcome(observed=Observed.ONLINE), at) == ()
    assert driver.locals[DB].state is None
    driver.ended(look, ActionOutcome(observed=Observed.OFFLINE), at)
    assert driver.locals[DB].state is State.OFFLINE


def test_an_action_knows_the_epoch_of_what_it_acts_on():
    """Whatever becomes of the lane meanwhile: a kill goes on with what was started under an epoch, though the resource is deleted."""
    server = LaneServer()
    for line in ("servers ctr1 ctr2", "resource db", "want db", "give db to ctr1"):
        server.do(line)
    server.run()
    server.do("db stop hangs")
    server.do("stop db")
    server.run()

    assert server.cluster.view.assignments[DB].epoch == 2
    assert server.driver.in_flight[DB].epoch == 1, "it stops what was started under the first"


class NotingDriver(Driver):
    """Remembers what it has taken, and as part of what."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.taken: list[tuple[type, str]] = []

    def _take(self, *arguments: Any) -> Taken:
        taken = super()._take(*arguments)
        self.taken.append((type(taken.step), taken.activity))
        return taken


def test_a_start_has_one_activity_with_its_check_and_a_stop_ladder_one_with_all_its_rungs():
    """Every other action has its own, and no two drivers of one incarnation give the same."""
    server = LaneServer()
    for line in ("servers ctr1 ctr2", "resource db", "want db", "give db to ctr1"):
        server.do(line)
    driver = server.driver = NotingDriver(ServerName("ctr1"), server.driver.incarnation, spread=lambda name, of: 0.5)
    server.run()
    server.do("db stop fails")
    server.do("stop db")
    server.run()

    (_, start), (_, confirmed) = driver.taken[:2]
    assert [kind for kind, _ in driver.taken[:2]] == [Start, Check]
    assert start == confirmed
    ladder = [activity for kind, activity in driver.taken if kind is Climb]
    assert len(ladder) > 1
    assert len(set(ladder)) == 1
    assert ladder[0] != start


def test_a_daemon_that_begins_anew_goes_on_above():
    before, after = (Driver(ServerName("ctr1"), Incarnation("1" * 32), activities_after=number) for number in (1_000, 2_000))
    for driver in (before, after):
        driver.see(View(resources={DB: RESOURCE}))
    (old,), (new,) = before.round(1.0, 1.0), after.round(1.0, 1.0)
    assert (old.activity, new.activity) == ("11111111-3e9", "11111111-7d1")
