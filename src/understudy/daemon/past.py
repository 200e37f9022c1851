"""Keeps the past on this server's disk: each commit of the registry as this daemon saw it, and what it decided as leader.

The mirror and the leader note what happens, at no cost but a reference; it is written beside the loop, once a second while anything
changes, and never while nothing does. A disk that is full or hangs costs the past, and says so once; it delays nobody. What was read anew
is noted by what differs. Bounds: `pastfile.py`. Must never write to the registry, and nobody waits for the disk but who asks about the
past.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from understudy.agents.aside import aside
from understudy.daemon.decisions import writes_of
from understudy.daemon.pastfile import PastBase, PastChanges, PastDecision, PastEntry, PastFiles, PastPart, PastReach
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.looks import Pages
from understudy.model.names import ServerName
from understudy.model.view import ClusterRecord, View
from understudy.policy.plan import Memory, Plan
from understudy.ports import Batch, Clock, Entry
from understudy.registry import keys, wire

EVERY_S = 1.0
"""The least time between two writes."""
AGAIN_S = 60.0
"""After a write that failed: what comes until then is not kept."""
WITHIN_S = 30.0
"""Of a disk."""
WAITING_BYTES = 4 << 20
"""What waits to be written; beyond it, what comes is not kept, and it goes on from what there is then."""
MOST_DECISIONS = 256
"""Of those that wait."""
_PASSED_OVER = (keys.BEAT, keys.HISTORY)
HeldNow = Callable[[], tuple[View, Mapping[ServerName, Pages]]]
"""What the registry holds by now, with the pages of each server's look."""


class Past:
    """One daemon's."""

    def __init__(self, files: PastFiles, clock: Clock) -> None:
        self.files = files
        self._clock = clock
        self._held: HeldNow = lambda: (View(), {})
        self._news = asyncio.Event()
        self._waiting: list[Callable[[], PastEntry]] = []
        self._bytes = self._decisions = 0
        self._begun = False
        """Whether what is noted follows something that is kept."""
        self._not_before = float("-inf")
        self._writing = asyncio.Lock()
        self.trouble = ""
        """Why it is not kept; empty: it is."""

    def follows(self, held: HeldNow) -> None:
        """Whose past it is."""
        self._held = held

    # --- what is noted ----------------------------------------------------------------------------------------------

    def taken(self, batch: Batch) -> None:
        """The mirror has taken in a commit."""
        self._note_changes(batch.revision, batch.changed, batch.deleted)

    def read_anew(self, revision: int, before: Mapping[str, int], entries: Collection[Entry]) -> None:
        """It has read everything; `before`: the revisions of what it knew."""
        now = {entry.key for entry in entries}
        changed = [entry for entry in entries if before.get(entry.key) != entry.revision]
        self._note_changes(revision, changed, [key for key in before if key not in now])

    def _note_changes(self, revision: int, changed: Collection[Entry], deleted: Collection[str]) -> None:
        values: dict[str, bytes | None] = {entry.key: entry.value for entry in changed if not entry.key.startswith(_PASSED_OVER)}
        values |= dict.fromkeys(key for key in deleted if not key.startswith(_PASSED_OVER))
        if not values:
            return
        if not self._begun:
            self._begin(follows=False)
            return
        if keys.CLUSTER in values:
            values[keys.CLUSTER] = _without_keys(values[keys.CLUSTER])
        wall, size = self._clock.wall(), sum(len(key) + len(value or b"") for key, value in values.items())
        self._note(lambda: PastChanges(wall, revision, values), size)

    def reached(self, reachable: bool) -> None:
        """The registry went away, or came back."""
        wall = self._clock.wall()
        if self._begun:
            self._note(lambda: PastReach(wall, reachable), 64)

    def decided(self, view: View, now: float, memory: Memory, plan: Plan, whole: bool) -> None:
        """The leader has decided something from this View, which is the present one."""
        if not self._begun or self._decisions >= MOST_DECISIONS:
            return
        self._decisions += 1
        wall, kept = self._clock.wall(), _copied(memory)
        self._note(lambda: _decision(wall, view, now, kept, plan, whole=whole), 1024 * len(plan.steps))

    def _begin(self, *, follows: bool) -> None:
        """Go on from all that there is."""
        if self._clock.monotonic() < self._not_before:
            return
        self._begun = True
        view, pages = self._held()
        wall = self._clock.wall()
        self._note(lambda: PastBase(wall, view.revision, base_of(view, pages), follows), 64)

    def _note(self, made: Callable[[], PastEntry], size: int) -> None:
        """`made` is called beside the loop."""
        if self._bytes + size > WAITING_BYTES:
            self._drop(f"more than {WAITING_BYTES >> 20} MiB wait for the disk", 0.0)
            return
        self._bytes += size
        self._waiting.append(made)
        self._news.set()

    # --- writing ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what is noted, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(EVERY_S)
            await self.settle()

    async def settle(self) -> None:
        """Everything that was noted until now is written, or it is known that it cannot be."""
        async with self._writing:
            self._news.clear()
            waiting, self._waiting, self._bytes, self._decisions = self._waiting, [], 0, 0
            if not waiting:
                return
            try:
                full = await aside(lambda: self.files.write([made() for made in waiting]), within_s=WITHIN_S, kind="past")
            except TimeoutError:
                self._drop("the disk does not answer", AGAIN_S)
            except (OSError, ValueError, LookupError) as error:
                self._drop(getattr(error, "strerror", None) or str(error), AGAIN_S)
            else:
                self._say("")
                if full:
                    self._begin(follows=True)

    def _drop(self, why: str, again_s: float) -> None:
        self._waiting, self._bytes, self._decisions, self._begun = [], 0, 0, False
        self._not_before = self._clock.monotonic() + again_s
        self._say(why)

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log(logevents.PAST_NOT_KEPT, why=trouble)
        elif self.trouble and not trouble:
            log(logevents.PAST_KEPT)
        self.trouble = trouble

    # --- reading ----------------------------------------------------------------------------------------------------

    async def parts(self) -> Sequence[PastPart]:
        """All files, with everything in them that was noted until now. TimeoutError, OSError."""
        await self.settle()
        return await aside(self.files.parts, within_s=WITHIN_S, kind="past")


def base_of(view: View, pages: Mapping[ServerName, Pages]) -> dict[str, bytes]:
    """Every record of a View as the registry holds it, by key; but for beats, history, and keys of guards."""
    records: dict[str, Any] = {} if view.cluster is None else {keys.CLUSTER: replace(view.cluster, rotation=None)}
    if view.leader is not None:
        records[keys.LEADER] = view.leader
    records |= {keys.server(name): server for name, server in view.servers.items()}
    records |= {keys.incarnation(name): record for name, record in view.incarnations.items()}
    records |= {keys.pool(name): pool for name, pool in view.pools.items()}
    records |= {keys.category(name): category for name, category in view.categories.items()}
    records |= {keys.type_(name): record for name, record in view.types.items()}
    records |= {keys.resource(name): definition for name, definition in view.definitions.items()}
    records |= {keys.target(name): target for name, target in view.targets.items()}
    records |= {keys.assignment(name): assignment for name, assignment in view.assignments.items()}
    records |= {keys.request(request.id): request for request in view.requests}
    records |= {keys.report(name, server): report for name, servers in view.reports.items() for server, report in servers.items()}
    records |= {keys.look(server, number): page for server, found in pages.items() for number, page in found.items()}
    return {key: wire.encode(record) for key, record in records.items()}


def _without_keys(value: bytes | None) -> bytes | None:
    """The cluster's record without the keys that are being exchanged, sealed though they are."""
    if value is None or b'"rotation":null' in value:
        return value
    try:
        return wire.encode(replace(wire.decode_as(ClusterRecord, value), rotation=None))
    except wire.Unreadable:
        return None


def _copied(memory: Memory) -> Memory:
    """Its maps go on changing."""
    return replace(
        memory, quiet_until=dict(memory.quiet_until), uncounted_at=dict(memory.uncounted_at), reported_since=dict(memory.reported_since),
        delays=dict(memory.delays),
    )  # fmt: skip


def _decision(wall: float, view: View, now: float, memory: Memory, plan: Plan, *, whole: bool) -> PastDecision:
    return PastDecision(
        wall=wall,
        term=0 if view.leader is None else view.leader.term,
        revision=view.revision,
        now=now,
        memory=msgspec.to_builtins(memory),
        unable={incarnation: msgspec.to_builtins(said) for incarnation, said in view.unable.items()},
        writes=encoded_writes(view, plan),
        notes=[(note.kind, note.resource or "", note.on or "") for step in plan.steps for note in step.notes],
        whole=whole,
    )


def encoded_writes(view: View, plan: Plan) -> dict[str, bytes | None]:
    """What a plan writes, by key, as the registry holds it; None: deleted."""
    writes = {key: record for step in plan.steps for key, record in writes_of(view, step).items()}
    found = {key: None if record is None else wire.encode(record) for key, record in sorted(writes.items())}
    return {key: _without_keys(value) if key == keys.CLUSTER else value for key, value in found.items()}
