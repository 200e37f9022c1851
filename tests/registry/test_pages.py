"""Long answers: in pages, each with a deadline of its own; and what the registry refuses."""

import asyncio

import pytest

from registry.backends import Proxy, ServedBackend, client_of, gone
from registry.test_client import raw
from understudy.errors import RegistryUnreachable
from understudy.ports import Write
from understudy.registry.sqlite import frames


async def test_what_is_longer_than_a_page_comes_whole_and_of_one_revision(backend: ServedBackend) -> None:
    """The state of a large cluster is read in pages, and nothing that is written meanwhile is among them."""
    async with client_of(backend.endpoint) as registry, client_of(backend.endpoint) as writer:
        value = b"x" * 100_000
        for number in range(40):
            await writer.commit([], [Write(f"k/{number:02}", value)])
        reading = asyncio.create_task(registry.read(""))
        await writer.commit([], [Write("k/39", b"new")])
        revision, entries = await reading
        assert len(entries) == 40
        assert all(entry.value == value for entry in entries) is (revision == 40)
        assert max(entry.revision for entry in entries) <= revision


async def test_a_long_answer_has_the_deadline_of_each_of_its_pages(backend: ServedBackend, proxy: Proxy) -> None:
    """A slow network takes longer for a long answer than for a short one; what goes on arriving is no silence."""
    for number in range(12):
        backend.server.store.commit([], [Write(f"k/{number:02}", b"x" * 200_000)])
    loop, proxy.answer_pause_s = asyncio.get_running_loop(), 0.04
    async with client_of(await proxy.start(), deadline_s=1.0) as registry:
        began = loop.time()
        _, entries = await registry.read("")
        assert loop.time() - began > 1.0
        assert len(entries) == 12


async def test_a_client_of_before_pages_is_answered_at_once(backend: ServedBackend) -> None:
    for number in range(5):
        backend.server.store.commit([], [Write(f"k/{number}", b"x" * 300_000)])
    reader, writer = await raw(backend.endpoint, b"c" * 16)
    writer.write(frames.frame(frames.WireRead(1, "")))
    length = int.from_bytes(await reader.readexactly(4), "big")
    answer = frames.from_server(await reader.readexactly(length))
    assert isinstance(answer, frames.WireEntries)
    assert len(answer.entries) == 5
    assert not answer.more
    await gone(writer)


async def test_what_the_registry_refuses_is_no_end_of_a_daemon(backend: ServedBackend) -> None:
    """A newer or older server may find malformed what this client asks: it cannot be reached for that, and says why."""
    async with client_of(backend.endpoint) as registry:
        await registry.read("")
        link = registry._rotation.made
        assert link is not None
        asking = asyncio.create_task(registry.read(""))
        await asyncio.sleep(0)
        link._answered(frames.WireFailed(max(link._pages), frames.WireFailure.MALFORMED, "of no use"))
        with pytest.raises(RegistryUnreachable, match="of no use"):
            await asking
