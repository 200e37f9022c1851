"""Owns what a verb is given: the World with its narrow ports, the caller, and where its lines go.

Called by `api.py`, which makes one World per request, and by every verb. It never acts by itself.
"""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from understudy.daemon.history import log_event
from understudy.daemon.parts import Part, PartsWritten
from understudy.daemon.past import Past
from understudy.daemon.siteplaces import PlacesHere
from understudy.daemon.written import conditions, history_key, records
from understudy.errors import BadInput, CommitTooLarge, Refused
from understudy.intent.edit import Edit
from understudy.intent.operator import Operator
from understudy.intent.parts import EditPart, in_parts, together
from understudy.intent.permitted import check_permitted
from understudy.intent.refusal import Refusal
from understudy.intent.rights import Identity
from understudy.intent.steps import InSteps
from understudy.model import events
from understudy.model.conditions import Own
from understudy.model.excerpt import EVENT_BYTES, excerpt
from understudy.model.given import GivenCommand
from understudy.model.messages import line, with_number, words
from understudy.model.names import ResourceName, ServerName
from understudy.model.settings import Settings
from understudy.model.view import Event, View
from understudy.policy.rehearsal import Rehearsal
from understudy.ports import Clock, OwnServer, RegistryMembers

ATTEMPTS = 8
"""How often a change is decided anew when somebody else changed the same keys meanwhile."""
UNHURRIED = 4
"""How often a decision in steps is made with pauses between them."""
FIRST_NUMBER = 500_000_000
"""Events that a commit carries are numbered from here, those of the daemon's own pen from 1: their keys never meet."""
APPLY_S = 5.0
"""How long a verb waits until this server's own mirror shows what it wrote."""


class MirrorPort(Protocol):
    """What the verbs need of `daemon/mirror.py`."""

    @property
    def view(self) -> View:
        """The latest View."""
        ...

    @property
    def version(self) -> int:
        """Grows with every View."""
        ...

    def changes(self, since: int) -> frozenset[ResourceName] | None:
        """Resources of which the View may say something else than at that version; None: any."""
        ...

    @property
    def read_once(self) -> bool:
        """Whether the registry was ever read in this daemon's life: before that the View is empty."""
        ...

    @property
    def reachable(self) -> bool:
        """Whether the registry answered last."""
        ...

    async def refresh(self) -> View:
        """A View that is no older than this call."""
        ...

    async def wait(self, after: int, timeout_s: float) -> View:
        """A View with a revision greater than `after`, or the latest one at the deadline."""
        ...

    async def commit(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        """Write records (None deletes) if neither their keys nor `unchanged` were changed since the View; None: a conflict."""
        ...

    async def commit_parts(self, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        """The same in as many commits as it takes, in their order, until one conflicts."""
        ...

    def events(self, from_revision: int) -> AsyncIterator[tuple[int, Event]]:
        """History events after a revision, as they come."""
        ...

    def history(self) -> list[Event]:
        """Every event that is kept, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the kernel or a certificate says."""

    uid: int
    """0: root, for whom access lists do not count."""
    user: str
    group: str = "root"
    groups: frozenset[str] | None = frozenset()
    """All of the user's groups; None: nobody could say in time."""
    place: str = ""
    """The server, or the address, from which the command came; empty: this server."""

    @property
    def who(self) -> Identity:
        """As access lists name people."""
        return Identity(self.user, self.groups)


@dataclass(slots=True, kw_only=True)
class CommandTrail:
    """What a command that changes something leaves in the history (`daemon/audit.py`)."""

    id: str
    """By which events name it."""
    typed: str
    given: GivenCommand
    began: float
    """On this server's monotonic clock."""
    begun: bool = False
    """Whether its verb was run: it is not refused before."""
    wrote: bool = False
    """Whether it has changed anything in the registry."""
    message: str = ""
    """The line that says why it is refused, or has failed."""


class Output(Protocol):
    """Where a verb's lines go."""

    def out(self, text: str) -> None:
        """One line, or several joined, for standard output."""
        ...

    def err(self, text: str) -> None:
        """The same for standard error."""
        ...


class TurnPort(Protocol):
    """How much of the daemon's one loop a command may use at a time (`daemon/turns.py`)."""

    async def begin(self) -> None:
        """Before the first slice."""
        ...

    async def next(self) -> None:
        """Called by whatever walks over everything, for each thing: lets others have their turn when it is time."""
        ...


class NoHurry:
    """Where nobody else waits."""

    async def begin(self) -> None:
        """At once."""

    async def next(self) -> None:
        """At once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Everything a verb may use."""

    mirror: MirrorPort
    settings: Settings
    clock: Clock
    caller: Caller
    output: Output
    server: OwnServer
    token: Callable[[], str]
    """Random hex digits: identities of definitions and requests."""
    record: Callable[[str, ResourceName | None, str, str], None] = field(default=lambda *_: None)
    """Note a history event: kind, resource, cause, text."""
    number: Callable[[], int] = field(default_factory=lambda: itertools.count(FIRST_NUMBER).__next__)
    """A fresh number for each event that a commit carries with it."""
    own: Callable[[], Own] | None = None
    """What this server knows by itself this minute (`verbs/truth.py` makes words of it); None: nobody to ask, the registry is believed."""
    check: Callable[[ResourceName], None] = field(default=lambda _: None)
    """Wake this server's lane of a resource, so that it checks at once."""
    leave_here: Callable[[str, bool], None] = field(default=lambda *_: None)
    """Make this server leave while the registry cannot be written: on whose request, and whether at once."""
    leave_followed: Callable[[], AbstractContextManager[Callable[[], bool]]] = field(default=lambda: nullcontext(lambda: False))
    """Keep this server's daemon, should it leave, while a command follows; the value says whether it has to go all the same."""
    members: RegistryMembers | None = None
    """The members of the registry; None: it has none that can be changed."""
    places: PlacesHere | None = None
    """Files of this server that a catalogue names; None: nobody could look at them."""
    detached: Callable[[], bool] = field(default=lambda: False)
    """Whether the caller has gone away (Ctrl-C): the client has printed that what it asked for goes on and stays wanted."""
    turn: TurnPort = field(default_factory=NoHurry)
    past: Past | None = None
    """What was, as far as this server keeps it; None: it keeps nothing."""
    command: CommandTrail | None = None
    """As the history tells of it; None: of what changes nothing."""
    rehearsal: Rehearsal | None = None
    """Where the command is only rehearsed: what comes of it (`daemon/rehearsal.py`); None: it is carried out."""

    def say(self, code: int, *names: object) -> None:
        """Print one message of the catalogue."""
        self.output.out(line(code, *names))

    def refuse(self, error: BadInput) -> None:
        """Print why something was refused."""
        self.output.out(with_number(error.code, str(error)))
        if error.code == 2613:
            for look in self.mirror.view.looks.values():
                for name in look.unregistered:
                    if str(error) == words(2613, name):
                        self.say(20233, name, look.server)

    def progress(self, texts: Iterable[str]) -> None:
        """Print what has happened; in a rehearsal nothing has."""
        for text in texts if self.rehearsal is None else ():
            self.output.out(text)

    def remark(self, refusal: Refusal) -> None:
        """Print why something is not done."""
        self.output.out(with_number(refusal.code, str(refusal)))

    def operator(self) -> Operator:
        """Who asks, with a new identity for what the command makes."""
        return Operator(by=self.by, token=self.token(), settings=self.settings)

    def within(self, mirror: MirrorPort, clock: Clock) -> "CommandContext":
        """The same, in the world that this mirror shows, at this clock's time: what this server knows by itself of today is not of it."""
        return replace(self, mirror=mirror, clock=clock, own=None)

    @property
    def by(self) -> str:
        """Who asks and where, for records."""
        return f"{self.caller.user}@{self.caller.place or self.settings.server}"


class Decision(Protocol):
    """What a decision writes, with whatever else it says."""

    @property
    def edit(self) -> Edit:
        """What is to be written."""
        ...


D = TypeVar("D", bound=Decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Generic[D]):
    """A decision that is in the registry."""

    decided: D
    written: Edit
    """All that it wrote; where others came in between two of its commits, what stood there before that, too."""
    before: View
    """The View that it was first decided from."""
    revision: int
    """Of its first commit. This server's View has reached the last."""


async def commit(world: CommandContext, decide: Callable[[View], D]) -> Committed[D]:
    """Decide from a fresh View and write, again if somebody else was faster.

    `decide` raises BadInput to refuse. Declined when the caller may not write that. Refused when the others never stop.
    """

    async def at_once(view: View) -> D:
        return decide(view)

    return await _commit(world, at_once)


async def commit_in_steps(world: CommandContext, decide: Callable[[View], InSteps[D]]) -> Committed[D]:
    """`commit` of what may take long to decide: the daemon's other work has its turn between the steps. What is written rests on the View
    that it was decided from all the same: if something of it has changed meanwhile, it is decided anew, and at last without a pause."""
    attempts = itertools.count(1)

    async def in_turns(_: View) -> D:
        await world.turn.begin()
        view, version, hurried = world.mirror.view, world.mirror.version, next(attempts) > UNHURRIED
        steps = decide(view)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                decided: D = end.value
                break
            if not hurried:
                await world.turn.next()
        return decided if _still_so(world, view, version, decided.edit) else await in_turns(view)

    return await _commit(world, in_turns)


def _still_so(world: CommandContext, view: View, version: int, edit: Edit) -> bool:
    """Whether the present View, where it is another, says of all that the edit is about what this one said."""
    now, changed = world.mirror.view, world.mirror.changes(version)
    around = zip(_AROUND(view), _AROUND(now), strict=True)
    about = {*edit.rests.resources, *edit.targets, *(name for request in edit.requests for name in request.resources)}
    return now is view or (changed is not None and about.isdisjoint(changed) and all(before is after for before, after in around))


_AROUND = attrgetter("cluster", "incarnations", "servers", "pools", "categories", "types", "unable", "set_back")
"""What else of a View decides where something may run."""


async def _commit(world: CommandContext, decide: Callable[[View], Awaitable[D]]) -> Committed[D]:
    begun: _Begun | None = None
    for _ in range(ATTEMPTS):
        decided = await decide(await world.mirror.refresh())
        view = world.mirror.view
        check_permitted(view, decided.edit, world.caller.who)
        # what was too much for one commit is gone on with where somebody came in between: nothing is written twice
        parts = [part for part in in_parts(decided.edit) if begun is None or part.names not in begun.names]
        written = await _write_parts(world, view, [] if decided.edit.empty else parts)
        if written.done or decided.edit.empty or not parts:
            begun = _more(begun or _Begun(before=view, revision=written.first), parts[: written.done])
        if begun is not None and (decided.edit.empty or written.done == len(parts)):
            if world.mirror.view.revision < written.last:
                await world.mirror.wait(written.last - 1, APPLY_S)
            return Committed(decided=decided, written=begun.edit, before=begun.before, revision=begun.revision)
    raise Refused(words(20062), code=20062)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """What a command has written so far."""

    before: View
    revision: int
    edit: Edit = field(default_factory=Edit)
    names: frozenset[frozenset[ResourceName]] = frozenset()
    """Of the parts that are written."""


def _more(begun: _Begun, parts: Sequence[EditPart]) -> _Begun:
    edit = together([begun.edit, *(part.edit for part in parts)])
    return replace(begun, edit=edit, names=begun.names | {part.names for part in parts})


async def _write_parts(world: CommandContext, view: View, parts: Sequence[EditPart]) -> PartsWritten:
    """Usually one commit."""
    begin = [Part(writes=begun)] if parts and (begun := _begun(world)) else []
    made = [Part(writes={**records(part.edit), **_history(world, part.edit)}, unchanged=conditions(part.edit)) for part in parts]
    made = [*begin, *made]
    try:
        written = await world.mirror.commit_parts(made, decided_on=view)
    except CommitTooLarge as error:
        raise Refused(words(20221, error), code=20221) from None
    if world.command is not None and written.done:
        world.command.wrote = True
    for part in made[: written.done] if world.rehearsal is None else ():
        for record in part.writes.values():
            if isinstance(record, Event):
                log_event(record)
    return replace(written, done=max(0, written.done - len(begin)))


@dataclass(frozen=True, slots=True)
class _Alone:
    edit: Edit


async def write(world: CommandContext, decide: Callable[[View], Edit]) -> int:
    """`commit` of what is no more than an edit; the revision."""
    return (await commit(world, lambda view: _Alone(decide(view)))).revision


def _begun(world: CommandContext) -> dict[str, Event]:
    """The line that says who does it goes with a command's first commit: no effect is without it."""
    trail = world.command
    if trail is None or trail.wrote or world.rehearsal is not None:
        return {}
    server = ServerName(world.settings.server)
    event = Event(
        wall=world.clock.wall(), server=server, kind=events.COMMAND, cause=f"by {trail.given.by(server)}", text=trail.typed,
        command=trail.id, given=trail.given,
    )  # fmt: skip
    return {history_key(event, world.number()): event}


def _history(world: CommandContext, edit: Edit) -> dict[str, Event]:
    """The lines for the history go with the commit, so that no lane's answer comes before them."""
    found: dict[str, Event] = {}
    for entry in edit.history:
        event = Event(
            wall=world.clock.wall(),
            server=ServerName(world.settings.server),
            kind=entry.kind,
            resource=entry.resource,
            cause=f"by {world.by}",
            text=excerpt(entry.text, EVENT_BYTES),
            command="" if world.command is None else world.command.id,
        )
        found[history_key(event, world.number())] = event
    return found
