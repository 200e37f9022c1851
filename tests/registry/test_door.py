"""A flood at the registry's door: those who belong to the cluster come in all the same, and the log stays short."""

import asyncio
from typing import Any

from registry.backends import ServedBackend, client_of, gone
from registry.test_client import one_frame
from support import wait_until
from understudy.registry.sqlite import access, frames
from understudy.registry.sqlite.door import ALL_MOST, EACH_MOST, Door


async def knock(endpoint: str, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that proves nothing, from one of this machine's own addresses."""
    return await asyncio.open_connection(*access.parse_endpoint(endpoint), local_addr=(source, 0))


async def test_half_open_connections_keep_nobody_out(backend: ServedBackend) -> None:
    """A daemon that began in a flood could not reach the registry, and its server stayed out for as long as it lasted."""
    async with client_of(backend.endpoint) as before:
        await before.read("")
        flood = [await knock(backend.endpoint, f"127.0.1.{number % 20 + 1}") for number in range(ALL_MOST + 150)]
        await wait_until(lambda: len(backend.server._connections) <= ALL_MOST + 1, 10, "the oldest have gone")
        async with client_of(backend.endpoint) as after:
            await after.read("")
        await before.read("")
        for _, writer in flood:
            await gone(writer)


async def test_one_address_takes_its_own_places_only(backend: ServedBackend) -> None:
    first = await knock(backend.endpoint, "127.0.1.1")
    flood = [await knock(backend.endpoint, "127.0.1.2") for _ in range(3 * EACH_MOST)]
    await wait_until(lambda: len(backend.server._connections) == EACH_MOST + 1, 10, "the oldest of that address have gone")
    assert isinstance(frames.from_server(await one_frame(first[0])), frames.WireChallenge)
    first[1].write(frames.frame(frames.WirePing()))
    assert isinstance(frames.from_server(await one_frame(first[0])), frames.WireRefused), "it is still there to be told"
    for _, writer in (first, *flood):
        await gone(writer)


def test_an_address_that_has_proved_the_key_goes_last() -> None:
    """Each number is a connection."""
    own_door: Door[int] = Door()
    own_door.came(0, "ctr1")
    own_door.proved(0)
    assert own_door.came(1, "ctr1") == []
    gone = [other for number in range(2, ALL_MOST + 52) for other in own_door.came(number, f"stranger {number % 20}")]
    assert 1 not in gone
    assert gone == sorted(gone)
    assert len(gone) == 51


async def test_who_is_refused_again_and_again_is_one_line(backend: ServedBackend, logged: list[dict[str, Any]]) -> None:
    for _ in range(50):
        reader, writer = await knock(backend.endpoint, "127.0.1.3")
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        await gone(writer)
    assert [(line["event"], line["address"]) for line in logged] == [("client-refused", "127.0.1.3")]
