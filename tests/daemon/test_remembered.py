"""What a server keeps on its own disk."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cutting import exchange_value
from understudy.daemon import remembered
from understudy.daemon.remembered import FileDisk, Keeping, kept, recalled
from understudy.model.names import Incarnation, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.state import Life, Target
from understudy.model.view import Assignment, Definition, Holder, IncarnationRecord, TargetRecord, View
from understudy.registry import keys
from understudy.registry.wire import PRESENT

ME, OTHER = Incarnation("1" * 32), Incarnation("2" * 32)
DB, WEB, VIP = ResourceName("db"), ResourceName("web"), ResourceName("vip")


def view(target: Target = Target.ONLINE) -> View:
    """db stands on vip and is held here; web is held elsewhere."""
    given = {DB: {"START_DEPENDENCIES": "hard(vip)"}, WEB: {}, VIP: {}}
    definitions = {
        name: Definition(name=name, type=TypeName("cluster_resource"), uid=f"uid-{name}", attributes=attributes)
        for name, attributes in given.items()
    }
    holders = {DB: ("ctr1", ME), WEB: ("ctr2", OTHER)}
    held = {name: Holder(server=ServerName(server), incarnation=incarnation, epoch=3) for name, (server, incarnation) in holders.items()}
    return View(
        definitions=definitions,
        resources={name: resolve(definition, {}) for name, definition in definitions.items()},
        targets={name: TargetRecord(target=target) for name in definitions},
        assignments={name: Assignment(resource=name, epoch=3, owner=holder, holders=(holder,)) for name, holder in held.items()},
        incarnations={ME: IncarnationRecord(incarnation=ME, server=ServerName("ctr1"), life=Life.ONLINE)},
    )


def found(content: bytes | None, incarnation: Incarnation = ME, epoch: int = 3) -> set[str]:
    """The keys that a daemon may begin with."""
    return {entry.key for entry in recalled(content, incarnation, {DB: epoch}, PRESENT)}


def test_what_is_held_here_is_kept_with_what_it_stands_on_and_nothing_else() -> None:
    """Definition, TARGET and assignment of db, the definition of vip; nothing of web."""
    keys_found = found(kept(view(), ME, PRESENT))

    assert keys_found >= {keys.assignment(DB), keys.resource(DB), keys.resource(VIP), keys.target(DB), keys.incarnation(ME)}
    assert not {key for key in keys_found if WEB in key}
    assert keys.assignment(VIP) not in keys_found


def test_what_is_not_wanted_is_not_kept() -> None:
    """TARGET OFFLINE: nothing is to be restarted."""
    assert keys.assignment(DB) not in found(kept(view(Target.OFFLINE), ME, PRESENT))


def test_another_life_and_another_epoch_count_for_nothing() -> None:
    """Only what this very incarnation was given, and its guard remembers."""
    content = kept(view(), ME, PRESENT)

    assert found(content, OTHER) == set()
    assert keys.assignment(DB) not in found(content, epoch=4)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "incarnation": "11", "entries": 1}'])
def test_what_cannot_be_read_is_nothing(content: bytes | None) -> None:
    """A damaged file is no reason to fail."""
    assert found(content, Incarnation("11")) == set()


class QueuedDisk(FileDisk):
    """A disk that says what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written: asyncio.Queue[bytes] = asyncio.Queue()

    async def write(self, content: bytes) -> None:
        """See ports.Disk."""
        await super().write(content)
        self.written.put_nowait(content)


async def test_what_is_new_is_written_but_for_a_report_and_too_much_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has a bound; beyond it nothing is kept, rather than something old."""
    disk, seen = QueuedDisk(tmp_path / "state" / "held.json"), view()
    keeping = Keeping(disk, PRESENT)
    exchange_value(monkeypatch, remembered, "EVERY_S", 0.0)
    work = asyncio.create_task(keeping.run(ME))
    async with asyncio.timeout(30):
        keeping.changed(seen)
        first = await disk.written.get()
        keeping.changed(replace(seen, reports={DB: {}}))
        exchange_value(monkeypatch, remembered, "LONGEST", 10)
        keeping.changed(view(Target.OFFLINE))
        second = await disk.written.get()
    work.cancel()

    assert found(first)
    assert (second, await disk.read()) == (b"", b"")
