"""A server's part in an exchange of the guards' key: the file, the guard, and what others may know."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cluster import StandingClock
from daemon.heldguard import HeldGuard
from support import wait_until
from understudy.daemon import keyring
from understudy.daemon.history import History
from understudy.daemon.keyring import Keyring
from understudy.daemon.keystore import FileKeys
from understudy.daemon.mirror import Mirror
from understudy.linux.keys import key_id, keys_text, read_keys
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Life
from understudy.model.view import ClusterRecord, IncarnationRecord, KeyRotation, KeyStep, LeaderRecord, Look
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store
from understudy.security.certificates import key_text, new_key
from understudy.security.sealed import seal, seal_of, unseal

ME, SERVER = Incarnation("1" * 32), ServerName("ctr1")
OLD, NEW = b"o" * 32, b"n" * 32
CLUSTER = ClusterRecord(name="test", voters=(SERVER,))


class KeyringHere:
    """One server with its files, and its keyring at work."""

    def __init__(self, folder: Path, mirror: Mirror, guard: HeldGuard) -> None:
        self.key_file, self.own_key = folder / "guard.key", key_text(new_key())
        self.key_file.write_text(keys_text((OLD,)))
        self.key_file.chmod(0o600)
        (folder / "server.key").write_text(self.own_key)
        self.mirror, self.guard = mirror, guard

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """A daemon's part."""
        store = FileKeys(str(self.key_file), str(self.key_file.with_name("server.key")))
        ring = Keyring(self.mirror, self.guard, store, History(self.mirror, StandingClock(), SERVER), SERVER)
        ring.me = lambda: ME
        self._task = asyncio.create_task(ring.run())
        try:
            yield
        finally:
            await self._ends()

    @contextlib.asynccontextmanager
    async def another_daemon(self) -> AsyncIterator[None]:
        """Of the same server, after the one before."""
        await self._ends()
        async with self.at_work():
            yield

    async def _ends(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def leads(self) -> None:
        """This server takes the term."""
        view = await self.mirror.refresh()
        assert await self.mirror.commit({keys.LEADER: LeaderRecord(server=SERVER, incarnation=ME, term=1)}, decided_on=view)

    def rotation_now(self) -> KeyRotation:
        """As the registry says."""
        cluster = self.mirror.view.cluster
        assert cluster is not None
        assert cluster.rotation is not None
        return cluster.rotation

    async def writes(self, rotation: KeyRotation) -> None:
        """An operator's step."""
        view = await self.mirror.refresh()
        assert view.cluster is not None
        assert await self.mirror.commit({keys.CLUSTER: replace(view.cluster, rotation=rotation)}, decided_on=view)

    async def has(self, *expected: bytes) -> None:
        """On the disk, in the guard, and as others see it."""
        names = tuple(map(key_id, expected))

        def so() -> bool:
            look = self.mirror.view.looks[SERVER]
            return read_keys(str(self.key_file)) == expected == self.guard.has_keys and look.keys == names

        await wait_until(so, 10, f"it has {names}")

    def rotation(self, step: KeyStep, sealed_for: str = "") -> KeyRotation:
        """Of the new key."""
        public = seal_of(sealed_for or self.own_key)
        return KeyRotation(key=key_id(NEW), step=step, sealed={SERVER: seal(public, NEW, key_id(NEW))})


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[KeyringHere]:
    mirror, guard = Mirror(LocalRegistry(Store())), HeldGuard(SERVER, ME, {})
    view = await mirror.refresh()
    life = IncarnationRecord(incarnation=ME, server=SERVER, life=Life.ONLINE)
    look = Look(server=SERVER, incarnation=ME)
    await mirror.commit({keys.CLUSTER: CLUSTER, keys.incarnation(ME): life, keys.look(SERVER): look}, decided_on=view)
    made = KeyringHere(tmp_path, mirror, guard)
    following = asyncio.create_task(mirror.follow(lambda: None))
    try:
        async with made.at_work():
            yield made
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def test_each_step_is_done_and_said(here: KeyringHere) -> None:
    """Accepted, sent with, forgotten; nothing that others see gives a key away."""
    await here.has(OLD)
    assert here.mirror.view.looks[SERVER].seal == seal_of(here.own_key)
    await here.writes(here.rotation(KeyStep.ACCEPT))
    await here.has(OLD, NEW)
    await here.writes(here.rotation(KeyStep.SEND))
    await here.has(NEW, OLD)
    await here.writes(here.rotation(KeyStep.FORGET))
    await here.has(NEW)
    assert NEW.hex() not in repr(here.mirror.view)


async def test_who_missed_every_step_goes_to_the_last(here: KeyringHere) -> None:
    """As a server that was away."""
    await here.has(OLD)
    await here.writes(here.rotation(KeyStep.FORGET))
    await here.has(NEW)


async def test_what_is_sealed_for_another_certificate_changes_nothing(here: KeyringHere) -> None:
    """It goes on with what it has, and does the next that it can."""
    await here.has(OLD)
    await here.writes(here.rotation(KeyStep.ACCEPT, sealed_for=key_text(new_key())))
    await here.has(OLD)
    await here.writes(here.rotation(KeyStep.ACCEPT))
    await here.has(OLD, NEW)


async def test_a_step_that_comes_while_the_one_before_is_done_is_not_passed_over(
    here: KeyringHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timer helps: only what changes in the registry wakes it."""
    monkeypatch.setattr(keyring, "AGAIN_S", 600.0)
    await here.has(OLD)
    takes = here.guard.keys

    async def takes_slowly(wanted: tuple[bytes, ...]) -> bool:
        taken = await takes(wanted)
        if wanted == (OLD, NEW):
            await here.writes(here.rotation(KeyStep.SEND))
        return taken

    monkeypatch.setattr(here.guard, "keys", takes_slowly)
    await here.writes(here.rotation(KeyStep.ACCEPT))
    await here.has(NEW, OLD)


async def test_a_key_that_was_forgotten_is_never_taken_again(here: KeyringHere) -> None:
    """A registry that was set back says what was over long ago; also to the next daemon here. The leader writes down what is used."""
    await here.has(OLD)
    before = KeyRotation(key=key_id(OLD), step=KeyStep.FORGET, sealed={SERVER: seal(seal_of(here.own_key), OLD, key_id(OLD))})
    await here.writes(here.rotation(KeyStep.FORGET))
    await here.has(NEW)
    assert (here.key_file.parent / "guard.key.forgotten").read_text().split() == [key_id(OLD)]
    assert (here.key_file.parent / "guard.key.forgotten").stat().st_mode & 0o777 == 0o600
    async with here.another_daemon():
        await here.writes(before)
        await here.leads()
        await wait_until(lambda: here.rotation_now().key == key_id(NEW), 10, "the present key is written down")
        await here.has(NEW)
        assert unseal(here.own_key, here.rotation_now().sealed[SERVER], key_id(NEW)) == NEW
