"""Owns one request and its answer as HTTP/1.1: sizes are looked at before anything is read, and whatever is waited for has a deadline.

Called by `peers.py` for each connection. h11 knows the grammar; this says how much and how long. It never knows what is asked.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

import h11

from understudy.daemon.callers import ROOT, Callers

LARGEST_HEAD = 16 << 10
"""Bytes of the request's first line and headers."""
LARGEST_BODY = 1 << 20
LARGEST_BODY_OF_OTHERS = 64 << 10
"""Who is not root needs names, a filter, or the attributes of what is his."""
HEAD_S = 5.0
BODY_S = 5.0
UNREAD_S = 60.0
"""How long a part of an answer waits for its reader; then the connection is cut."""
FINISH_S = 1.0
PART = 64 << 10
MOST_FIELDS = 100
SURPLUS = 64 << 10
"""Bytes after the request that are put up with."""


class NoRequest(Exception):
    """The connection brought no request that can be answered. `status` 0: there is nobody to answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end, as the kernel says, or a certificate."""

    uid: int
    gid: int
    pid: int
    callers: Callers = field(default_factory=Callers)
    name: str = ""
    """The user that a certificate names; empty: the kernel's word counts."""
    place: str = ""
    """The server or the address from which it comes over the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A whole request."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: bytes
    peer: Peer


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: a body at once, or parts as they come."""

    body: bytes | AsyncIterator[bytes]
    status: int = 200
    media_type: str = "application/json"
    ended: Callable[[], None] = lambda: None
    """Called once, when all is sent or nobody is there to read it."""


App = Callable[[HttpRequest], Awaitable[Reply]]


def error_body(why: str) -> bytes:
    """A refusal as JSON."""
    return json.dumps({"error": why}).encode()


def raw_refusal(status: int, why: str) -> bytes:
    """A whole answer for those whose request is not even read."""
    body = error_body(why)
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


class Exchange:
    """One request and one answer on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        self._reader, self._writer, self._peer = reader, writer, peer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)

    async def request(self) -> HttpRequest:
        """What is asked. NoRequest."""
        try:
            async with asyncio.timeout(HEAD_S):
                head = await self._event()
            if not isinstance(head, h11.Request):
                raise NoRequest(0, "the other side closed the connection")
            largest = LARGEST_BODY if self._peer.uid == ROOT else LARGEST_BODY_OF_OTHERS
            _refuse_by_head(head, largest)
            async with asyncio.timeout(BODY_S):
                body = await self._body()
        except TimeoutError:
            raise NoRequest(408, "the request did not come whole in time") from None
        except h11.RemoteProtocolError as error:
            raise NoRequest(error.error_status_hint, f"this is no HTTP request: {error}") from None
        path, _, query = head.target.partition(b"?")
        try:
            fields = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise NoRequest(400, f"the query cannot be read: {error}") from None
        return HttpRequest(method=head.method.decode(), path=unquote(path.decode()), query=fields, body=body, peer=self._peer)

    async def answer(self, reply: Reply) -> None:
        """Send it as fast as it is read. TimeoutError: nobody reads. ConnectionError: nobody is there."""
        body = reply.body
        length = [("Content-Length", str(len(body)))] if isinstance(body, bytes) else []
        headers = [("Content-Type", reply.media_type), ("Connection", "close"), *length]
        head = h11.Response(status_code=reply.status, headers=headers, reason=HTTPStatus(reply.status).phrase)
        if isinstance(body, bytes):
            self._peer.callers.hold(self._peer.uid, len(body))
            try:
                await self._send(head)
                await self._send_parts(body)
            finally:
                self._peer.callers.drop(self._peer.uid, len(body))
        else:
            await self._send(head)
            async for part in body:
                await self._send_parts(part)
        await self._send(h11.EndOfMessage())

    async def gone(self) -> None:
        """Until the caller goes away, or sends what nobody asked for."""
        surplus = 0
        while surplus < SURPLUS and (data := await self._reader.read(PART)):
            surplus += len(data)

    def refuse(self, status: int, why: str) -> None:
        """In place of an answer."""
        self._writer.write(raw_refusal(status, why))

    async def let_finish(self) -> None:
        """Read on for a moment what nobody wants, so that a refusal is not lost with a connection that ends while the request still comes.
        Of TLS: there the other side sees an error instead."""
        left = LARGEST_BODY
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(FINISH_S):
                while left > 0 and (data := await self._reader.read(PART)):
                    left -= len(data)

    def abort(self) -> None:
        """End the connection now, whatever is still unread."""
        transport = self._writer.transport
        if not transport.is_closing() or transport.get_write_buffer_size():  # else it is over, and cannot be aborted any more
            transport.abort()

    async def close(self) -> None:
        """End the connection when what is written has been read, or not at all in time."""
        self._writer.close()
        try:
            async with asyncio.timeout(UNREAD_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self.abort()

    async def _body(self) -> bytes:
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[], reason="Continue"))
        found = []
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise NoRequest(0, "the other side closed the connection")
            found.append(bytes(event.data))
        return b"".join(found)

    async def _event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                data = await self._reader.read(PART)
            except ConnectionError:
                data = b""
            if not data:
                raise NoRequest(0, "the other side closed the connection")
            self._http.receive_data(data)
        assert isinstance(event, h11.Event), "one request is read, so nothing is ever paused"
        return event

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            async with asyncio.timeout(UNREAD_S):
                await self._writer.drain()

    async def _send_parts(self, data: bytes) -> None:
        for start in range(0, len(data), PART):
            await self._send(h11.Data(data=data[start : start + PART]))


def _refuse_by_head(head: h11.Request, largest: int) -> None:
    """Before a byte of the body is read."""
    for name, value in head.headers:
        if name == b"transfer-encoding":
            raise NoRequest(411, "the request must say its Content-Length")
        if name == b"content-length" and int(value) > largest:
            raise NoRequest(413, f"the request has {int(value)} bytes, {largest} are allowed")
