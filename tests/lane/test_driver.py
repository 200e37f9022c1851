"""The driver between two Views: what was in flight of a resource that is registered no more concerns nobody."""

from lane.language import Server
from understudy.kinds.observed import Observed
from understudy.lane.driver import Driver
from understudy.lane.steps import Check
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
    server = Server()
    for line in ("servers ctr1 ctr2", "resource db", "want db", "give db to ctr1"):
        server.do(line)
    server.run()
    server.do("db stop hangs")
    server.do("stop db")
    server.run()

    assert server.cluster.view.assignments[DB].epoch == 2
    assert server.driver.in_flight[DB].epoch == 1, "it stops what was started under the first"
