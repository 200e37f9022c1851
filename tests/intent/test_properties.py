"""What holds for every command, whatever the View: what is written is what was asked for and rests on what was read; a refusal says why."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from intent.commands import ROOT, IntentCommand, asked, made, names, places, registered_views
from support import times
from understudy.daemon.written import conditions, records
from understudy.errors import BadInput
from understudy.intent.edit import Edit, Rests
from understudy.intent.facts import may_be_running, running_on, stop_dependents
from understudy.intent.needs import needed
from understudy.intent.put_back import Attempt, put_back
from understudy.intent.refusal import Declined
from understudy.intent.relocate import RelocateCommand, relocate
from understudy.intent.resources import delete
from understudy.intent.start import StartCommand, start
from understudy.intent.stop import stop
from understudy.model.messages import WORDS, words
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import ALIVE, Life, Target
from understudy.model.view import View
from understudy.registry import keys

bounded = times(0.6)


def decided(view: View, command: IntentCommand) -> Edit | BadInput:
    """What is to be written, or the refusal."""
    try:
        return command.decide(view)
    except BadInput as refused:
        return refused


@bounded
@given(asked())
def test_a_command_is_written_or_refused_with_its_cause(found: tuple[View, IntentCommand]) -> None:
    """Nothing else ever comes of one, also where what it names is not registered or was deleted a moment ago."""
    view, command = found
    event(command.text.partition(" ")[0])
    answer = decided(view, command)
    if isinstance(answer, Edit):
        event("nothing to do" if answer.empty else "written")
        return
    event(f"refused: {answer.code}")
    assert answer.code in WORDS
    assert str(answer).strip()
    if isinstance(answer, Declined):
        assert str(answer).startswith(words(answer.refusal.code, *answer.refusal.names))


@bounded
@given(asked())
def test_a_decision_depends_on_nothing_but_the_view(found: tuple[View, IntentCommand]) -> None:
    """Decided twice it is the same: so it may be decided anew when somebody else was faster."""
    view, command = found
    once, again = decided(view, command), decided(view, command)
    assert again == once if isinstance(once, Edit) else str(again) == str(once)


@bounded
@given(asked())
def test_whose_target_is_written_its_definition_is_rested_on(found: tuple[View, IntentCommand]) -> None:
    """S7: a TARGET is never written for what was deleted, or registered anew, a moment ago. (What is put back after a restart that went
    wrong says no more than what was wanted all along.)"""
    view, command = found
    if command.text.startswith("restart"):
        return
    try:
        edit = command.decide(view)
    except BadInput:
        return
    watched = {*conditions(edit), *records(edit)}
    assert {keys.resource(name) for name in edit.targets} <= watched
    assert {keys.resource(name) for request in edit.requests for name in request.resources} <= watched
    assert all(name in view.resources for name, record in edit.targets.items() if record is not None)


def started(view: View, names: tuple[ResourceName, ...], *, server: ServerName | None = None, force: bool = False) -> View | None:
    """The View after the start; None: it was refused, or nothing was to be done."""
    try:
        starting = start(view, StartCommand(names=names, server=server, force=force), ROOT)
    except BadInput:
        return None
    return made(view, starting.edit) if starting.names else None


def _wanted_now(view: View, name: ResourceName, server: ServerName | None) -> bool:
    """By a start that names a server a local resource is wanted there, whatever is wanted of it elsewhere."""
    of_one = server if view.resources[name].local else None
    return (view.target(name) if of_one is None else view.target_on(name, of_one)) is Target.ONLINE


@bounded
@given(registered_views(), names(), places(), st.booleans())
def test_a_start_wants_what_is_named_and_all_it_needs(
    view: View, named: tuple[ResourceName, ...], server: ServerName | None, force: bool
) -> None:
    """And nothing else; a start that is given twice writes no TARGET the second time."""
    command = StartCommand(names=named, server=server, force=force)
    try:
        starting = start(view, command, ROOT)
    except BadInput:
        return
    after = made(view, starting.edit)
    meant = set(needed(view, starting.names))
    assert set(starting.edit.targets) <= meant
    assert all(_wanted_now(after, name, server) for name in meant if view.resources[name].enabled)
    assert all(request.server in (None, server) for request in starting.edit.requests)
    assert set(named) - set(starting.names) <= {ResourceName(refusal.names[0]) for refusal in starting.remarks}
    try:
        again = start(after, command, ROOT)
    except BadInput:
        return
    assert not again.edit.targets


@bounded
@given(registered_views(), names(), st.booleans())
def test_what_was_started_and_stopped_is_wanted_by_nobody(view: View, named: tuple[ResourceName, ...], force: bool) -> None:
    """Start, then stop: the TARGETs of what was named are OFFLINE, and only those of what depends on it have changed with them."""
    running = started(view, named, force=force)
    if running is None:
        return
    try:
        stopping = stop(running, named, ROOT, force=True)
    except BadInput:
        return
    after = made(running, stopping.edit)
    event("stopped")
    assert all(after.target(name) is Target.OFFLINE for name in named)
    changed = {name for name in after.targets if after.targets[name] != running.targets.get(name)}
    assert changed <= {*named, *stop_dependents(running, named)}
    assert made(after, stop(after, named, ROOT, force=True).edit).targets == after.targets


@bounded
@given(registered_views(), names())
def test_a_stop_without_force_stops_only_what_is_named(view: View, named: tuple[ResourceName, ...]) -> None:
    """Whoever depends on it and runs, or is wanted, is named by the refusal."""
    try:
        stopping = stop(view, named, ROOT)
    except Declined as refused:
        if refused.code == 2529:
            held_up = ResourceName(refused.refusal.names[1])
            assert may_be_running(view, held_up) or view.target(held_up) is Target.ONLINE
        return
    assert set(stopping.edit.targets) <= set(named)


@bounded
@given(registered_views(), names(), places(), st.booleans())
def test_a_relocation_changes_no_intent(view: View, named: tuple[ResourceName, ...], server: ServerName | None, force: bool) -> None:
    """It leaves nothing but requests about what is wanted and may be running; a server that is named is ONLINE and another one."""
    try:
        found = relocate(view, RelocateCommand(names=named, server=server, force=force), ROOT)
    except BadInput:
        return
    event("moved")
    edit = found.edit
    assert replace(edit, requests=(), rests=Rests()) == Edit()
    for request in edit.requests:
        assert request.server == server
        assert all(view.target(name) is Target.ONLINE for name in request.resources)
        if server is not None:
            assert view.present()[server].life is Life.ONLINE
            assert any(running_on(view, name) != server for name in request.resources)
        assert force or set(request.resources) <= set(named)


@bounded
@given(registered_views(), names())
def test_a_failed_start_leaves_the_targets_as_they_were(view: View, named: tuple[ResourceName, ...]) -> None:
    """Of what did not run before; what ran is left as it is, and so is what somebody has asked for since."""
    try:
        starting = start(view, StartCommand(names=named), ROOT)
    except BadInput:
        return
    after = made(view, starting.edit)
    wrote = {name: record for name, record in starting.edit.targets.items() if record is not None}
    putting = put_back(after, Attempt(before=view, wrote=wrote), starting.names, ROOT)
    back = made(after, putting.edit)
    assert set(putting.names) <= set(wrote)
    for name in wrote:
        if name in starting.names and not may_be_running(view, name) and not view.resources[name].local and name in putting.names:
            assert back.target(name) is view.target(name)
    assert not putting.names or "as before" in putting.edit.history[0].text


@bounded
@given(registered_views(), names(), st.booleans())
def test_nothing_is_deleted_that_may_be_running(view: View, named: tuple[ResourceName, ...], force: bool) -> None:
    """And nothing of it is left: no TARGET, no report."""
    try:
        edit = delete(view, named, ROOT, force=force)
    except BadInput:
        return
    event("deleted" if edit.resources else "nothing there")
    assert not any(may_be_running(view, name) for name in edit.resources)
    after = made(view, edit)
    assert not any(name in after.targets or after.reports.get(name) for name in edit.resources)


@bounded
@given(asked())
def test_a_server_is_taken_out_only_by_its_present_life(found: tuple[View, IntentCommand]) -> None:
    """An eviction and a leave concern who takes part, a word that a server is off only who has fallen silent."""
    view, command = found
    try:
        edit = command.decide(view)
    except BadInput:
        return
    for record in edit.incarnations:
        before = view.incarnations[record.incarnation]
        assert before is view.present()[record.server]
        assert (before.life in ALIVE) is (record.life is not Life.FENCED)
        assert record.life is not Life.FENCED or "confirmed off" in record.proof
