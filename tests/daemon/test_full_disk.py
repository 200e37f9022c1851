"""A full disk ends no daemon: what it cannot write it says, once, and writes when there is room again."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from registry.backends import client_of
from support import wait_until
from understudy.daemon import remembered
from understudy.daemon.main import _write_pid
from understudy.daemon.mirror import Mirror
from understudy.daemon.remembered import Keeping
from understudy.errors import RegistryUnreachable
from understudy.model.names import Incarnation, ResourceName
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.registry import keys
from understudy.registry.sqlite import access
from understudy.registry.sqlite.server import RegistryServer
from understudy.registry.sqlite.store import Store
from understudy.registry.wire import PRESENT

ME = Incarnation("0" * 32)


class FullDisk:
    """Has no room until it is given some."""

    def __init__(self) -> None:
        self.full = True
        self.tried = 0
        self.content: bytes | None = None
        self.refused, self.written = asyncio.Event(), asyncio.Event()

    async def read(self) -> bytes | None:
        return self.content

    async def write(self, content: bytes) -> None:
        self.tried += 1
        if self.full:
            if self.tried == 5:
                self.refused.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.content = content
        self.written.set()


async def test_what_cannot_be_kept_on_a_full_disk_is_said_once(monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, Any]]) -> None:
    """It was said each second, into a log that fills the disk."""
    exchange_value(monkeypatch, remembered, "EVERY_S", 0.0)
    disk = FullDisk()
    keeping = Keeping(disk, PRESENT)
    running = asyncio.create_task(keeping.run(ME))
    keeping.changed(View(targets={ResourceName("db"): TargetRecord(target=Target.ONLINE)}))
    async with asyncio.timeout(5):
        await disk.refused.wait()
        disk.full = False
        await disk.written.wait()
        await asyncio.sleep(0)  # it goes on, and says so
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [line["event"] for line in logged] == ["held-not-kept", "held-kept"]
    assert logged[0]["why"] == "No space left on device"


def test_a_daemon_begins_where_it_can_write_no_file_about_itself(tmp_path: Path, logged: list[dict[str, Any]]) -> None:
    """A folder that is not there refuses a file as a full disk does: the guard knows its daemon by its connection."""
    assert _write_pid(str(tmp_path / "nowhere")) == -1
    assert [line["event"] for line in logged] == ["pid-not-written"]


async def test_a_registry_whose_disk_is_full_is_known_for_what_it_is(tmp_path: Path) -> None:
    """It answers, so it is not away; what it refuses is said, as long as it refuses."""
    big = TargetRecord(target=Target.ONLINE, by="x" * 200_000)
    with Store(tmp_path / "registry.db") as store:
        server = RegistryServer(store)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0)), key=None) as registry:
            mirror = Mirror(registry)
            await mirror.refresh()
            store._database.execute("PRAGMA max_page_count = 1")
            with pytest.raises(RegistryUnreachable):
                await mirror.commit({keys.target("db"): big}, decided_on=mirror.view)
            assert "full" in mirror.unwritable
            assert mirror.reachable
            store._database.execute("PRAGMA max_page_count = 100000")
            assert await mirror.commit({keys.target("db"): big}, decided_on=mirror.view) == 1
            assert mirror.unwritable == ""
        await server.close()


async def test_room_again_is_seen_by_who_has_nothing_to_write(tmp_path: Path) -> None:
    """It had tried once, and went on saying that nothing can be written while the others wrote."""
    big = TargetRecord(target=Target.ONLINE, by="x" * 200_000)
    with Store(tmp_path / "registry.db") as store:
        server = RegistryServer(store)
        async with client_of(access.show_endpoint(*await server.start("127.0.0.1", 0)), key=None) as registry:
            idle, busy = Mirror(registry), Mirror(registry)
            following = asyncio.create_task(idle.follow(lambda: None))
            await busy.refresh()
            await wait_until(lambda: idle.read_once, 5, "it follows")
            store._database.execute("PRAGMA max_page_count = 1")
            with pytest.raises(RegistryUnreachable):
                await idle.commit({keys.target("db"): big}, decided_on=idle.view)
            refused = idle.unwritable
            store._database.execute("PRAGMA max_page_count = 100000")
            await busy.commit({keys.target("other"): big}, decided_on=busy.view)
            await idle.wait(0, 5)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await server.close()

    assert "full" in refused
    assert idle.unwritable == ""
