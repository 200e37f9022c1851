"""Lanes that are asked about what has changed answer as if all were asked: from View to View, whatever comes between."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lane.test_concerned import ME, NAMES, NOW, TYPES, memories, resources, views
from understudy.lane.driver import Driver
from understudy.lane.neighbours import concerned, dependents_of_each
from understudy.lane.order import LaneOrder
from understudy.model.maps import differing
from understudy.model.namers import named, namers
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import View


@given(st.data())
def test_an_order_that_is_kept_up_is_the_order_of_what_is_registered(data: st.DataObject) -> None:
    order, now = LaneOrder(), dict[ResourceName, Resource]()
    for _ in range(4):
        other = data.draw(resources())
        names = data.draw(st.sets(st.sampled_from(NAMES)))
        now = {name: other[name] for name in other if name in names} | {name: kept for name, kept in now.items() if name not in names}
        order.see(now, TYPES)
        assert order.concerned == concerned(now, TYPES)
        assert order.dependents == dependents_of_each(now)
        assert namers(now) == {
            entity: {name for name, resource in now.items() if entity in named(resource)}
            for entity in {entity for resource in now.values() for entity in named(resource)}
        }


def test_what_differs_is_named_in_order() -> None:
    """What is new, what is another, what is gone."""
    view = View(resources={})
    assert differing(view.resources, view.resources) == ()
    first, second, third = (object() for _ in range(3))
    assert differing({"a": first, "b": second, "c": third}, {"b": second, "a": third, "d": first}) == ("a", "d", "c")


@given(st.data())
def test_who_is_asked_because_of_a_change_answers_as_if_all_were_asked(data: st.DataObject) -> None:
    """Two drivers of one server: the first gets what has changed, the second that anything may have."""
    some, every = (Driver(ME.server, ME.incarnation) for _ in range(2))
    view = data.draw(views())
    for driver in (some, every):
        driver.see(view)
        driver.round(NOW, NOW)
    for number in range(3):
        before, view = view, _after(data, view)
        changed = {
            name
            for field in ("resources", "targets", "assignments", "reports")
            for old, new in ((getattr(before, field), getattr(view, field)),)
            for name in (*old, *new)
            if old.get(name) is not new.get(name)
        }
        for name in data.draw(st.sets(st.sampled_from(NAMES), max_size=2)):
            if name in some.locals and name not in some.in_flight and name not in some.releasing:
                memory = data.draw(memories(name))
                some._remember(memory)
                every._remember(memory)
        some.see(view, changed)
        every.see(view)
        assert some.round(NOW + number, NOW) == every.round(NOW + number, NOW)
        assert (some.locals, some.steps, some.until()) == (every.locals, every.steps, every.until())


def _after(data: st.DataObject, view: View) -> View:
    other = data.draw(views())
    names = dict.fromkeys(data.draw(st.sets(st.sampled_from(NAMES), max_size=2)))
    fields: dict[str, Any] = {}
    for field in ("resources", "targets", "assignments", "reports"):
        mine, theirs = getattr(view, field), getattr(other, field)
        both = {name: theirs.get(name) if name in names else mine.get(name) for name in {**mine, **theirs}}  # what changes keeps its place
        fields[field] = {name: said for name, said in both.items() if said is not None}
    return replace(view, **fields)
