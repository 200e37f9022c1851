"""Custom actions that operators ask for: each is run once, by the server that runs the resource, never by a daemon that begins later."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from understudy.daemon.asked import AskedActions
from understudy.daemon.requests import Me
from understudy.lane.local import Local
from understudy.lane.phases import Down, Phase, Up
from understudy.model.custom import AskedAction
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Target
from understudy.model.view import Assignment, Definition, Holder, TargetRecord, View

DB = ResourceName("db")
ME = Me(ServerName("ctr1"), Incarnation("i1"))


def view(asked: str, owner: str = "i1") -> View:
    """db is wanted, belongs to this incarnation, and this was asked for last."""
    definition = Definition(name=DB, type=TypeName("cluster_resource"), uid="uid", attributes={"ACTIONS": "backup"})
    holder = Holder(server=ServerName("ctr1"), incarnation=Incarnation(owner), epoch=1)
    action = AskedAction(id=asked, name="backup") if asked else None
    return View(
        resources={DB: resolve(definition, {})},
        targets={DB: TargetRecord(target=Target.ONLINE, action=action)},
        assignments={DB: Assignment(resource=DB, epoch=1, owner=holder, holders=(holder,))},
    )


def actions(phase: Phase, *, read_once: bool = True) -> AskedActions:
    """Those of a server on which db is in this phase."""
    nothing: Any = SimpleNamespace(read_once=read_once, locals={DB: Local(resource=DB, uid="uid", phase=phase)})
    return AskedActions(mirror=nothing, executor=nothing, clock=nothing, history=nothing, driver=nothing, me=ME, reported=lambda name: None)


def ids(made: AskedActions, seen: View) -> list[str]:
    """What is to be run now."""
    return [asked.id for _, asked in made.see(seen, {DB})]


def test_each_is_run_once() -> None:
    """By whoever runs it; what was seen is never run again."""
    made = actions(Up())
    assert ids(made, view("")) == []
    assert ids(made, view("a")) == ["a"]
    assert ids(made, view("a")) == []
    assert ids(made, view("b")) == ["b"]


def test_a_daemon_that_begins_runs_nothing_that_stands_there() -> None:
    """The daemon before it may have run it; and what one has kept on disk is no command."""
    made = actions(Up())
    assert ids(made, view("a")) == []
    assert ids(made, view("b")) == ["b"]
    kept = actions(Up(), read_once=False)
    assert ids(kept, view("a")) == []
    kept.mirror = replace_read(kept)
    assert ids(kept, view("a")) == []


def replace_read(made: AskedActions) -> Any:
    """The registry was read."""
    return SimpleNamespace(**{**vars(made.mirror), "read_once": True})


def test_where_it_does_not_run_nothing_is_run_then_or_later() -> None:
    """Nor where it belongs to another."""
    made = actions(Down())
    assert ids(made, view("")) == []
    assert ids(made, view("a")) == []
    made.driver.locals[DB] = replace(made.driver.locals[DB], phase=Up())
    assert ids(made, view("a")) == []
    other = actions(Up())
    assert ids(other, view("")) == []
    assert ids(other, view("a", owner="i2")) == []
