"""What a server keeps on its own disk, so that its next daemon restarts locally what runs here while the registry is away (S8).

Kept is what concerns the resources of which this incarnation is the sole holder, what these stand on, and local resources; and it is used
by a daemon of that very incarnation alone, before it has read the registry. Why that satisfies S2: docs/design/0006-able.md.
Called by `daemon/node.py`. It never writes to the registry, and nobody waits for the disk.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from understudy.errors import UnderstudyError
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Target
from understudy.model.view import View
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
        self.trouble = ""
        """Why what this server holds is not on its disk; empty: it is."""

    def changed(self, view: View) -> None:
        """There is a new View; a report alone is not worth a write."""
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
            content = kept(self._view, incarnation, self._formats)
            trouble = f"it takes {len(content) >> 20} MiB, {LONGEST >> 20} are kept" if len(content) > LONGEST else ""
            content = b"" if trouble else content
            if content != self._written:
                try:
                    await self._disk.write(content)
                    self._written = content
                    self._say(trouble)
                except OSError as error:
                    self._say(error.strerror or str(error))
                    self._news.set()
            await asyncio.sleep(EVERY_S)

    def _say(self, trouble: str) -> None:
        """Why nothing can be kept, once, and once that it can be again: it is tried each second."""
        if trouble and trouble != self.trouble:
            log(logevents.HELD_NOT_KEPT, why=trouble)
        elif self.trouble and not trouble:
            log(logevents.HELD_KEPT)
        self.trouble = trouble


def kept(view: View, incarnation: Incarnation, formats: Formats) -> bytes:
    """The file's content: the registry's own values of what this incarnation may restart by itself."""
    mine = [name for name, assignment in view.assignments.items() if assignment.sole_holder(incarnation) and _wanted(view, name)]
    known = _with_what_they_need(view, [*mine, *(name for name, resource in view.resources.items() if resource.local)])
    records: dict[str, object] = {keys.incarnation(name): record for name, record in view.incarnations.items()}
    records |= {f"{keys.TYPE}{name}": type_record for name, type_record in view.types.items()}
    records |= {keys.resource(name): view.definitions[name] for name in known}
    records |= {keys.target(name): view.targets[name] for name in known if name in view.targets}
    records |= {keys.assignment(name): replace(view.assignments[name], proofs=()) for name in mine}
    records |= {keys.report(name, server): report for name in known for server, report in view.reports.get(name, {}).items()}
    if view.cluster is not None:
        records[keys.CLUSTER] = view.cluster  # in which era these assignments stand
    values = {key: formats.encode(record, formats.newest).decode() for key, record in sorted(records.items())}  # type: ignore[arg-type]
    return json.dumps({"format": FORMAT, "incarnation": incarnation, "entries": values}).encode()


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
    return epochs.get(ResourceName(entry.key.removeprefix(keys.ASSIGNMENT))) == getattr(record, "epoch", None)


def _wanted(view: View, name: ResourceName) -> bool:
    return view.target(name) is Target.ONLINE and name in view.resources and view.resources[name].enabled


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
