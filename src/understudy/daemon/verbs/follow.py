"""Owns the waiting of a command: prints what happens, in order, until every resource asked for is settled or the time is over.

Called by the verbs after their commit. It never changes anything: a command that is interrupted leaves its intent where it is.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from understudy.daemon.text.progress import lines
from understudy.daemon.verbs.patience import LOOK_EVERY_S, Patience
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.facts import RUNNING
from understudy.intent.verdicts import Judge, Verdict, stuck
from understudy.model import events
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName, registered_name
from understudy.model.resource import Resource
from understudy.model.state import State
from understudy.model.view import Event, View
from understudy.policy.groups import group_of

GRACE_S = 3.0
"""How long the last lines of the history are waited for once the View says that all is settled. Each server writes its own, when it can;
what has happened by its reports has a line to come, so that nothing is waited for that there is not."""
JUDGED_A_SECOND = 500
"""So many of those that are waited for, though nothing of them has changed: what they wait for may have."""
FEW = 64
"""So many that are waited for are all judged at every change."""
SLACK_S = 30.0
"""Beyond the actions' own timeouts: commits, moves, the loss of a server on the way."""
LONGEST_S = 3600.0

_BEGUN = {events.START_BEGUN: "start", events.STOP_BEGUN: "stop", events.CLEAN_BEGUN: "clean"}
_ENDED = {
    events.START_DONE: "start",
    events.START_FAILED: "start",
    events.STOP_DONE: "stop",
    events.STOP_FAILED: "stop",
    events.CLEAN_DONE: "clean",
    events.CLEAN_FAILED: "clean",
}


ActionSeen = tuple[str, ResourceName | None, ServerName]
"""An action, its resource and its server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What to wait for and what to print meanwhile."""

    since: int
    """Revision of the commit that asked for it."""
    names: tuple[ResourceName, ...]
    judge: Judge
    about: frozenset[ResourceName] = frozenset()
    """Whose events are printed, besides those of `names`."""
    before: View | None = None
    """As it was when it was asked for: what is otherwise at the end has a line in the history."""
    deadline_s: float = LONGEST_S
    wanted: frozenset[ResourceName] = field(init=False)
    """The names, to look one up."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", frozenset(self.names))


@dataclass(slots=True)
class CommandProgress:
    """What the events of the history have said so far; filled by the printing task alone."""

    open: set[ActionSeen] = field(default_factory=set)
    ended: set[ActionSeen] = field(default_factory=set)
    refused: dict[ResourceName | None, Event] = field(default_factory=dict)
    count: int = 0
    printed: int = 0
    """Up to which revision."""
    unstoppable: dict[ResourceName, None] = field(default_factory=dict)
    """Whose stop ladder has come to its end somewhere, and something was left."""
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event) -> None:
        """Something happened to a resource that is followed."""
        self.count += 1
        where = event.on or event.server
        if (action := _BEGUN.get(event.kind)) is not None:
            self.open.add((action, event.resource, where))
        elif (action := _ENDED.get(event.kind)) is not None:
            self.open.discard((action, event.resource, where))
            self.ended.add((action, event.resource, where))
            # What failed is cleaned up next: only a clean that comes later ends it.
            if event.kind in (events.START_FAILED, events.STOP_FAILED):
                self.ended.discard(("clean", event.resource, where))
        elif event.kind == events.REFUSED:
            self.refused[event.resource] = event
        elif event.kind == events.UNRECOVERABLE:
            self.ended.add((events.UNRECOVERABLE, event.resource, where))
            if event.resource is not None:
                self.unstoppable[event.resource] = None
        self.more.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How the waiting ended."""

    view: View
    failed: tuple[ResourceName, ...] = ()
    pending: tuple[ResourceName, ...] = ()
    """It was not waited for any longer: the time was over, or nobody is at work on it."""
    after_s: float = 0.0
    """How long it was waited for."""
    why: Mapping[ResourceName, str] = field(default_factory=dict)
    """What those that are pending wait for."""
    refused: tuple[Event, ...] = ()
    printed: int = 0
    """Revision of the history up to which everything has been printed."""

    @property
    def well(self) -> bool:
        """Whether everything asked for has come about."""
        return not (self.failed or self.pending or self.refused)


async def follow(world: CommandContext, watch: Watch) -> Settled:
    """Print and wait; the verdicts come from the View, the lines from the history."""
    progress = CommandProgress(printed=watch.since)
    printer = asyncio.create_task(_print(world, watch, progress))
    try:
        return await _settle(world, watch, progress)
    finally:
        printer.cancel()
        await asyncio.gather(printer, return_exceptions=True)


def deadline(resources: Iterable[Resource], servers: int) -> float:
    """Long enough for every action of these resources, tried on every server."""
    each = sum(
        max(some.start_timeout_s + some.stop_timeout_s + some.check_timeout_s + some.clean_timeout_s for some in resource.everywhere)
        for resource in resources
    )
    return min(LONGEST_S, SLACK_S + each * max(1, servers))


async def _print(world: CommandContext, watch: Watch, progress: CommandProgress) -> None:
    about = _registered(watch)
    async for revision, event in world.mirror.events(watch.since):
        progress.printed = max(progress.printed, revision)
        if event.resource in about:
            world.progress(lines(event))
            progress.take(event)


def _registered(watch: Watch) -> frozenset[ResourceName]:
    """Of which resources the history speaks: all that happens is said of a whole one."""
    return frozenset(map(registered_name, watch.about.union(watch.names)))


async def _settle(world: CommandContext, watch: Watch, progress: CommandProgress) -> Settled:
    clock = world.clock
    began = clock.monotonic()
    until = began + watch.deadline_s
    patience = Patience(lambda name, text: world.say(20160, name, text), began)
    view, waiting = world.mirror.view, dict.fromkeys(watch.names)
    seen, all_judged_at = -1, began
    while True:
        # Of many, only those that still wait are judged when something of them has changed, and now and then; once none does, all are.
        changed, seen = world.mirror.changes(seen), world.mirror.version
        all_due_s = LOOK_EVERY_S * max(1.0, len(waiting) / JUDGED_A_SECOND)
        if changed is None or len(waiting) <= FEW or clock.monotonic() - all_judged_at >= all_due_s:
            changed, all_judged_at = None, clock.monotonic()
        asked = tuple(waiting) if changed is None else tuple(name for name in (*changed, *progress.unstoppable) if name in waiting)
        for name in set(asked).difference(_with(Verdict.PENDING, watch, progress, view, asked)):
            del waiting[name]
        waiting = waiting or dict.fromkeys(_with(Verdict.PENDING, watch, progress, view, watch.names))
        now = clock.monotonic()
        patience.look(view, waiting, happened=progress.count, now=now)
        if not waiting or progress.refused or now >= until or patience.over(now):
            failed = _with(Verdict.FAILED, watch, progress, view, watch.names)
            late = () if progress.refused else tuple(waiting)
            why = {name: patience.why(name) for name in late}
            refused = tuple(progress.refused.values())
            await _last_lines(watch, progress, view, failed, well=not (failed or late or refused))
            return Settled(view=view, failed=failed, pending=late, after_s=now - began, why=why, refused=refused, printed=progress.printed)
        view = await world.mirror.wait(view.revision, min(until - now, LOOK_EVERY_S))


def _with(verdict: Verdict, watch: Watch, progress: CommandProgress, view: View, names: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """The names on which the verdict is this one. What cannot be stopped fails, and with it whatever has to move with it."""
    view = apart(view)
    unmovable = {member for name in watch.names if _is_unstoppable(view, name, progress) for member in group_of(view, name)}
    return tuple(name for name in names if (Verdict.FAILED if name in unmovable else watch.judge(view, name)) is verdict)


def _is_unstoppable(view: View, name: ResourceName, progress: CommandProgress) -> bool:
    """The history speaks of a whole resource: of several instances it is that which is UNKNOWN."""
    if registered_name(name) not in progress.unstoppable:
        return False
    resource = view.resources.get(name)
    several = resource is not None and bool(resource.siblings)
    return not several or any(stuck(view, name, server) for server in view.reports.get(name, {}))


async def _last_lines(watch: Watch, progress: CommandProgress, view: View, failed: Iterable[ResourceName], *, well: bool) -> None:
    """The state may be known before its line is: wait for the line, but not for long (what was adopted has none)."""
    expected = set(_to_come(watch, view)) if watch.before is not None and well else set()
    for name in map(registered_name, failed):
        for server in view.reports.get(name, {}):
            if stuck(view, name, server):
                expected.add((events.UNRECOVERABLE, name, server))
            elif ("start", name, server) in progress.ended:
                expected.add(("clean", name, server))
    try:
        async with asyncio.timeout(GRACE_S):
            while progress.open or not expected <= progress.ended:
                progress.more.clear()
                await progress.more.wait()
    except TimeoutError:
        pass


def _to_come(watch: Watch, view: View) -> Iterator[ActionSeen]:
    """Starts and stops that have happened since, by what the servers report: each has a line in the history, or will have one."""
    before = watch.before
    assert before is not None, "the caller has asked"
    for name in _registered(watch):
        for server in sorted({*view.reports.get(name, {}), *before.reports.get(name, {})}):
            was, now = before.report(name, server), view.report(name, server)
            same = was is not None and now is not None and was.incarnation == now.incarnation
            if now is not None and now.state in RUNNING and now.starts > (was.starts if was is not None and same else 0):
                yield ("start", name, server)
            if was is not None and same and was.state in RUNNING and now is not None and now.state is State.OFFLINE:
                yield ("stop", name, server)
