"""A server's daemon and its executor, real, in a loop of their own, asked over mutual TLS as root of another server."""

import asyncio
import concurrent.futures
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from daemon.cluster import running
from daemon.test_remote import ADDRESS, FROM, RemoteSite
from executor.rig import RealRig, real_rig
from support import wait_until
from understudy.cli import place
from understudy.cli.understudy.openstack_registry import through_daemon
from understudy.daemon.api import ApiServices, application
from understudy.daemon.callers import Callers
from understudy.daemon.remote import answer_remotely
from understudy.daemon.siteplaces import PlacesHere, PlacesPort
from understudy.errors import Unreachable
from understudy.model.names import ResourceName
from understudy.openstack.ground import Elsewhere
from understudy.security.authority import Authority


class EveryPlace(frozenset[str]):
    """As if a catalogue named all there are."""

    def __contains__(self, _: object) -> bool:
        return True


@dataclass
class OtherServer:
    """ctr1, as root of ctr2 sees it."""

    site: RemoteSite
    ground: Elsewhere
    places: PlacesHere
    reported: list[tuple[str, str, str]] = field(default_factory=list)
    """Of the history: kind, cause, text."""


class Answers:
    """A port that says this, whatever is asked, or that it cannot be reached."""

    def __init__(self, answer: Mapping[str, Any] | str) -> None:
        self.answer, self.asked = answer, 0

    async def site_places(self, request: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        self.asked += 1
        if isinstance(self.answer, str):
            raise Unreachable(self.answer)
        return dict(self.answer)


@contextmanager
def other_server(folder: Path, patch: pytest.MonkeyPatch, port: PlacesPort | None = None, *, every: bool = True) -> Iterator[OtherServer]:
    """Until it ends. `port`: in place of an executor. `every`: as if a catalogue named every place."""
    with socket.create_server((ADDRESS, 0)) as free:
        site = RemoteSite(folder, Authority("test"), free.getsockname()[1])
    exchange_value(patch, place, "CONFIG", str(folder / "no.toml"))
    patch.delenv("UNDERSTUDY_CERTIFICATE", raising=False)
    site.be_root_of("ctr2", FROM, patch)
    named = () if not every else (EveryPlace,)
    ground = Elsewhere("ctr1", through_daemon("ctr1"))
    if port is not None:
        other = OtherServer(site, ground, PlacesHere(port, *named))
        with _answering(other):
            yield other
        return
    (folder / "executor").mkdir()
    with real_rig(folder / "executor") as rig:
        other = OtherServer(site, ground, PlacesHere(rig.client, *named))
        with _answering(other, rig):
            yield other


@contextmanager
def _answering(other: OtherServer, rig: RealRig | None = None) -> Iterator[None]:
    up: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = concurrent.futures.Future()

    async def serve() -> None:
        end = asyncio.Event()
        async with AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(running("ctr1"))
            if rig is not None:
                await rig.client.start()
                stack.push_async_callback(rig.client.close)
            task = asyncio.create_task(_answer(other, cluster.services("ctr1")))
            await wait_until(lambda: _connects(other.site.port), 10, "it listens")
            up.set_result((asyncio.get_running_loop(), end))
            await end.wait()
            task.cancel()
            await asyncio.wait([task])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if up.done():
                raise
            up.set_exception(error)

    thread = threading.Thread(target=run, name=f"daemon of {os.getpid()}")
    thread.start()
    loop, end = up.result(60)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(30)
        assert not thread.is_alive()


async def _answer(other: OtherServer, services: ApiServices) -> None:
    """Over the network, and note what the history would say."""
    reported, settings = other.reported, other.site.settings(services.settings)

    def record(kind: str, _: ResourceName | None, cause: str, text: str, command: str) -> None:
        reported.append((kind, cause, text))

    app = application(replace(services, settings=settings, places=other.places, record=record))
    await answer_remotely(app, settings, Callers())


def _connects(port: int) -> bool:
    try:
        socket.create_connection((ADDRESS, port), 1).close()
    except OSError:
        return False
    return True
