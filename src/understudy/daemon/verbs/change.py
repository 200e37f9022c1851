"""Owns the way of every change of definitions (resources, types, pools): what it does to what runs is told before it is done.

Called by the verbs that modify or delete. Without `-f` a change that would stop, move or restart something is refused, and each is named;
with it the same lines are printed and what follows is waited for. `policy/impact.py` says what follows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from understudy.daemon.verbs.follow import Verdict, Watch, deadline, follow, started
from understudy.daemon.verbs.restart import places_of, start_again, wanted_again
from understudy.daemon.verbs.start import report
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import Refused
from understudy.intent.facts import RUNNING, stop_dependents
from understudy.model.messages import line, words
from understudy.model.names import ResourceName
from understudy.model.state import Internal, State, Target
from understudy.model.view import View
from understudy.policy.impact import Fate, Impact, impact
from understudy.policy.sentences import no_candidate, sentence_about


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A change of definitions, as decided from one View."""

    change: Change
    after: View
    """The View in which it is made."""
    restarting: Mapping[ResourceName, tuple[str, ...]] = field(default_factory=dict)
    """What was started with a value that changes, and which attributes these are."""


async def carry_out(world: World, what: str, draft: Callable[[View], Draft], *, force: bool) -> bool:
    """Make the change; whether all that follows from it came about. `what` is its object's name. BadInput: refused, nothing was changed."""
    view = await world.mirror.refresh()
    first = draft(view)
    told = impact(view, first.after, first.restarting) if first.restarting else ()
    if told and not force:
        raise _refusal(what, first, told)
    restarting = tuple(name for name in first.restarting if any(one.resource == name for one in told))
    if restarting:
        return await _restarting(world, draft, first, told)
    followed: Sequence[Impact] = ()
    before = view

    def decide(view: View) -> Change:
        nonlocal followed, before
        one, before = draft(view), view
        followed = impact(view, one.after, one.restarting) if one.change.writes else ()
        if followed and not force:
            raise _refusal(what, one, followed)
        return one.change

    since = await commit(world, decide)
    for text in lines(world.mirror.view, followed):
        world.output.out(text)
    return await _follow(world, since, followed, before)


def lines(view: View, told: Sequence[Impact], attributes: Mapping[ResourceName, tuple[str, ...]] | None = None) -> list[str]:
    """One line for each thing that stops, moves or restarts. `view` is the one after the change."""
    return [_line(view, one, attributes or {}) for one in told]


def _line(view: View, one: Impact, attributes: Mapping[ResourceName, tuple[str, ...]]) -> str:
    why = "" if one.why is None else sentence_about(one.why, one.resource)
    if one.fate is Fate.MOVES:
        return line(20151, one.resource, one.server, one.to, one.server, why)
    if one.by is None and one.fate is Fate.STOPS:
        return line(20150, one.resource, one.server, no_candidate(view, one.resource))
    if one.by is None:
        return line(20152, one.resource, one.server, f"it was started with the old {', '.join(attributes.get(one.resource, ()))}")
    if one.fate is Fate.RESTARTS:
        return line(20152, one.resource, one.server, f"it stands on '{one.by}'")
    return line(20153, one.resource, one.server, f"it stands on '{one.by}', which will not be up there. Its TARGET stays ONLINE")


def _refusal(what: str, draft: Draft, told: Sequence[Impact]) -> Refused:
    text = "\n".join(lines(draft.after, told, draft.restarting))
    attributes = dict.fromkeys(name for names in draft.restarting.values() for name in names)
    if attributes and all(one.fate is Fate.RESTARTS for one in told):
        affected = ", ".join(f"'{one}'" for one in dict.fromkeys(one.resource for one in told))
        return Refused(words(20030, ", ".join(attributes), affected), code=20030)
    return Refused(f"{words(2529, what, told[0].resource)}\n{text}", code=2529)


# --- what has to be stopped under the definition with which it was started ------------------------------------------


async def _restarting(world: World, draft: Callable[[View], Draft], first: Draft, told: Sequence[Impact]) -> bool:
    view = world.mirror.view
    # a network is never stopped for it, but looked at anew with what is new
    looked_at = tuple(name for name in first.restarting if view.resources[name].agent == "network")
    names = tuple(name for name in first.restarting if name not in looked_at)
    if names:
        for text in lines(first.after, told, first.restarting):
            world.output.out(text)
    elsewhere = {one.resource for one in told if one.fate is not Fate.RESTARTS}
    places = {name: None if name in elsewhere else place for name, place in places_of(view, names).items()}
    if names and not await stop(world, names, force=True):
        await wanted_again(world, tuple(name for name in places if view.target(name) is Target.ONLINE))
        return False
    try:
        await commit(world, lambda view: draft(view).change)
    finally:
        well = await start_again(world, places) if names else True
    for name in looked_at:
        world.check(name)
        on_it = ", ".join(f"'{one}'" for one in stop_dependents(view, (name,))) or "-"
        world.say(20154, f"every server checks '{name}' with it next. Where it is not found so, what stands on it stops there: {on_it}")
    if not well:
        world.say(20154, "what was stopped for it did not come up again as it was")
    return well


# --- what follows by itself -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fulfilled:
    """A judge: everything that was told of a resource has come about."""

    told: Sequence[Impact]
    before: View

    def __call__(self, view: View, name: ResourceName) -> Verdict:
        verdicts = {self._one(view, one) for one in self.told if one.resource == name}
        return next(one for one in (Verdict.PENDING, Verdict.FAILED, Verdict.DONE) if one in verdicts)

    def _one(self, view: View, one: Impact) -> Verdict:
        said = view.report(one.resource, one.server)
        idle = said is None or (said.state is State.OFFLINE and said.internal is Internal.STABLE)
        if one.fate is Fate.STOPS:
            assignment = view.assignments.get(one.resource)
            held = assignment is not None and any(holder.server == one.server for holder in assignment.holders)
            stuck = said is not None and said.state is State.UNKNOWN and said.internal is Internal.STABLE
            # what only waits for what it stands on keeps its place
            return Verdict.FAILED if stuck else Verdict.DONE if idle and (one.by is not None or not held) else Verdict.PENDING
        verdict = started(view, one.resource)
        if verdict is not Verdict.DONE or one.fate is Fate.MOVES:
            assignment = view.assignments.get(one.resource)
            away = assignment is not None and assignment.owner is not None and assignment.owner.server != one.server
            return verdict if verdict is not Verdict.DONE or away else Verdict.PENDING
        earlier = self.before.report(one.resource, one.server)
        again = said is not None and (earlier is None or said.starts > earlier.starts) and said.state in RUNNING
        return Verdict.DONE if again else Verdict.PENDING


async def _follow(world: World, since: int, told: Sequence[Impact], before: View) -> bool:
    if not told:
        return True
    view = world.mirror.view
    names = tuple(dict.fromkeys(one.resource for one in told))
    resources = [view.resources[name] for name in names if name in view.resources]
    watch = Watch(
        since=since, names=names, judge=_Fulfilled(told, before), before=before, about=frozenset(stop_dependents(view, names)),
        deadline_s=deadline(resources, len(view.present())),
    )  # fmt: skip
    settled = await follow(world, watch)
    report(world, settled, "what follows from the change")
    if not settled.well:
        world.say(20154, "what follows from it has not come about, or not yet")
    return settled.well
