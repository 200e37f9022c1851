"""Owns `--dry-run`, `crsctl eval` and `understudy whatif`: a verb is rehearsed, and what would come of it is shown. Nothing is changed.

The verb itself runs (`daemon/rehearsal.py`): what it refuses is refused in its words, and its exit status is this one's. Called by `api.py`
for every request to `/v1/whatif/NAME`, and by nobody else.
"""

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from understudy.daemon.rehearsal import RehearsedMirror, within
from understudy.daemon.shown.pools import pool_statuses
from understudy.daemon.shown.predicted import as_seen, prediction_json
from understudy.daemon.text.stages import pools, resources, stages
from understudy.daemon.text.timeline import timeline
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.export import registry_on
from understudy.daemon.verbs.truth import Run
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput, RegistryUnreachable
from understudy.intent.facts import instances
from understudy.intent.visible import hidden, pool_shown, without
from understudy.model import events
from understudy.model.limits import derive
from understudy.model.messages import with_number
from understudy.model.names import ResourceName
from understudy.model.view import View
from understudy.policy.rehearsal import Rehearsal
from understudy.policy.whatif import Expected, Prediction, recorded

ENDS = {events.START_DONE: "start", events.STOP_DONE: "stop", events.CLEAN_DONE: "clean"}
LEVELS = ("serverpools", "resources", "all")
EVAL = "eval"
"""The form of `crsctl eval`."""
OWN = "ora."
"""How names begin of what belongs to the cluster itself."""


@dataclass
class KeptLines:
    """What a verb prints, kept for the answer; each with whether it is for standard error."""

    lines: list[tuple[bool, str]] = field(default_factory=list)

    def out(self, text: str) -> None:
        """For standard output."""
        self.lines.append((False, text))

    def err(self, text: str) -> None:
        """For standard error."""
        self.lines.append((True, text))


def rehearsed(run: Run, *, event: bool = False) -> Run:
    """The verb, rehearsed; `event`: it is no command, but something that may happen."""
    return functools.partial(_rehearsed, run, event=event)


def refused(name: str, why: str) -> Run:
    """A verb that is not rehearsed, and why."""

    async def refuse(world: CommandContext, arguments: Arguments) -> int:
        world.say(20621, name, why)
        return 1

    return refuse


async def _rehearsed(run: Run, world: CommandContext, arguments: Arguments, *, event: bool) -> int:
    _check_form(arguments)
    if arguments.text("form") == EVAL and (own := next((name for name in arguments.names if name.startswith(OWN)), None)):
        world.say(20626, own)
        world.say(4000, "Eval")
        return 1
    try:
        outcome = await outcome_of(run, world, arguments)
    except RegistryUnreachable as error:
        world.say(20627, error)
        return 1
    _answer(world, arguments, outcome)
    if not (event or arguments.flag("json") or arguments.text("form") == EVAL):
        world.say(20620, outcome.status)
    return outcome.status


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOutcome:
    """What came of a rehearsal."""

    status: int
    """With which the verb itself would end."""
    lines: KeptLines
    """What it would print."""
    whole: Prediction
    seen: Prediction
    """The same without what the caller may not see."""


async def outcome_of(run: Run, world: CommandContext, arguments: Arguments) -> RehearsalOutcome:
    """Rehearse a verb from what the registry says now. RegistryUnreachable."""
    rehearsal = Rehearsal(await world.mirror.refresh(), expected(world))
    rehearsal.acts.asked = frozenset(map(ResourceName, arguments.names))
    mirror, lines = RehearsedMirror(world.mirror, rehearsal, world.turn.next), KeptLines()
    status = await _status(run, within(world, mirror, lines), arguments)
    await mirror.go_on()
    whole = rehearsal.prediction()
    secret = hidden(whole.after, world.caller.who) | hidden(whole.before, world.caller.who)
    return RehearsalOutcome(status=status, lines=lines, whole=whole, seen=as_seen(whole, secret))


async def _status(run: Run, world: CommandContext, arguments: Arguments) -> int:
    try:
        return await run(world, arguments)
    except BadInput as error:
        world.output.out(with_number(error.code, str(error)))
        return 1


def expected(world: CommandContext) -> Expected:
    """How long things take here, by the history and the bounds of this cluster."""
    view, settings = world.mirror.view, world.settings
    tolerance = settings.pause_tolerance if view.cluster is None else view.cluster.pause_tolerance
    etcd = settings.engine == "etcd"
    return Expected(
        limits=derive(tolerance),
        recorded=recorded(world.mirror.history(), ENDS),
        etcd=etcd,
        registry_on=None if etcd else registry_on(settings),
    )


# --- the answer -------------------------------------------------------------------------------------------------------


def _check_form(arguments: Arguments) -> None:
    level, admin = arguments.text("level"), arguments.flag("admin")
    if level is not None and level not in LEVELS:
        raise bad(f"-l is one of {', '.join(LEVELS)}")
    if not admin and (level is not None or arguments.flag("differing") or arguments.flag("every")):
        raise bad("-l, -x and -a go with -admin")
    if level == "serverpools" and arguments.flag("every"):
        raise bad("-a is about resources, and -l serverpools leaves them out")


def _answer(world: CommandContext, arguments: Arguments, outcome: RehearsalOutcome) -> None:
    prediction, status, lines = outcome.seen, outcome.status, outcome.lines.lines
    if arguments.flag("json"):
        world.output.out(json.dumps({"exit": status, "messages": [text for _, text in lines], **prediction_json(prediction)}))
        return
    for to_err, text in lines:
        (world.output.err if to_err else world.output.out)(text)
    if arguments.text("form") == EVAL:
        if not status or prediction.acts:
            secret = hidden(outcome.whole.after, world.caller.who) | hidden(outcome.whole.before, world.caller.who)
            _in_oracles_form(world, arguments, prediction, secret)
        return
    if not status or prediction.acts or prediction.servers:
        world.output.out(f"{'' if not lines else chr(10)}{timeline(prediction)}")
    say_hidden(world, outcome)


def say_hidden(world: CommandContext, outcome: RehearsalOutcome) -> None:
    """That there is more than the caller may see."""
    if more := len(outcome.whole.acts) - len(outcome.seen.acts):
        world.say(20622, more)


def _in_oracles_form(world: CommandContext, arguments: Arguments, prediction: Prediction, secret: Collection[ResourceName]) -> None:
    level = arguments.text("level") or "all"
    if arguments.flag("admin") and level != "resources":
        before, after = (_servers_of_pools(world, view) for view in (prediction.before, prediction.after))
        world.output.out(pools(before.items(), after.items(), differing=arguments.flag("differing")))
    if level != "serverpools":
        world.output.out(stages(prediction, explain=arguments.flag("explain")))
        if arguments.flag("every"):
            was, then = (_states(without(view, secret)) for view in (prediction.before, prediction.after))
            world.output.out(resources(was, then, differing=arguments.flag("differing")))


def _states(view: View) -> Mapping[str, str]:
    """Of every resource, of all its instances."""
    return {name: ", ".join(instance.state_text for instance in instances(view, each)) for name, each in sorted(view.resources.items())}


def _servers_of_pools(world: CommandContext, view: View) -> Mapping[str, tuple[str, ...]]:
    """Of those that the caller may see."""
    found = ((name, status.values["ACTIVE_SERVERS"]) for name, status in pool_statuses(view).items())
    return {name: tuple(servers.split()) for name, servers in found if pool_shown(view, name, world.caller.who)}
