"""`understudy history` and `understudy explain`: what happened and why things are where they are. Changes nothing."""

import json
from datetime import UTC, datetime

import msgspec

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.truth import as_it_is, as_json, head, now_so
from understudy.daemon.verbs.world import World
from understudy.errors import BadInput
from understudy.intent.facts import find
from understudy.model.reasons import parse_reason
from understudy.model.shown import one_line
from understudy.model.view import Event
from understudy.policy import explain as policy_explain
from understudy.policy.sentences import sentence

SHOWN = 50
"""Lines shown unless -n asks for another number."""
TOGETHER = 50
"""Lines told at once."""


async def history(world: World, arguments: Arguments) -> int:
    """`understudy history`; with --follow until the caller goes away."""
    head(world)
    since = world.mirror.view.revision
    wanted = set(arguments.names)
    # servers write on their own, some milliseconds apart: in order of when it happened, not of when it was written
    found = sorted((one for one in world.mirror.history() if not wanted or one.resource in wanted), key=lambda one: one.wall)
    last = arguments.number("last")
    if not arguments.flag("json"):
        world.output.out(HEADING)
    shown = found[max(0, len(found) - (SHOWN if last is None else max(0, last))) :]
    for start in range(0, len(shown), TOGETHER):
        world.output.out("\n".join(_line(event, arguments) for event in shown[start : start + TOGETHER]))
        await world.turn.next()
    if arguments.flag("follow"):
        async for _, event in world.mirror.events(since):
            if not wanted or event.resource in wanted:
                world.output.out(_line(event, arguments))
    return 0


async def explain(world: World, arguments: Arguments) -> int:
    """`understudy explain NAME`; its exit status."""
    try:
        name = find(world.mirror.view, arguments.one_name("resource")).name
    except BadInput as error:
        world.refuse(error)
        return 1
    view, known = as_it_is(world), now_so(world)
    own = None if world.own is None else world.own()
    if arguments.flag("json"):
        told = msgspec.to_builtins(policy_explain.explain(view, name, own))
        world.output.out(json.dumps({**told, "conditions": as_json(known)}))
    else:
        world.output.out("\n".join([*(one.line for one in known), *policy_explain.render(view, name, own)]))
    return 0


HEADING = f"{'WHEN':<23}  {'SERVER':<12}  {'WHAT':<14}  {'RESOURCE':<24}  {'TOOK':>9}  WHY"


def event_line(event: Event) -> str:
    """One event in fixed columns: when, where, what, to which resource, how long, why."""
    when = datetime.fromtimestamp(event.wall, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    took = "" if event.ms is None else f"{event.ms:.0f} ms"
    why = "; ".join(one for one in (one_line(in_words(event.cause)), one_line(event.text)) if one)
    return f"{when}  {event.on or event.server:<12}  {event.kind:<14}  {event.resource or '-':<24}  {took:>9}  {why}".rstrip()


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
    }


def _line(event: Event, arguments: Arguments) -> str:
    return json.dumps(event_json(event)) if arguments.flag("json") else event_line(event)
