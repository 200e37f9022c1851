"""The mirror: this daemon's copy of the registry, as one View, and the only way in which the daemon writes.

Owns the entries and their revisions; built from `registry/keys.py` and `registry/wire.py`. The loops (leader, lanes, verbs) read
`mirror.view` and commit through it, so that every write is conditional on what its writer had seen (S7), and in a format that all can
read (docs/design/0002-rolling-upgrades.md). It never decides.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from understudy.daemon.entries import ChangedNames, Entries
from understudy.daemon.parts import Part, PartsWritten, PreparedCommit, check, together
from understudy.daemon.records import Records
from understudy.daemon.standing import how_it_was_rewritten, how_it_went_back, standing_of
from understudy.errors import Compacted, RegistryFailed, RegistryUnreachable
from understudy.model.looks import Pages
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import NOWHERE, Position, went_back
from understudy.model.state import PROVEN
from understudy.model.view import Assignment, Event, IncarnationRecord, Unable, View
from understudy.ports import Batch, CommitCondition, Conflict, Entry, PastPort, Registry, Write
from understudy.registry import keys
from understudy.registry.commits import Commit
from understudy.registry.wire import PRESENT, Formats, Unreadable

RETRY_S = 0.1
"""Pause before the registry is tried again."""
OLDEST = 1
"""Of the formats."""
PAGE_BYTES = 256 * 1024
"""Of the history, read at once."""
CATCH_UP_S = 1.0
"""How long a commit waits for the watch to bring what came before it."""

BATCHES_AT_ONCE = 32
"""So many are taken in before others have their turn."""
VIEWS_REMEMBERED = 4_096
"""Of so many it is known what each changed: who looks less often goes through everything."""


class Mirror:
    """A View that follows the registry. `view` is replaced, never changed."""

    def __init__(self, registry: Registry, *, formats: Formats = PRESENT, servers: Collection[ServerName] = ()) -> None:
        """`servers`: those that are expected back when they are off."""
        self._registry = registry
        self.servers = servers
        self.formats = formats
        self._revisions: dict[str, int] = {}
        self._entries = Entries()
        self.records = Records()
        self._unread = asyncio.Event()
        """The history has to be read."""
        self._watched = 0
        """Up to which revision every commit has come, one by one."""
        self._live = False
        """Whether they come."""
        self._news, self._facts = asyncio.Event(), asyncio.Event()
        self._on_change: Callable[[], None] = lambda: None
        self.view = View()
        self.version = 0
        """Grows with every View."""
        self._changed: deque[ChangedNames] = deque(maxlen=VIEWS_REMEMBERED)
        """What each version changed, the newest last."""
        self._me: Incarnation | None = None
        self._acted = 0
        """The newest revision of what names this incarnation."""
        self._known = NOWHERE
        """Where the registry was seen to be, by this daemon or, as its guard remembers, by one before it: it never goes back."""
        self.read_once = False
        """S2: whether the registry was read, linearizably, in this daemon's life."""
        self.remembered = False
        """Whether the View is what this very incarnation kept on its disk, as long as the registry was not read."""
        self.rereads = 0
        """How often everything was read anew."""
        self.reachable = False
        self.unwritable = ""
        """Why the last commit was refused by a registry that answers: its disk is full, say."""
        self.past: PastPort | None = None
        """Who keeps what is taken in."""

    # --- following --------------------------------------------------------------------------------------------------

    async def refresh(self) -> View:
        """A View that is no older than this call. RegistryUnreachable, Unreadable.

        As long as every commit comes by itself the registry is asked only how far it is: reading it takes as long as it is large.
        """
        if self._live:
            asked_at = self.view.revision
            revision, _ = await self._registry.read(keys.BEAT)
            if revision >= asked_at:
                view = await self.wait(revision - 1, CATCH_UP_S)
                if self._live and view.revision >= revision:
                    return view
        return await self.read_all()

    async def read_all(self) -> View:
        """Read everything but the history, linearizably, and answer the View of it. RegistryUnreachable, Unreadable."""
        asked_at = self.view.revision
        revision, entries = await self._registry.read("", without=keys.HISTORY)
        # an answer that the watch has overtaken is only late; one that is older than the question is another registry's
        if revision >= self.view.revision or revision < asked_at:
            self._replace(revision, entries)
        self.read_once, self.remembered, self.reachable = True, False, True
        return self.view

    async def follow(self, on_change: Callable[[], None], on_reach: Callable[[bool], None] = lambda _: None) -> None:
        """Follow the registry until cancelled; `on_change` after every new View, `on_reach` when the registry goes away or comes back.

        Unreadable ends it: a daemon that cannot read one value does not know the state.
        """
        self._on_change = on_change
        history = asyncio.create_task(self._read_history(), name="history")
        try:
            await self._follow(on_change, on_reach)
        finally:
            self._live = False
            history.cancel()
            await asyncio.gather(history, return_exceptions=True)

    async def _follow(self, on_change: Callable[[], None], on_reach: Callable[[bool], None]) -> None:
        while True:
            try:
                view = await self.read_all()
                self._watched = min(self._watched or view.revision, view.revision)
                self.read_history_anew()
                on_reach(True)
                on_change()
                self._live = True
                async for batch in self._registry.watch("", self.view.revision):
                    self._apply(batch)
                    self.unwritable = ""  # somebody's commit was taken: whoever has nothing to write must not go on saying that none is
                    self._watched = batch.revision
                    on_change()
                    if self.version % BATCHES_AT_ONCE == 0:
                        await asyncio.sleep(0)  # thousands may have come together, and nobody waits for them
            except Compacted:
                self._live = False
                continue  # it cannot go on from there, and says so: it is there, and is read anew
            except RegistryUnreachable:
                self.reachable = self._live = False
                on_reach(False)
                await asyncio.sleep(RETRY_S)

    async def _read_history(self) -> None:
        """After everything was read anew the history is read as well, page by page. Nothing that decides or acts waits for it."""
        while True:
            await self._unread.wait()
            self._unread.clear()
            after = ""
            while not self._unread.is_set():
                try:
                    _, page = await self._registry.read(keys.HISTORY, after=after, limit_bytes=PAGE_BYTES)
                except RegistryUnreachable:
                    await asyncio.sleep(RETRY_S)
                    continue
                if self._unread.is_set():
                    break
                fresh = [entry for entry in page if entry.key > after]  # a registry that knows no pages answers all of it each time
                self._take_history(fresh, ())
                self._wake_waiting()
                if not fresh or len(fresh) < len(page):
                    self.records.complete = True
                    break
                after = fresh[-1].key

    def read_history_anew(self) -> None:
        """What is known of it may not be what the registry has."""
        self.records.begin(self._watched)
        self._unread.set()

    async def wait(self, after: int, timeout_s: float) -> View:
        """The first View with a revision greater than `after`, or that was read anew, or the present one when the time is over."""
        rereads = self.rereads
        if self.view.revision > after:
            return self.view
        try:
            async with asyncio.timeout(timeout_s):
                while self.view.revision <= after and self.rereads == rereads:
                    await self._news.wait()
        except TimeoutError:
            pass
        return self.view

    async def changed(self, since: View, timeout_s: float) -> View:
        """The first View that says something else than this one, or the present one when the time is over. The leader's beats and lines of
        the history wake nobody here."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.view.same_facts(since):
                    await self._facts.wait()
        return self.view

    async def events(self, from_revision: int) -> AsyncIterator[tuple[int, Event]]:
        """History events written after a revision, in order, as they come."""
        since, rereads, seen = from_revision, self.rereads, 0
        while True:
            news = self._news
            if self.rereads != rereads:  # it may have gone back: its revisions are others, and what arrives from now on is news
                since, rereads = 0, self.rereads
            for arrival in self.records.arrivals(seen):
                seen = arrival.number
                if arrival.revision > since:
                    yield arrival.revision, arrival.event
            if self.records.newest == seen and self.rereads == rereads:
                await news.wait()

    def history(self) -> list[Event]:
        """The events that this daemon has in memory, oldest first."""
        return self.records.events()

    @property
    def broken(self) -> Mapping[str, str]:
        """Resources whose definition cannot be resolved: name -> why (shown, never acted on)."""
        return self._entries.broken

    def look_pages(self, server: ServerName) -> Pages:
        """Every page of a server's look that the registry has, those that count for nothing, too."""
        return self._entries.pages(server)

    def changes(self, since: int) -> ChangedNames:
        """Resources of which the View may say something else than at that version: their definitions, TARGETs, assignments, reports,
        requests, and what was looked at. None: any. Other facts are compared by identity."""
        behind = self.version - since
        if behind > len(self._changed):
            return None
        names: set[ResourceName] = set()
        for place in range(1, behind + 1):
            changed = self._changed[-place]
            if changed is None:
                return None
            names |= changed
        return frozenset(names)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def commit(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> int | None:
        """Write records (None deletes) if neither these keys, nor those in `unchanged`, nor the era have changed since `decided_on`.

        The conditions are taken at the call from what the mirror knows then: whatever was decided on an older View is a conflict (None:
        decide anew). RegistryUnreachable: unknown; CommitTooLarge: nothing was written.
        """
        if not writes:
            return self.view.revision
        prepared = self.prepared(writes, decided_on=decided_on, unchanged=unchanged)
        return None if prepared is None else await self.send(prepared)

    def prepared(self, writes: Mapping[str, Any], *, decided_on: View, unchanged: Iterable[str] = ()) -> PreparedCommit | None:
        """`commit` for several that are decided from one View and sent beside each other: the conditions of each are taken now, and `send`
        sends it. None: `decided_on` is not the present View any more, decide anew. RegistryUnreachable."""
        if decided_on is not self.view:
            return None
        return PreparedCommit(self._conditional(writes, (*unchanged, keys.CLUSTER)), self.rereads)

    async def send(self, prepared: PreparedCommit) -> int | None:
        """See `commit`, which says what comes of it. What was read anew since, or is noticed to be another registry, is a conflict: the
        conditions are those of the one before."""
        writes = prepared.commit.writes
        if not writes:
            return self.view.revision
        if prepared.reading != self.rereads or (self.view.set_back and all(write.key != keys.CLUSTER for write in writes)):
            return None
        return await self._send(prepared.commit)

    async def commit_parts(self, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        """The same for parts that hold each for itself: in as many commits as it takes, in their order, until one conflicts. What is in
        `unchanged` every part rests on; the conditions of later commits, too, are taken at the call."""
        if decided_on is not self.view:
            return PartsWritten(done=0, first=self.view.revision, last=self.view.revision)
        made = [self._conditional(part.writes, part.unchanged) for part in parts]
        shared = self._conditional({}, (*unchanged, keys.CLUSTER)).conditions
        done, revisions = 0, [self.view.revision]
        for count, commit in together(shared, made, self._registry.bound):
            if self.view.set_back:
                break  # noticed since: the conditions are those of another registry
            revision = await self._send(commit)
            if revision is None:
                break
            done += count
            revisions.append(revision)
        return PartsWritten(done=done, first=revisions[min(1, len(revisions) - 1)], last=revisions[-1])

    @property
    def most_writes(self) -> int:
        """How many records one commit of this daemon may write, less one for each key that it rests on besides."""
        return self._registry.bound.operations - 1

    def _conditional(self, writes: Mapping[str, Any], unchanged: Iterable[str]) -> Commit:
        """A commit as it is sent, resting on what the mirror has seen until now."""
        if not self.read_once:
            raise RegistryUnreachable("the registry was not read yet, so who reads what is written now is not known")
        if self.view.set_back and writes and keys.CLUSTER not in writes:
            raise RegistryUnreachable(f"nothing is written until a new era has begun: {self.view.set_back}")
        number = self.formats.common(self._readers())
        conditions = (CommitCondition(key, self._revision_of(key)) for key in dict.fromkeys((*writes, *unchanged)))
        changes = (Write(key, None if record is None else self.formats.encode(record, number)) for key, record in writes.items())
        return Commit(tuple(conditions), tuple(changes))

    async def _send(self, commit: Commit) -> int | None:
        changing = any(write.value is not None or self.known(write.key) for write in commit.writes)
        check(commit, self._registry.bound)
        try:
            answer = await self._registry.commit(commit.conditions, commit.writes)
        except RegistryFailed as error:
            self.unwritable = str(error)
            raise
        self.unwritable = ""
        if isinstance(answer, Conflict):
            return None
        if changing:
            await self._catch_up(answer, commit.writes)
        else:  # nothing was there to delete: the revision is that of somebody else's commit, which the watch has yet to bring
            await self.wait(answer - 1, CATCH_UP_S)
        return answer

    async def _catch_up(self, revision: int, changes: Iterable[Write]) -> None:
        """Who commits sees its own writes: a next commit decided on an older View would only conflict."""
        if revision == self.view.revision + 1:
            changed = tuple(Entry(change.key, change.value, revision) for change in changes if change.value is not None)
            self._apply(Batch(revision, changed, tuple(change.key for change in changes if change.value is None)))
            self._on_change()
        elif revision > self.view.revision:
            await self.wait(revision - 1, CATCH_UP_S)

    def _readers(self) -> list[int]:
        """The newest format that each may read who comes to see what is written now: who is not proved gone, and the servers that are
        expected, in the version they had. One that was never seen may be of the oldest: the registry may have been recreated under it."""
        records = self.view.incarnations.values()
        seen = {record.server for record in records}
        known = [record.format for record in records if record.life not in PROVEN or record.server in self.servers]
        return [*known, *(OLDEST for server in self.servers if server not in seen)]

    def known(self, key: str) -> bool:
        """Whether the registry has this key, as far as the mirror knows."""
        return self._revision_of(key) > 0

    async def has(self, key: str) -> bool:
        """Whether the registry has this key now. RegistryUnreachable."""
        _, entries = await self._registry.read(key, limit_bytes=1)
        return bool(entries) and entries[0].key == key

    def _revision_of(self, key: str) -> int:
        return self._revisions.get(key, 0) or self.records.revision(key)

    def note_unable(self, incarnation: Incarnation, unable: Unable | None, server: ServerName) -> None:
        """What this server's guard has received about another's ability to act (None: it can); of each server the newest message counts."""
        others = {other: said for other, said in self.view.unable.items() if said.server != server}
        if unable is not None:
            others[incarnation] = unable
        if others != self.view.unable:
            self._put_up(replace(self.view, unable=others), frozenset())
            self._on_change()

    # --- whether it is the same registry ----------------------------------------------------------------------------

    def act_as(self, incarnation: Incarnation) -> None:
        """Whose daemon this is: what names it is what it acts on."""
        self._me = incarnation
        named = [keys.assignment(name) for name, assignment in self.view.assignments.items() if self._names(assignment)]
        self._acted = max(self._revisions.get(key, 0) for key in (keys.incarnation(incarnation), *named))

    @property
    def position(self) -> Position:
        """What this incarnation acts on (`model/position.py`)."""
        if self.view.set_back or not self._acted:
            return NOWHERE
        return standing_of(self.view)._replace(revision=self._acted)

    def standing(self, *named: str) -> Position:
        """Where the registry is; with names of keys: as of the newest of these and of all assignments, and of the cluster's record, which
        is written when assignments are deleted."""
        if not named:
            return standing_of(self.view)
        named = (*named, keys.CLUSTER)
        acted = [revision for key, revision in self._revisions.items() if key.startswith(keys.ASSIGNMENT) or key in named]
        return standing_of(self.view)._replace(revision=max(acted, default=0))

    @property
    def known_era(self) -> int:
        """The newest era that was ever seen here."""
        return self._known.era

    def was_seen_at(self, known: Position) -> None:
        """What this server's guard remembers of daemons before this one."""
        if not self.read_once:
            self._known = known
        elif went_back(known, self.standing()):
            self.notice(how_it_went_back(known, self.standing()), known)

    def notice(self, why: str, known: Position) -> None:
        """It is another registry than one in which somebody has acted: nobody acts on it until a new era has begun."""
        if known.era > self._known.era:
            self._known = known
        self._show(replace(self.view, set_back=self.view.set_back or why), frozenset())
        self._on_change()

    def _judged(self, before: Mapping[str, int], view: View) -> View:
        """After everything was read anew: whether it went back. `before`: the revisions of all keys that were known."""
        now, back = standing_of(view), view.set_back
        if back and now.era > self._known.era:
            back = ""
        elif not back and went_back(self._known, now):
            back = how_it_went_back(self._known, now)
        elif not back and now.era == self._known.era:
            back = how_it_was_rewritten(before, self._revisions, self._known, self._me)
        if not back:
            self._known = now
        return replace(view, set_back=back)

    def _names(self, assignment: Assignment) -> bool:
        return any(holder.incarnation == self._me for holder in (*assignment.holders, assignment.owner) if holder is not None)

    def remember(self, entries: Iterable[Entry]) -> None:
        """Begin with what this incarnation kept on its disk; what is read from the registry replaces it."""
        if not self.read_once:
            self._entries.clear()
            self._show(self._taken(View(unable=self.view.unable), 0, entries, ())[0], None)
            self.remembered = True

    # --- assembling -------------------------------------------------------------------------------------------------

    def _replace(self, revision: int, entries: Collection[Entry]) -> None:
        self.rereads += 1
        before, self._revisions = self._revisions, {}
        self._acted = 0
        self._entries.clear()
        blank = View(unable=self.view.unable, set_back=self.view.set_back)
        view, _ = self._taken(blank, revision, sorted(entries, key=lambda entry: entry.revision), ())
        self._show(self._judged(before, view), None)
        if self.past is not None:
            self.past.read_anew(revision, before, entries)

    def _apply(self, batch: Batch) -> None:
        self._take_history(batch.changed, batch.deleted)
        if batch.revision <= self.view.revision:
            self._wake_waiting()  # a reading has overtaken it, but for its events
            return
        view, names = self._taken(self.view, batch.revision, batch.changed, batch.deleted)
        if view.set_back and standing_of(view).era > self._known.era:
            view = replace(view, set_back="")  # somebody has begun a new era
        if not view.set_back:
            self._known = standing_of(view)
        self._show(view, names)
        if self.past is not None:
            self.past.taken(batch)

    def _taken(self, view: View, revision: int, changed: Iterable[Entry], deleted: Iterable[str]) -> tuple[View, ChangedNames]:
        records: list[tuple[str, Any]] = []
        for entry in changed:
            if entry.key.startswith(keys.HISTORY):
                continue
            self._revisions[entry.key] = entry.revision
            record = self.formats.decode(entry.key, entry.value)
            records.append((entry.key, record))
            own = isinstance(record, IncarnationRecord) and record.incarnation == self._me
            if own or (isinstance(record, Assignment) and self._names(record)):
                self._acted = max(self._acted, entry.revision)
        for key in deleted:
            self._revisions.pop(key, None)
            records.append((key, None))
        return self._entries.taken(view, revision, records)

    def _take_history(self, changed: Iterable[Entry], deleted: Iterable[str]) -> None:
        """Who cannot read one line of the history goes on without it."""
        for entry in changed:
            if not entry.key.startswith(keys.HISTORY):
                continue
            try:
                event = self.formats.decode(entry.key, entry.value)
            except Unreadable:
                event = None
            self.records.put(entry.key, entry.revision, entry.size, event if isinstance(event, Event) else None)
        for key in deleted:
            self.records.drop(key)

    def _show(self, view: View, names: ChangedNames) -> None:
        self._put_up(view, names)
        self._wake_waiting()

    def _put_up(self, view: View, names: ChangedNames) -> None:
        if not view.same_facts(self.view):
            self._facts.set()
            self._facts = asyncio.Event()
        self.view = view
        self.version += 1
        self._changed.append(names)

    def _wake_waiting(self) -> None:
        """Whoever waits for something new looks again."""
        self._news.set()
        self._news = asyncio.Event()
