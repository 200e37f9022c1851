"""`crsctl start resource`: TARGETs of what is named and of what it needs, and one request for each group that is to be placed. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import RUNNING, find, groups_of, instances, running_on
from understudy.intent.instances import siblings_of, without_server
from understudy.intent.needs import needed
from understudy.intent.operator import Operator
from understudy.intent.places import check_may_follow, check_place, check_server, passes
from understudy.intent.put_back import Attempt
from understudy.intent.refusal import Declined, Refusal
from understudy.intent.steps import InSteps, at_once
from understudy.intent.targets import aimed, is_aimed, said, wanted_on
from understudy.model import events
from understudy.model.cardinality import apart, whole_resources
from understudy.model.failures import unavailable
from understudy.model.names import PoolName, ResourceName, ServerName, registered_name
from understudy.model.reasons import Reason, Why
from understudy.model.resource import DependencyKind
from understudy.model.state import Internal, Target
from understudy.model.view import Request, TargetRecord, View
from understudy.policy.eligibility import Standing, admitted_somewhere, group_standings, silent_candidates
from understudy.policy.ground import Ground, survey
from understudy.policy.sentences import against, remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCommand:
    """What shall be started, and where."""

    names: tuple[ResourceName, ...]
    server: ServerName | None = None
    force: bool = False
    again: bool = False
    """They ran a moment ago: what is up already is well, and what fails stays wanted."""
    leave: bool = False
    """If it fails, what has come up and what is wanted is left as it is then."""
    within: tuple[ServerName, ...] = ()
    """Where its start fails it is tried on these servers alone; empty: on any."""
    as_before: Mapping[ResourceName, TargetRecord] = field(default_factory=dict)
    """Local resources that were wanted on some servers only, a moment ago: so they are again."""
    asked: frozenset[ResourceName] = field(init=False)
    """The names, to look one up."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", frozenset(self.names))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlan:
    """What a start writes, and whom it is about."""

    edit: Edit
    names: tuple[ResourceName, ...]
    """What is started."""
    remarks: tuple[Refusal, ...]
    """Why the others are not: they run already, are disabled, or no server can take them."""


class _Nobody(Declined):
    """No server can take a group (CRS-2632)."""

    def __init__(self, asked: ResourceName, below: tuple[str, ...], group: frozenset[ResourceName]) -> None:
        super().__init__(2632, asked, below=below)
        self.group = group


_WHERE_IT_IS = ServerName("")
PlacesAsked = Mapping[tuple[ResourceName, ...], ServerName | None]
"""Groups, or those of their members that are wanted, and the server that each is asked for on; None: on any."""


def networks_first(view: View, command: StartCommand) -> tuple[ResourceName, ...]:
    """Stopped local resources (networks) that something stands on, on a server that is named: only with them is it a candidate."""
    view = apart(view)
    if command.server is None or all(view.resources[name].local for name in command.names):
        return ()
    found = ((name, view.resources[name]) for name in needed(view, command.names))
    stopped = (name for name, resource in found if resource.local and resource.enabled)
    return tuple(name for name in stopped if view.target_on(name, command.server) is not Target.ONLINE)


def first_started(view: View, names: tuple[ResourceName, ...], command: StartCommand) -> StartCommand:
    """The start of these, before all else: everywhere if nobody wants them, or else on the server that is named."""
    only_there = any(wanted_on(view, name) for name in names)
    return StartCommand(names=names, leave=command.leave, server=command.server if only_there else None)


def start(view: View, command: StartCommand, operator: Operator, *, shown: View | None = None) -> StartPlan:
    """What is to be written. `shown` is what may be said of the View: of others no more than is known.

    Of many, one that nobody can take is remarked on, and keeps nobody else from starting. Declined when that is so of all.
    """
    return at_once(start_in_steps(view, command, operator, shown=shown))


def start_in_steps(view: View, command: StartCommand, operator: Operator, *, shown: View | None = None) -> InSteps[StartPlan]:
    """`start`, with a pause after each resource and each group: there may be thousands."""
    remarks: list[Refusal] = []
    view, shown = apart(view), apart(shown or view)
    names = yield from _runnable(shown, command, remarks)
    while names:
        try:
            edit = yield from _edit(view, replace(command, names=names), operator)
        except _Nobody as nobody_can:
            left = _without(view, names, nobody_can)
            remarks.append(nobody_can.refusal)
            named, asked = {*left, *nobody_can.refusal.names}, nobody_can.refusal.names[0]
            remarks += [Refusal(code=2502, names=(name, asked)) for name in names if name not in named]
            names = left
        else:
            return StartPlan(edit=edit, names=names, remarks=tuple(remarks))
    return StartPlan(edit=Edit(), names=(), remarks=tuple(remarks))


def servers_of(view: View, text: str) -> tuple[ServerName, ...]:
    """The servers that are in these pools now (`-s "pool1 pool2"`). Declined: there is no such pool, or none is in them."""
    ground = survey(view)
    pools = tuple(PoolName(word) for word in text.replace(",", " ").split())
    for pool in pools:
        if pool not in ground.pools:
            raise Declined(20021, pool)
    if not (found := tuple(sorted({server for pool in pools for server in ground.pools[pool]}))):
        raise Declined(20603, " ".join(pools))
    return found


def there_only(command: StartCommand) -> StartCommand:
    """Where a server is named the start is tried on that alone."""
    return replace(command, within=() if command.server is None else (command.server,))


def best_within(view: View, command: StartCommand, within: tuple[ServerName, ...]) -> tuple[StartCommand, ...]:
    """One start for each of these servers that is the best by profile for some of the names, with its group. Declined: none may run it."""
    found: dict[ServerName, tuple[ResourceName, ...]] = {}
    view = apart(view)
    ground, member_of = survey(view), groups_of(view)
    for name in command.names:
        if view.resources[name].local:
            raise Declined(20604, name)
        standings = group_standings(ground, member_of[name])
        taken = [server for server, names in found.items() if any(other in names for other in view.resources[name].siblings)]
        among = (each.server for each in standings if each.server in within and _may_come(ground, each, command.names))
        place = running_on(view, name) or next((server for server in among if server not in taken), None)
        if place is None:
            raise Declined(2632, name, below=tuple(f"  {text}" for text in against(view, name) if text.partition(":")[0] in within))
        found[place] = (*found.get(place, ()), name)
    return tuple(replace(command, names=names, server=server, within=within) for server, names in found.items())


def _may_come(ground: Ground, each: Standing, names: tuple[ResourceName, ...]) -> bool:
    return each.admitted or passes(ground, each.reason, set(needed(ground.view, names)))


def attempt_of(before: View, written: Edit, earlier: Attempt | None) -> Attempt:
    """What a command has changed so far: `earlier`, for something that had to be up first, and now."""
    wrote = {name: record for name, record in written.targets.items() if record is not None}
    return Attempt(before=before, wrote=wrote) if earlier is None else replace(earlier, wrote={**earlier.wrote, **wrote})


def _without(view: View, names: tuple[ResourceName, ...], nobody_can: _Nobody) -> tuple[ResourceName, ...]:
    """The names without those that cannot be taken; raises it again if nothing would be left."""
    needs = {name: set(needed(view, [name], weak=False)) for name in names}
    stuck = [name for name in names if needs[name] & nobody_can.group]
    # what others of them need may do without those: the ones that need most are left out first
    last = {name for name in stuck if not any(name in needs[other] for other in stuck if other != name)}
    left = tuple(name for name in names if name not in last)
    if not left:
        raise nobody_can
    return left


def _runnable(view: View, command: StartCommand, remarks: list[Refusal]) -> InSteps[tuple[ResourceName, ...]]:
    """Those that are not running already and not disabled; the others are remarked on."""
    found, running = list[ResourceName](), list[Refusal]()
    for name in command.names:
        resource = find(view, name)
        shown = instances(view, resource)
        if resource.local and command.server is not None:
            shown = tuple(instance for instance in shown if instance.server == command.server)
        up = [instance for instance in shown if instance.state in RUNNING and instance.internal is Internal.STABLE]
        if not resource.enabled:
            remarks.append(Refusal(code=2501, names=(name,)))
        elif shown and len(up) == len(shown) and all(instance.target is Target.ONLINE for instance in shown):
            running += [Refusal(code=5702, names=(name, str(instance.server))) for instance in up]
        else:
            found.append(name)
        yield
    begun = set(map(registered_name, found))  # of several instances some may run: the others are what is asked for
    remarks += [remark for remark in running if registered_name(ResourceName(remark.names[0])) not in begun]
    return tuple(found)


def _edit(view: View, command: StartCommand, operator: Operator) -> InSteps[Edit]:
    """TARGETs of the names and of what they need, and one request per group that is to be placed."""
    wanted = [name for name in needed(view, command.names) if view.resources[name].enabled or name in command.asked]
    for name in needed(view, command.names, weak=False):
        if not view.resources[name].enabled and running_on(view, name) is None:
            raise Declined(2660, name)
    if command.server is not None:
        check_server(view, operator.settings, command.server)
    targets = _targets(view, wanted, command, operator)
    places = yield from _checked_places(view, command, wanted, targets)
    return _written(view, targets, places, operator, command.within, wanted=wanted)


def _targets(view: View, wanted: Collection[ResourceName], command: StartCommand, operator: Operator) -> dict[ResourceName, TargetRecord]:
    """Those that are to be written. What is only needed, and wanted on some servers, stays as it is."""
    found = {}
    for name in wanted:
        local, named = view.resources[name].local, name in command.asked
        if name in command.as_before and local:
            found[name] = replace(command.as_before[name], by=operator.by, era=view.era, start_id=operator.token)
        elif named and (failed_too_often(view, name, command.server) or not is_aimed(view, name, Target.ONLINE, command.server)):
            found[name] = aimed(view, name, Target.ONLINE, operator, command.server)
        elif not named and (failed_too_often(view, name) or not (view.target(name) is Target.ONLINE or (local and wanted_on(view, name)))):
            found[name] = aimed(view, name, Target.ONLINE, operator)
    return found


def start_where(view: View, places: PlacesAsked, operator: Operator) -> Edit:
    """The groups are wanted, each on the server that is named for it, with `-n` and without a question: who may not be there (any more)
    is placed by policy. For a cluster in which nothing runs yet."""
    view = apart(view)
    places = dict(_each_of(view, places))
    wanted = [name for group in places for name in group]
    begins = [name for name in wanted if view.target(name) is not Target.ONLINE or failed_too_often(view, name)]
    return _written(view, {name: aimed(view, name, Target.ONLINE, operator) for name in begins}, places, operator, wanted=wanted)


def _each_of(view: View, places: PlacesAsked) -> Iterator[tuple[tuple[ResourceName, ...], ServerName | None]]:
    """Of several instances each for itself, wherever it may be: the place that is known is of one of them."""
    for group, place in places.items():
        siblings = view.resources[group[0]].siblings
        yield from [(group, place)] if not siblings else [((name,), None) for name in siblings_of(view, group[0])]


def _written(
    view: View,
    targets: Mapping[ResourceName, TargetRecord],
    places: PlacesAsked,
    operator: Operator,
    within: tuple[ServerName, ...] = (),
    *,
    wanted: Collection[ResourceName],
) -> Edit:
    requests = tuple(
        Request(
            id=f"{operator.token}-{number:04d}", verb="start", resources=group, server=place, by=operator.by,
            within=within if place is not None else (),
        )
        for number, (group, place) in enumerate(places.items(), 1)
    )  # fmt: skip
    written = whole_resources(view, targets)
    return Edit(
        targets=written,
        requests=requests,
        rests=Rests(resources=tuple(sorted({*wanted, *(name for group in places for name in group)}))),
        history=tuple(
            HistoryEntry(kind=events.TARGET_SET, resource=name, text=said(view, name, record)) for name, record in written.items()
        ),
    )


def failed_too_often(view: View, name: ResourceName, server: ServerName | None = None) -> bool:
    """FAILURE_THRESHOLD: it is wanted, and waits for this very command; of a local resource, an instance is (on this server)."""
    resource = view.resources[name]
    among: Collection[ServerName | None] = (None,)
    if resource.local:
        among = view.present() if server is None else (server,)
    return any(unavailable(view, resource, place) for place in among)


def _checked_places(
    view: View, command: StartCommand, wanted: Collection[ResourceName], targets: Mapping[ResourceName, TargetRecord]
) -> InSteps[PlacesAsked]:
    """The groups that are to be placed, each with the server it is asked for on (None: on any), if that may be."""
    member_of = groups_of(view)
    groups = sorted({member_of[name] for name in wanted if not view.resources[name].local})
    after = replace(view, targets={**view.targets, **targets})
    ground = survey(after)
    places = {group: place for group in groups if (place := _place_of(ground, group, command)) != _WHERE_IT_IS}
    begins = {name for name in wanted if view.target(name) is not Target.ONLINE}
    for group, place in places.items():
        members = [name for name in group if after.target(name) is Target.ONLINE]
        _check_group(ground, members, command, place, begins)
        if place is None and not command.again:
            _check_candidates(ground, members, begins, command)
        yield
    return places


def _place_of(ground: Ground, group: tuple[ResourceName, ...], command: StartCommand) -> ServerName | None:
    """Where a group is asked for. A server is named for what was asked for and what must be beside it; what is only needed somewhere, or
    would only be welcome, goes where it may, and stays where it runs."""
    if any(name in command.asked for name in group):
        return command.server
    beside = any(
        dependency.same_server and name in ground.meant(dependency)
        for asked in command.names
        for dependency in ground.view.resources[asked].start
        for name in group
    )  # of a type: every other hard dependency on one server is of its group
    wanted = [name for name in group if ground.view.target(name) is Target.ONLINE]
    if beside and command.server is not None:
        return command.server
    if any(running_on(ground.view, name) is not None for name in wanted):
        return _WHERE_IT_IS
    found = group_standings(ground, wanted)
    if not any(standing.admitted for standing in found):
        return _WHERE_IT_IS if all(_only_welcome(ground, name, command) for name in wanted) else None
    welcome = any(standing.admitted and standing.server == command.server for standing in found)
    return command.server if welcome and all(_only_welcome(ground, name, command, here=True) for name in wanted) else None


def _only_welcome(ground: Ground, name: ResourceName, command: StartCommand, *, here: bool = False) -> bool:
    """Whether nothing that is asked for needs it: it is tried, and nothing depends on what comes of it. `here`: on the same server."""
    if name in needed(ground.view, command.names, weak=False):
        return False
    weak = [
        dependency for asked in command.names for dependency in ground.view.resources[asked].start if dependency.kind is DependencyKind.WEAK
    ]
    return not here or any("global" not in dependency.modifiers and name in ground.meant(dependency) for dependency in weak)


def _check_group(
    ground: Ground, members: list[ResourceName], command: StartCommand, place: ServerName | None, wanted: Collection[ResourceName]
) -> None:
    """What runs already stays where it is, unless `-f`; and the server that it is asked for on must admit every member."""
    for name in members:
        for silent in silent_candidates(ground, ground.view.resources[name]):
            raise Declined(20105, name, silent, below=(remedy(Reason(Why.COULD_NOT_TELL), silent, name),))
    homes = {name: server for name in members if (server := running_on(ground.view, name)) is not None}
    if place is not None:
        check_place(ground, members, place, wanted)
        moved = [name for name, server in homes.items() if server != place]
    elif homes:
        admitted = {standing.server for standing in group_standings(ground, members) if standing.admitted}
        # With no candidate at all nothing is moved: what runs stays, and the rest waits for a server.
        moved = [name for name, server in homes.items() if admitted and server not in admitted]
    else:
        moved = []
    if not moved:
        return
    asked = next((name for name in command.names if name in members), members[0])
    if not command.force:
        raise Declined(2529, asked, moved[0])
    for name in (name for name in moved if name not in command.names):
        check_may_follow(ground.view, name, asked)


def _check_candidates(ground: Ground, members: list[ResourceName], begins: set[ResourceName], command: StartCommand) -> None:
    """CRS-2632 with the rule that refuses each server, before anything is wanted that nobody could run; what this very command is about
    to start, or what runs, refuses nobody."""
    if not members or any(running_on(ground.view, name) is not None for name in members):
        return
    if any(without_server(ground.view, members)):
        return  # others of its resource have servers: it waits until there is one more
    if admitted_somewhere(ground, members) or any(passes(ground, standing.reason, begins) for standing in group_standings(ground, members)):
        return
    asked = next((name for name in reversed(needed(ground.view, command.names)) if name in members and name in command.names), members[0])
    raise _Nobody(asked, refused_by(ground.view, asked), frozenset(members))


def refused_by(view: View, name: ResourceName) -> tuple[str, ...]:
    """Lines below CRS-2632: who refuses it or has failed with it, server by server, and what would change that."""
    return tuple(f"  {text}" for text in against(view, name))
