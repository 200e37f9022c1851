"""What a server keeps on its own disk, so that its next daemon restarts locally what runs here while the registry is away (S8).

Kept is what concerns the resources of which this incarnation is the sole holder, what these stand on, and local resources; and it is used
by a daemon of that very incarnation alone, before it has read the registry. Why that satisfies S2: docs/design/0006-able.md.
Called by `daemon/node.py`. It never writes to the registry, and nobody waits for the disk.
"""

import asyncio
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from operator import is_not
from pathlib import Path
from typing import Any

from understudy.errors import UnderstudyError
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.cardinality import instance_here
from understudy.model.namers import NOBODY, namers
from understudy.model.names import Incarnation, ResourceName, number_of, registered_name
from understudy.model.state import Target
from understudy.model.view import Assignment, View
from understudy.ports import Disk, Entry
from understudy.registry import keys
from understudy.registry.wire import Formats

FORMAT = 1
LONGEST = 8 << 20
"""Bytes. A server that holds more than fits keeps nothing, and says so in its log."""
EVERY_S = 1.0
"""The least time between two writes."""


class FileDisk:
    """The Disk port: one file, replaced at once; written in a thread, for a disk may hang."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes | None:
        """See ports.Disk."""
        return await asyncio.to_thread(self._content)

    def _content(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST + 1)
        except OSError:
            return None

    async def write(self, content: bytes) -> None:
        """See ports.Disk."""
        await asyncio.to_thread(self._replace, content)

    def _replace(self, content: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)


class Keeping:
    """Keeps the file up to date."""

    def __init__(self, disk: Disk, formats: Formats) -> None:
        self._disk = disk
        self._formats = formats
        self._news = asyncio.Event()
        self._written = b""
        self._view = View()
        self._worth: tuple[object, ...] = ()
        self._encoded: Encoded = {}
        self._names: set[ResourceName] | None = None
        """Of whom the View may say something else than when it was last kept; None: of anybody."""
        self._around: tuple[object, ...] = ()
        """What else is kept."""
        self.trouble = ""
        """Why what this server holds is not on its disk; empty: it is."""

    def changed(self, view: View, names: Collection[ResourceName] | None = None) -> None:
        """There is a new View; a report alone is not worth a write. `names`: of whom it may say something else; None: of anybody."""
        if names is None or self._names is None:
            self._names = None
        else:
            self._names.update(names)  # not a copy for each View: a start of thousands is as many of them
        worth = (view.definitions, view.types, view.targets, view.assignments, view.incarnations)
        self._view = view
        if len(worth) != len(self._worth) or any(before is not other for before, other in zip(worth, self._worth, strict=True)):
            self._worth = worth
            self._news.set()

    async def run(self, incarnation: Incarnation) -> None:
        """Write what is new, at most every EVERY_S, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._is_news(self._view, incarnation):
                await self._keep(kept(self._view, incarnation, self._formats, self._encoded))
            await asyncio.sleep(EVERY_S)

    async def _keep(self, content: bytes) -> None:
        trouble = f"it takes {len(content) >> 20} MiB, {LONGEST >> 20} are kept" if len(content) > LONGEST else ""
        content = b"" if trouble else content
        if content == self._written:
            return
        try:
            await self._disk.write(content)
            self._written = content
            self._say(trouble)
        except OSError as error:
            self._say(error.strerror or str(error))
            self._names = None
            self._news.set()

    def _is_news(self, view: View, incarnation: Incarnation) -> bool:
        """Whether anything of what this server keeps has changed: most of what is registered concerns others."""
        names, self._names = self._names, set()
        around, self._around = self._around, (view.incarnations, view.types, view.cluster)
        if names is None or len(around) != len(self._around) or any(map(is_not, around, self._around)) or self.trouble:
            return True
        by = namers(view.resources)
        names = set(map(registered_name, names))
        needed = (other for name in names for other in (name, *by.get(name, NOBODY)))
        return any(keys.resource(name) in self._encoded for name in needed) or any(_is_kept(view, name, incarnation) for name in names)

    def _say(self, trouble: str) -> None:
        """Why nothing can be kept, once, and once that it can be again: it is tried each second."""
        if trouble and trouble != self.trouble:
            log(logevents.HELD_NOT_KEPT, why=trouble)
        elif self.trouble and not trouble:
            log(logevents.HELD_KEPT)
        self.trouble = trouble


Encoded = dict[str, tuple[object, str]]
"""Key -> a record, and the value that was made of it."""


def kept(view: View, incarnation: Incarnation, formats: Formats, encoded: Encoded | None = None) -> bytes:
    """The file's content: the registry's own values of what this incarnation may restart by itself. `encoded`: those that were made before,
    and in the end those that are in it."""
    mine = [name for name in view.assignments if _is_mine(view, name, incarnation)]
    known = _with_what_they_need(
        view, [*map(registered_name, mine), *(name for name, resource in view.resources.items() if resource.local)]
    )
    records: dict[str, object] = {keys.incarnation(name): record for name, record in view.incarnations.items()}
    records |= {f"{keys.TYPE}{name}": type_record for name, type_record in view.types.items()}
    records |= {keys.resource(name): view.definitions[name] for name in known}
    records |= {keys.target(name): view.targets[name] for name in known if name in view.targets}
    records |= {keys.assignment(name): view.assignments[name] for name in mine}
    records |= {keys.report(name, server): report for name in known for server, report in view.reports.get(name, {}).items()}
    if view.cluster is not None:
        records[keys.CLUSTER] = view.cluster  # in which era these assignments stand
    before, made = {} if encoded is None else encoded, Encoded()
    for key, record in sorted(records.items()):
        known_record, _ = made[key] = before.get(key, (None, ""))
        if known_record is not record:
            made[key] = (record, formats.encode(_bare(record), formats.newest).decode())
    if encoded is not None:
        encoded.clear()
        encoded.update(made)
    values = {key: value for key, (_, value) in made.items()}
    return json.dumps({"format": FORMAT, "incarnation": incarnation, "entries": values}).encode()


def _bare(record: Any) -> Any:
    return replace(record, proofs=()) if isinstance(record, Assignment) else record


def _is_mine(view: View, name: ResourceName, incarnation: Incarnation) -> bool:
    assignment = view.assignments.get(name)
    return assignment is not None and assignment.sole_holder(incarnation) and _wanted(view, name)


def _is_kept(view: View, name: ResourceName, incarnation: Incarnation) -> bool:
    held = instance_here(view, name, incarnation)
    return (name in view.resources and view.resources[name].local) or (held is not None and _is_mine(view, held, incarnation))


def recalled(content: bytes | None, incarnation: Incarnation, epochs: Mapping[ResourceName, int], formats: Formats) -> tuple[Entry, ...]:
    """What a daemon of this incarnation may begin with; nothing if the file is another's, or cannot be read.

    An assignment counts only if the guard remembers its very epoch: it was started under it here, and no release was attempted since.
    """
    try:
        found = json.loads(content or b"{}")
        if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("incarnation") != incarnation:
            return ()
        entries = tuple(Entry(key, value.encode(), 0) for key, value in found["entries"].items())
        return tuple(entry for entry in entries if _stands(entry, epochs, formats))
    except (ValueError, KeyError, AttributeError, TypeError, UnderstudyError) as error:
        log(logevents.HELD_UNREADABLE, why=repr(error))
        return ()


def _stands(entry: Entry, epochs: Mapping[ResourceName, int], formats: Formats) -> bool:
    record = formats.decode(entry.key, entry.value)
    if not entry.key.startswith(keys.ASSIGNMENT):
        return True
    return epochs.get(registered_name(ResourceName(entry.key.removeprefix(keys.ASSIGNMENT)))) == getattr(record, "epoch", None)


def _wanted(view: View, name: ResourceName) -> bool:
    base = registered_name(name)
    resource, record = view.resources.get(base), view.targets.get(base)
    return resource is not None and resource.enabled and record is not None and record.of(number_of(name)) is Target.ONLINE


def _with_what_they_need(view: View, names: Iterable[ResourceName]) -> list[ResourceName]:
    found: dict[ResourceName, None] = {}
    border = [member for member in names if member in view.resources]
    while border:
        name = border.pop()
        if name in found:
            continue
        found[name] = None
        resource = view.resources[name]
        border += [
            other for dependency in (*resource.start, *resource.stop) if (other := ResourceName(dependency.entity)) in view.resources
        ]
    return sorted(found)
