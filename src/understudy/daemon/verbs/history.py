"""`understudy history` and `understudy explain`: what happened and why things are where they are. Changes nothing."""

import json
from datetime import UTC, datetime

import msgspec

from understudy.daemon.shown.known import conditions_json
from understudy.daemon.verbs.arguments import Arguments
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
    head(world)
    since = world.mirror.view.revision
    wanted, shown = set(arguments.names), _last(world, arguments)
    if not arguments.flag("json"):
        world.output.out(heading(activity=arguments.flag("activity")))
    for start in range(0, len(shown), TOGETHER):
        world.output.out("\n".join(_line(event, arguments) for event in shown[start : start + TOGETHER]))
        await world.turn.next()
    if arguments.flag("follow"):
        async for _, event in world.mirror.events(since):
            if not wanted or event.resource in wanted:
                world.output.out(_line(event, arguments))
    return 0


async def history_json(world: CommandContext, arguments: Arguments) -> str:
    """The last events as JSON, for `GET /v1/history`."""
    found: list[str] = []
    for event in _last(world, arguments):
        found.append(json.dumps(event_json(event)))
        await world.turn.next()
    return f'{{"events":[{",".join(found)}]}}'


def _last(world: CommandContext, arguments: Arguments) -> list[Event]:
    """The events that are meant, in order of when they happened (servers write on their own, some milliseconds apart)."""
    wanted, last = set(arguments.names), arguments.number("last")
    found = sorted((event for event in world.mirror.history() if not wanted or event.resource in wanted), key=lambda event: event.wall)
    return found[max(0, len(found) - (SHOWN if last is None else max(0, last))) :]


async def explain(world: CommandContext, arguments: Arguments) -> int:
    """`understudy explain NAME`; its exit status."""
    return await tried(world, "", _explain(world, arguments))


async def _explain(world: CommandContext, arguments: Arguments) -> bool:
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


def event_line(event: Event, *, activity: bool = False) -> str:
    """One event in fixed columns: when, where, what, to which resource, how long, why; before that, if wanted, of which activity."""
    when = datetime.fromtimestamp(event.wall, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    took = "" if event.ms is None else f"{event.ms:.0f} ms"
    why = "; ".join(text for text in (one_line(in_words(event.cause)), one_line(event.text)) if text)
    shown = f"{one_line(event.activity) or '-':<20}  " if activity else ""
    return f"{when}  {event.on or event.server:<12}  {event.kind:<14}  {event.resource or '-':<24}  {took:>9}  {shown}{why}".rstrip()


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
    }


def _line(event: Event, arguments: Arguments) -> str:
    if arguments.flag("json"):
        return json.dumps(event_json(event))
    return event_line(event, activity=arguments.flag("activity"))
