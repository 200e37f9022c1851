"""`crsctl start resource`: wants resources and all they need, ONLINE; then follows until they are. Changes TARGETs and leaves requests."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.choose import chosen
from understudy.daemon.verbs.follow import Settled, Verdict, Watch, deadline, follow, started
from understudy.daemon.verbs.named import check_server_name
from understudy.daemon.verbs.put_back import Attempt, put_back
from understudy.daemon.verbs.truth import as_it_is
from understudy.daemon.verbs.world import Change, World, commit
from understudy.errors import BadInput, Refused
from understudy.intent.facts import RUNNING, find, groups_of, instances, life, registered, running_on, servers
from understudy.model import events
from understudy.model.dependencies import Registered, targets
from understudy.model.messages import line, with_number, words
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why, parse_reason
from understudy.model.resource import Dependency, Kind
from understudy.model.state import Internal, Life, Target
from understudy.model.view import Request, TargetRecord, View
from understudy.policy.eligibility import group_standings, joint_standing, silent_candidates, standing
from understudy.policy.ground import Ground, survey
from understudy.policy.sentences import against, remedy, sentence
from understudy.policy.waits import waits
from understudy.registry import keys

LOOK_S = 15.0
"""How long the first look at a new resource is waited for, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What shall be started, and where."""

    names: tuple[ResourceName, ...]
    server: ServerName | None = None
    force: bool = False
    again: bool = False
    """They ran a moment ago: what is up already is well, and what fails stays wanted."""
    leave: bool = False
    """If it fails, what has come up and what is wanted is left as it is then."""


async def run(world: World, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    view = await world.mirror.refresh()
    well = False
    try:
        names, well = chosen(world, view, arguments)
        place = check_server_name(world, view, arguments.text("server"))
        if place is not None:
            names = _movable(view, names, arguments)
        ask = Ask(names=names, server=place, force=arguments.flag("force"), leave=arguments.flag("leave"))
        well = await start(world, ask) and well
    except BadInput as error:
        world.refuse(error)
        well = False
    if not well:
        world.say(4000, "Start")
    return 0 if well else 1


def _movable(view: View, names: tuple[ResourceName, ...], arguments: Arguments) -> tuple[ResourceName, ...]:
    """Those that can be started on one server: a local resource has one TARGET for all servers."""
    local = [name for name in names if view.resources[name].local]
    if arguments.names and local:
        raise bad(f"'{local[0]}' is a local resource: it is started on every server, without -n")
    return tuple(name for name in names if name not in local)


async def start(world: World, ask: Ask) -> bool:
    """Commit the intent and follow it; whether all of it came about. BadInput: refused, nothing was changed.

    If it fails, TARGETs are as they were before. On one server that is named, a stopped local resource (a network) that something stands
    on is started first: only then is the server a candidate.
    """
    view = await world.mirror.refresh()
    attempt = Attempt(before=view, wrote={}, needs=needed)
    first = () if ask.server is None else tuple(name for name in needed(view, ask.names) if _is_stopped_network(view, name))
    if not first:
        return await _start(world, ask, attempt)
    await _start(world, Ask(names=first, leave=ask.leave), attempt)
    targets = world.mirror.view.targets
    attempt = replace(attempt, wrote={name: targets[name] for name in first if name in targets})
    try:
        return await _start(world, ask, attempt)
    except BadInput:
        await put_back(world, attempt, ask.names)
        raise


def _is_stopped_network(view: View, name: ResourceName) -> bool:
    resource = view.resources[name]
    return resource.local and resource.enabled and view.target(name) is not Target.ONLINE


async def _start(world: World, ask: Ask, earlier: Attempt) -> bool:
    runnable: tuple[ResourceName, ...] = ()
    remarks: list[str] = []
    attempt, before = earlier, earlier.before

    def decide(view: View) -> Change:
        nonlocal runnable, attempt, before
        before = view
        remarks.clear()
        runnable = tuple(_runnable(as_it_is(world, view), ask, remarks))
        runnable, change = _startable(world, view, replace(ask, names=runnable), remarks)
        attempt = Attempt(
            before=earlier.before if earlier.wrote else view, wrote={**earlier.wrote, **_targets_of(change)}, needs=needed
        )  # fmt: skip
        return change

    await looked_at(world, ask.names, ask.server)
    since = await commit(world, decide)
    if ask.again:
        remarks.clear()
    for remark in remarks:
        world.output.out(remark)
    if not runnable:
        return not remarks
    settled = await follow(world, _watch(world, since, runnable, before))
    report(world, settled, "start")
    down = (name for name in runnable if started(settled.view, name) is not Verdict.DONE) if settled.refused else ()
    failed = tuple(dict.fromkeys((*settled.failed, *down)))
    if failed and not (ask.again or ask.leave or world.detached()):
        await put_back(world, attempt, failed)
    return settled.well and not remarks


def _startable(world: World, view: View, ask: Ask, remarks: list[str]) -> tuple[tuple[ResourceName, ...], Change]:
    """Those of the names that some server can take, with the change that starts them: of many, one that nobody can take is told of, and
    keeps nobody else from starting."""
    names = ask.names
    while names:
        try:
            return names, _change(world, view, replace(ask, names=names))
        except _Nobody as nobody_can:
            needs = {name: set(needed(view, [name], weak=False)) for name in names}
            stuck = [name for name in names if needs[name] & nobody_can.group]
            # what others of them need may do without those: the ones that need most are left out first
            last = {name for name in stuck if not any(name in needs[other] for other in stuck if other != name)}
            without = tuple(name for name in names if name not in last)
            if not without:
                raise
            remarks.append(with_number(nobody_can.code, str(nobody_can)))
            names = without
    return (), Change({})


class _Nobody(Refused):
    """No server can take a group."""

    def __init__(self, text: str, group: frozenset[ResourceName]) -> None:
        super().__init__(text, code=2632)
        self.group = group


def _targets_of(change: Change) -> dict[ResourceName, TargetRecord]:
    written = ((key.removeprefix(keys.TARGET), one) for key, one in change.writes.items() if key.startswith(keys.TARGET))
    return {ResourceName(name): one for name, one in written if isinstance(one, TargetRecord)}


async def looked_at(world: World, names: Iterable[ResourceName], server: ServerName | None) -> None:
    """Wait until servers have looked at what was registered a moment ago (S6): before that none is a candidate. Bounded."""
    view = await world.mirror.refresh()
    wanted = [name for name in needed(view, names) if not view.resources[name].local]
    loop = asyncio.get_running_loop()
    until = loop.time() + min(LOOK_S, max((view.resources[name].check_timeout_s for name in wanted), default=0.0))
    while (left := until - loop.time()) > 0 and _unlooked(view, wanted, server):
        view = await world.mirror.wait(view.revision, left)


def needed(view: View, names: Iterable[ResourceName], *, weak: bool = True) -> tuple[ResourceName, ...]:
    """The names with everything they need by hard (and, if asked for, weak) start dependencies, needed ones first."""
    known = registered(view)
    ordered: list[ResourceName] = []
    seen: set[ResourceName] = set()

    def visit(name: ResourceName) -> None:
        if name in seen or name not in view.resources:
            return
        seen.add(name)
        for dependency in view.resources[name].start:
            if dependency.kind is Kind.HARD or (weak and dependency.kind is Kind.WEAK):
                for other in _meant(view, dependency, known):
                    visit(other)
        ordered.append(name)

    for name in names:
        visit(name)
    return tuple(ordered)


def check_server(world: World, view: View, server: ServerName) -> None:
    """The server a command names must exist and be ONLINE (CRS-2546)."""
    if server not in servers(view, world.settings):
        raise Refused(words(20024, server), code=20024)
    if life(view, server) is not Life.ONLINE:
        raise Refused(words(2546, server), code=2546)


def check_place(ground: Ground, names: Iterable[ResourceName], server: ServerName, wanted: Collection[ResourceName] = ()) -> None:
    """Each of the names must be admitted on the server (CRS-2549, with the rule that refuses it); what is `wanted` refuses nobody: it is
    on its way up."""
    for name in names:
        resource = ground.view.resources[name]
        if resource.local:
            continue
        found = joint_standing(ground, [name], server)
        if not found.admitted and not _passes(ground, found.reason, wanted):
            raise Refused(f"{words(2549, name, server)}\n{sentence(found.reason)}", code=2549)


def report(world: World, settled: Settled, action: str) -> None:
    """Say what did not come about, the culprit first."""
    view = settled.view
    for event in settled.refused:
        reason = parse_reason(event.cause)
        world.say(20067, event.resource, event.text or (event.cause if reason is None else sentence(reason)))
    culprits = [name for name in settled.failed if _failed_itself(view, name)]
    asked = waits(view)
    for name in culprits or settled.failed:
        assignment, wish = view.assignments.get(name), view.targets.get(name)
        if name in view.resources and view.target(name) is (Target.ONLINE if action == "stop" else Target.OFFLINE):
            world.say(20164 if action == "stop" else 20163, name, wish.by if wish is not None and wish.by else "somebody")
        elif assignment is not None and assignment.last_resort:
            world.output.out(nobody(view, name))
        elif name in view.resources and (why := "; and for ".join(one.text for one in asked.of(name) if not one.under_way)):
            world.say(20160, name, why)
    for name in settled.pending:
        why = settled.why.get(name, "")
        world.say(20063, f"{settled.after_s:.0f}", f"{action} of '{name}' goes on{f', and waits for {why}' if why else ''}", name)


def nobody(view: View, name: ResourceName) -> str:
    """CRS-2632 with the reason: who refuses it or has failed with it, server by server, and what would change that."""
    return "\n".join((line(2632, name), *_against(view, name)))


def _against(view: View, name: ResourceName) -> list[str]:
    return [f"  {one}" for one in against(view, name)]


def _unlooked(view: View, names: list[ResourceName], server: ServerName | None) -> bool:
    """Whether a candidate is refused only because it has not looked yet."""
    places = [one for place, one in view.present().items() if one.life is Life.ONLINE and server in (place, None)]
    unlooked = [
        (view.resources[name], place.server)
        for name in names
        if name in view.resources
        for place in places
        if not view.looked(place.server, place.incarnation, view.resources[name])
    ]
    ground = survey(view)
    return any(standing(ground, resource, place).reason.why is Why.NOT_LOOKED for resource, place in unlooked)


def _meant(view: View, dependency: Dependency, known: Registered) -> tuple[ResourceName, ...]:
    """Of a type one that runs is enough; if none does, the first is meant. `uniform:` means all."""
    found = targets(dependency, known)
    if not dependency.is_type or "uniform" in dependency.modifiers:
        return found
    if any(running_on(view, name) for name in found):
        return ()
    return found[:1]


def _runnable(view: View, ask: Ask, remarks: list[str]) -> Iterable[ResourceName]:
    """Those that are not running already and not disabled; the others are remarked on."""
    for name in ask.names:
        resource = find(view, name)
        shown = instances(view, resource)
        up = [one for one in shown if one.state in RUNNING and one.internal is Internal.STABLE]
        if not resource.enabled:
            remarks.append(line(2501, name))
        elif view.target(name) is Target.ONLINE and shown and len(up) == len(shown):
            remarks += [line(5702, name, one.server) for one in up]
        else:
            yield name


def _change(world: World, view: View, ask: Ask) -> Change:
    """TARGETs of the names and of what they need, and one request per group that is to be placed."""
    wanted = [name for name in needed(view, ask.names) if view.resources[name].enabled or name in ask.names]
    for name in needed(view, ask.names, weak=False):
        if not view.resources[name].enabled and running_on(view, name) is None:
            raise Refused(words(2660, name), code=2660)
    member_of = groups_of(view)
    groups = sorted({member_of[name] for name in wanted if not view.resources[name].local})
    after = replace(view, targets={**view.targets, **{name: TargetRecord(target=Target.ONLINE) for name in wanted}})
    if ask.server is not None:
        check_server(world, view, ask.server)
    ground = survey(after)
    places = {group: _place_of(ground, group, ask) for group in groups}
    groups = [group for group in groups if places[group] is not _WHERE_IT_IS]
    begins = {name for name in wanted if view.target(name) is not Target.ONLINE}
    for group in groups:
        members = [name for name in group if after.target(name) is Target.ONLINE]
        _check_group(ground, members, replace(ask, server=places[group]), begins)
        if places[group] is None and not ask.again:
            _check_candidates(ground, members, begins, ask)
    writes: dict[str, object] = {}
    told: list[tuple[str, str, str]] = []
    for name in wanted:
        if view.target(name) is not Target.ONLINE:
            writes[keys.target(name)] = TargetRecord(target=Target.ONLINE, by=world.by)
            told.append((events.TARGET_SET, name, Target.ONLINE.value))
    for group in groups:
        request = Request(id=world.token(), verb="start", resources=group, server=places[group], by=world.by)
        writes[keys.request(request.id)] = request
    relied = {*wanted, *(name for group in groups for name in group)}
    return Change(writes, tuple(keys.resource(name) for name in sorted(relied)), tuple(told))


_WHERE_IT_IS = ServerName("")


def _place_of(ground: Ground, group: tuple[ResourceName, ...], ask: Ask) -> ServerName | None:
    """Where a group is asked for. A server is named for what was asked for and what must be beside it; what is only needed somewhere, or
    would only be welcome, goes where it may, and stays where it runs."""
    if any(name in ask.names for name in group):
        return ask.server
    beside = any(
        one.same_server and name in ground.meant(one)
        for asked in ask.names
        for one in ground.view.resources[asked].start
        for name in group
    )  # of a type: every other hard dependency on one server is of its group
    wanted = [name for name in group if ground.view.target(name) is Target.ONLINE]
    if beside and ask.server is not None:
        return ask.server
    if any(running_on(ground.view, name) is not None for name in wanted):
        return _WHERE_IT_IS
    found = group_standings(ground, wanted)
    if not any(one.admitted for one in found):
        return _WHERE_IT_IS if all(_only_welcome(ground, name, ask) for name in wanted) else None
    welcome = any(one.admitted and one.server == ask.server for one in found)
    return ask.server if welcome and all(_only_welcome(ground, name, ask, here=True) for name in wanted) else None


def _only_welcome(ground: Ground, name: ResourceName, ask: Ask, *, here: bool = False) -> bool:
    """Whether nothing that is asked for needs it: it is tried, and nothing depends on what comes of it. `here`: on the same server."""
    if name in needed(ground.view, ask.names, weak=False):
        return False
    weak = [one for asked in ask.names for one in ground.view.resources[asked].start if one.kind is Kind.WEAK]
    return not here or any("global" not in one.modifiers and name in ground.meant(one) for one in weak)


def _check_group(ground: Ground, members: list[ResourceName], ask: Ask, wanted: Collection[ResourceName]) -> None:
    """What runs already stays where it is, unless `-f`; and a server that is named must admit every member."""
    for name in members:
        for silent in silent_candidates(ground, ground.view.resources[name]):
            raise Refused(f"{words(20105, name, silent)}\n{remedy(Reason(Why.COULD_NOT_TELL), silent)}", code=20105)
    homes = {name: server for name in members if (server := running_on(ground.view, name)) is not None}
    if ask.server is not None:
        check_place(ground, members, ask.server, wanted)
        moved = [name for name, server in homes.items() if server != ask.server]
    else:
        admitted = {one.server for one in group_standings(ground, members) if one.admitted}
        # With no candidate at all nothing is moved: what runs stays, and the rest waits for a server.
        moved = [name for name, server in homes.items() if admitted and server not in admitted]
    if moved and not ask.force:
        asked = next((name for name in ask.names if name in members), members[0])
        raise Refused(words(2529, asked, moved[0]), code=2529)


def _check_candidates(ground: Ground, members: list[ResourceName], begins: set[ResourceName], ask: Ask) -> None:
    """CRS-2632 with the rule that refuses each server, before anything is wanted that nobody could run; what this very command is about
    to start, or what runs, refuses nobody."""
    if not members or any(running_on(ground.view, name) is not None for name in members):
        return
    if any(one.admitted or _passes(ground, one.reason, begins) for one in group_standings(ground, members)):
        return
    asked = next((name for name in reversed(needed(ground.view, ask.names)) if name in members and name in ask.names), members[0])
    raise _Nobody("\n".join((words(2632, asked), *_against(ground.view, asked))), frozenset(members))


def _passes(ground: Ground, reason: Reason, begins: Collection[ResourceName]) -> bool:
    """Whether a refusal ends when what it is about has come up, which this command starts, or has been looked at."""
    inner = parse_reason(",".join(reason.of[1:])) if reason.why is Why.FELLOW_REFUSED else reason
    if inner is None or inner.why in (Why.NOT_LOOKED, Why.RIVAL_NOT_LOOKED):
        return True
    if inner.why is Why.NETWORK_DOWN:
        return ResourceName(inner.of[0]) in begins
    started_now = ground.by_type.get(inner.of[0], ()) if inner.why is Why.TYPE_MISSING else ()
    return any(ground.view.target(name) is Target.ONLINE for name in started_now)


def _watch(world: World, since: int, names: tuple[ResourceName, ...], before: View) -> Watch:
    view = world.mirror.view
    about, member_of = set(needed(view, names)), groups_of(view)
    for name in names:
        about.update(member_of.get(name, ()))
    resources = [view.resources[name] for name in about if name in view.resources]
    return Watch(
        since=since,
        names=names,
        judge=started,
        about=frozenset(about),
        before=before,
        deadline_s=deadline(resources, len(servers(view, world.settings))),
    )


def _failed_itself(view: View, name: ResourceName) -> bool:
    return any(one.failure is not None for server in view.reports.get(name, {}) if (one := view.report(name, server)))
