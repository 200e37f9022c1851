"""Owns how every change of definitions (resources, types, pools) is made: what it does to what runs is worked out first, and reported.

Called by the verbs that modify or delete. Without `-f` a change that would stop, move or restart something is refused, and each is named;
with it the same lines are printed and what follows is waited for. `intent/change.py` says what may be done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from understudy.daemon.verbs.follow import Watch, deadline, follow
from understudy.daemon.verbs.report import report
from understudy.daemon.verbs.restart import start_again, wanted_again
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.world import CommandContext, commit, write
from understudy.intent.change import Draft, allowed, impact_lines, restarted
from understudy.intent.edit import Edit
from understudy.intent.facts import stop_dependents
from understudy.intent.instances import meant
from understudy.intent.permitted import check_permitted
from understudy.intent.restart import partly_wanted, places_of
from understudy.intent.verdicts import Fulfilled
from understudy.model.cardinality import apart
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.impact import Fate, Impact


async def carry_out(world: CommandContext, what: str, decide: Callable[[View], Draft], *, force: bool) -> bool:
    """Make the change; whether all that follows from it came about. `what` is its object's name. BadInput: refused, nothing was changed."""
    view = await world.mirror.refresh()
    first = decide(view)
    check_permitted(view, first.edit, world.caller.who)  # before anything is stopped for it
    found = allowed(view, what, first, force=force) if first.restarting else ()
    if restarted(first, found):
        return await _restarting(world, decide, first, found)

    def checked(view: View) -> _Checked:
        draft = decide(view)
        return _Checked(draft.edit, allowed(view, what, draft, force=force))

    done = await commit(world, checked)
    for text in impact_lines(world.mirror.view, done.decided.found):
        world.output.out(text)
    return await _follow(world, done.revision, done.decided.found, done.before)


@dataclass(frozen=True, slots=True)
class _Checked:
    edit: Edit
    found: tuple[Impact, ...]


# --- what has to be stopped under the definition with which it was started ------------------------------------------


async def _restarting(world: CommandContext, decide: Callable[[View], Draft], first: Draft, found: Sequence[Impact]) -> bool:
    view = world.mirror.view
    # a network is never stopped for it, but looked at anew with what is new
    looked_at = tuple(name for name in first.restarting if view.resources[name].kind.only_looked_at)
    names = meant(view, (name for name in first.restarting if name not in looked_at))
    if names:
        for text in impact_lines(first.after, found, first.restarting):
            world.output.out(text)
    view = apart(view)
    elsewhere = {impact.resource for impact in found if impact.fate is not Fate.RESTARTS}
    places = {name: None if name in elsewhere else place for name, place in places_of(view, names).items()}
    partly = partly_wanted(view, places)
    if names and not await stop(world, names, force=True):
        await wanted_again(world, tuple(name for name in places if view.target(name) is Target.ONLINE), before=partly)
        return False
    try:
        await write(world, lambda view: decide(view).edit)
    finally:
        well = await start_again(world, places, partly) if names else True
    for name in looked_at:
        world.check(name)
        on_it = ", ".join(f"'{stop_dependent}'" for stop_dependent in stop_dependents(view, (name,))) or "-"
        world.say(20154, f"every server checks '{name}' with it next. Where it is not found so, what stands on it stops there: {on_it}")
    if not well:
        world.say(20154, "what was stopped for it did not come up again as it was")
    return well


# --- what follows by itself -----------------------------------------------------------------------------------------


async def _follow(world: CommandContext, since: int, found: Sequence[Impact], before: View) -> bool:
    if not found:
        return True
    view = apart(world.mirror.view)
    names = tuple(dict.fromkeys(impact.resource for impact in found))
    resources = [view.resources[name] for name in names if name in view.resources]
    watch = Watch(
        since=since, names=names, judge=Fulfilled(found, before), before=before, about=frozenset(stop_dependents(view, names)),
        deadline_s=deadline(resources, len(view.present())),
    )  # fmt: skip
    settled = await follow(world, watch)
    report(world, settled, "what follows from the change")
    if not settled.well:
        world.say(20154, "what follows from it has not come about, or not yet")
    return settled.well
