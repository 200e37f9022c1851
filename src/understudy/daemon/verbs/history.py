"""`understudy history` and `understudy explain`: what happened and why things are where they are. Changes nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from understudy.daemon.shown.known import conditions_json
from understudy.daemon.times import shown_wall, wall_of
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.then import then
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.truth import head, known_so
from understudy.daemon.verbs.world import CommandContext
from understudy.intent.facts import find
from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, number_of
from understudy.model.reasons import parse_reason
from understudy.model.shown import one_line
from understudy.model.view import Event
from understudy.policy import explain as policy_explain
from understudy.policy.sentences import sentence

SHOWN = 50
"""Lines shown unless -n asks for another number."""
TOGETHER = 50
"""Lines sent at once."""


async def history(world: CommandContext, arguments: Arguments) -> int:
    """`understudy history`; with --follow until the caller goes away."""
    return await tried(world, "", _history(world, arguments))


async def _history(world: CommandContext, arguments: Arguments) -> bool:
    head(world)
    since = world.mirror.view.revision
    wanted = _Wanted.of(world, arguments)
    shown, commands = _last(world, arguments, wanted), wanted.commands
    if not arguments.flag("json"):
        world.output.out(heading(activity=arguments.flag("activity")))
    for start in range(0, len(shown), TOGETHER):
        world.output.out("\n".join(_line(event, arguments, commands) for event in shown[start : start + TOGETHER]))
        await world.turn.next()
    if arguments.flag("follow"):
        async for _, event in world.mirror.events(since):
            if wanted.takes(event):
                world.output.out(_line(event, arguments, commands))
    return True


async def history_json(world: CommandContext, arguments: Arguments) -> str:
    """The last events as JSON, for `GET /v1/history`."""
    found: list[str] = []
    for event in _last(world, arguments, _Wanted.of(world, arguments)):
        found.append(json.dumps(event_json(event)))
        await world.turn.next()
    return f'{{"events":[{",".join(found)}]}}'


@dataclass(slots=True)
class _Wanted:
    """Which events are asked for."""

    names: frozenset[str]
    since: float
    until: float
    command: str
    commands: dict[str, Event] = field(default_factory=dict)
    """By their ids, what is known of those of which the history tells."""
    linked: set[str] = field(default_factory=set)
    """Ids of commands that have to do with the resources asked for."""

    @classmethod
    def of(cls, world: CommandContext, arguments: Arguments) -> "_Wanted":
        now = world.clock.wall()
        since, until = (None if (text := arguments.text(key)) is None else wall_of(text, now) for key in ("since", "until"))
        wanted = cls(
            names=frozenset(arguments.names),
            since=float("-inf") if since is None else since,
            until=float("inf") if until is None else until,
            command=arguments.text("command") or "",
        )
        wanted.linked.update(event.command for event in world.mirror.history() if event.command and event.resource in wanted.names)
        return wanted

    def takes(self, event: Event) -> bool:
        """Whether it is to be shown; called for each event in its order."""
        if event.given is not None and event.text:
            self.commands[event.command] = event
        if self.command:
            return event.command == self.command
        if self.names and event.resource not in self.names:
            named = event.given is not None and (event.command in self.linked or not self.names.isdisjoint(event.given.names))
            if not named:
                return False
            self.linked.add(event.command)
        return self.since <= event.wall <= self.until


def _last(world: CommandContext, arguments: Arguments, wanted: _Wanted) -> list[Event]:
    """The events that are meant, in order of when they happened (servers write on their own, some milliseconds apart)."""
    last = arguments.number("last")
    found = [event for event in sorted(world.mirror.history(), key=lambda event: event.wall) if wanted.takes(event)]
    return found[max(0, len(found) - (SHOWN if last is None else max(0, last))) :]


async def explain(world: CommandContext, arguments: Arguments) -> int:
    """`understudy explain NAME`; its exit status."""
    return await tried(world, "", _explain(world, arguments))


async def _explain(world: CommandContext, arguments: Arguments) -> bool:
    world = await then(world, arguments)
    if arguments.flag("json"):
        world.output.out(await explain_json(world, arguments))
        return True
    name, known = _named(world, arguments), known_so(world)
    world.output.out("\n".join([*(condition.line for condition in known.conditions), *policy_explain.render(known.view, name, known.own)]))
    return True


async def explain_json(world: CommandContext, arguments: Arguments) -> str:
    """The same as JSON, and for `GET /v1/explain/NAME`."""
    name, known = _named(world, arguments), known_so(world)
    found = msgspec.to_builtins(policy_explain.explain(known.view, name, known.own))
    if several := policy_explain.instances_of(known.view, name):
        found["instances"] = [msgspec.to_builtins(policy_explain.explain(known.view, each, known.own)) for each in several]
    return json.dumps({**found, "conditions": conditions_json(known.conditions)})


def _named(world: CommandContext, arguments: Arguments) -> ResourceName:
    """A resource, or an instance of one (`web@2`)."""
    view, name = world.mirror.view, arguments.one_name("resource")
    return find(apart(view) if number_of(ResourceName(name)) > 1 else view, name).name


def heading(*, activity: bool = False) -> str:
    """What stands above the lines."""
    return f"{'WHEN':<23}  {'SERVER':<12}  {'WHAT':<14}  {'RESOURCE':<24}  {'TOOK':>9}  {'ACTIVITY':<20}  WHY" if activity else HEADING


HEADING = f"{'WHEN':<23}  {'SERVER':<12}  {'WHAT':<14}  {'RESOURCE':<24}  {'TOOK':>9}  WHY"


def event_line(event: Event, *, activity: bool = False, commands: Mapping[str, Event] | None = None) -> str:
    """One event in fixed columns: when, where, what, to which resource, how long, why; before that, if wanted, of which activity.
    `commands`: by id, what is known of those that events follow from."""
    took = "" if event.ms is None else f"{event.ms:.0f} ms"
    texts = (in_words(event.cause), event.text) if event.given is None else (event.text, event.cause)
    why = "; ".join(text for text in (*map(one_line, texts), _command_of(event, commands or {})) if text)
    shown = f"{one_line(event.activity) or '-':<20}  " if activity else ""
    when, where = shown_wall(event.wall), event.on or event.server
    return f"{when}  {where:<12}  {event.kind:<14}  {event.resource or '-':<24}  {took:>9}  {shown}{why}".rstrip()


def _command_of(event: Event, commands: Mapping[str, Event]) -> str:
    """By which command it came about; of what the leader has decided in full, for it says not by whom."""
    if not event.command or event.given is not None:
        return f"[{event.command}]" if event.command else ""
    known = commands.get(event.command)
    if known is None or known.given is None or not event.activity:
        return f"[{event.command}]"
    return f"by {known.given.user}@{known.given.place or known.server}: {one_line(known.text)} [{event.command}]"


def in_words(cause: str) -> str:
    """A cause as stored, for people: the code of a reason becomes its sentence."""
    reason = parse_reason(cause)
    return cause if reason is None else sentence(reason)


def event_json(event: Event) -> dict[str, object]:
    """One event for `--json`."""
    return {
        "wall": event.wall,
        "server": event.server,
        "kind": event.kind,
        "resource": event.resource,
        "on": event.on,
        "ms": event.ms,
        "cause": event.cause,
        "text": event.text,
        "activity": event.activity,
        "command": event.command,
        "given": None if event.given is None else msgspec.to_builtins(event.given),
    }


def _line(event: Event, arguments: Arguments, commands: Mapping[str, Event]) -> str:
    if arguments.flag("json"):
        return json.dumps(event_json(event))
    return event_line(event, activity=arguments.flag("activity"), commands=commands)
