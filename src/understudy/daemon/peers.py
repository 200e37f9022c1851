"""Owns the socket that commands connect to: who comes in, as the kernel says, how many, and that none of them can harm the others.

Called by `api.py`. Accepts by itself rather than through asyncio's server, which would hold a descriptor and make a task before it is known
who asks, and treats a process without free descriptors as broken. Must never decide what a caller may do.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator

from understudy.daemon.callers import Callers
from understudy.daemon.http import App, Exchange, NoRequest, Peer, Reply, error_body, raw_refusal

BACKLOG = 1024
"""Connections that wait to be accepted; the kernel may allow fewer (net.core.somaxconn)."""
AT_ONCE = 32
"""Connections accepted before the loop's other work has its turn."""
AGAIN_S = 0.1
"""Before the next accept, when there was no descriptor for one."""
BUFFER = 16 << 10
"""Bytes of a request that wait to be looked at."""
_CREDENTIALS = struct.Struct("3i")


@contextlib.asynccontextmanager
async def listening(app: App, path: str, *, callers: Callers | None = None) -> AsyncIterator[None]:
    """Serve `app` on a unix socket that everybody may connect to; who may do what is the application's business."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.setblocking(False)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(BACKLOG)
        door = _Door(listener, app, callers or Callers())
        door.open()
        try:
            yield
        finally:
            await door.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


class _Door:
    """Accepts, and gives each connection a task of its own."""

    def __init__(self, listener: socket.socket, app: App, callers: Callers) -> None:
        self._listener, self._app, self._callers = listener, app, callers
        self._loop = asyncio.get_running_loop()
        self._complaints = callers.complaints
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def open(self) -> None:
        """From now on."""
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Nobody comes in any more, and who is in is sent away."""
        self._closed = True
        self._loop.remove_reader(self._listener)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # No descriptor is to be had (EMFILE, ENFILE), or no memory: whoever asks waits a little; nothing of ours is broken.
                self._complaints.say(os.getuid(), f"a connection cannot be accepted: {error.strerror}; {_cure(error)}")
                self._loop.remove_reader(self._listener)
                self._loop.call_later(AGAIN_S, self.open)
                return
            self._let_in(connection)

    def _let_in(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if why := self._callers.come(uid):
            self._complaints.say(uid, why)
            with contextlib.suppress(OSError):
                connection.send(raw_refusal(503, why))
            connection.close()
            return
        task = self._loop.create_task(self._serve(connection, Peer(uid=uid, gid=gid, pid=pid, callers=self._callers)), name="a caller")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket, peer: Peer) -> None:
        """One connection to its end. Whatever happens in it ends nothing else."""
        try:
            reader = asyncio.StreamReader(limit=BUFFER)
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection)
            exchange = Exchange(reader, asyncio.StreamWriter(transport, protocol, reader, self._loop), peer)
            try:
                await answer_once(self._app, exchange, peer)
                await exchange.close()
            finally:
                exchange.abort()
        except OSError:
            pass  # it went away
        except Exception as error:  # noqa: BLE001 - the loop that serves others must not end because of one request
            self._complaints.failed(peer.uid, "a connection", error)
        finally:
            connection.close()
            self._callers.go(peer.uid)


async def answer_once(app: App, exchange: Exchange, peer: Peer) -> None:
    """One request, and what `app` answers; what is no request is refused. OSError: the other side went away."""
    try:
        request = await exchange.request()
    except NoRequest as bad:
        if bad.status:
            peer.callers.complaints.say(peer.uid, str(bad))
            exchange.refuse(bad.status, str(bad))
            if peer.place:
                await exchange.let_finish()
        return

    async def answering() -> None:
        try:
            reply = await app(request)
        except Exception as error:  # noqa: BLE001 - the loop that serves others goes on; the caller gets status 500
            peer.callers.complaints.failed(peer.uid, request.path, error)
            reply = Reply(error_body("internal error, see understudyd's log"), 500)
        if reply.status == 400 and isinstance(reply.body, bytes):
            peer.callers.complaints.say(peer.uid, f"{request.path} answered {reply.body.decode()}")
        try:
            await exchange.answer(reply)
        finally:
            reply.ended()

    loop = asyncio.get_running_loop()
    await _first_of(loop.create_task(answering()), loop.create_task(exchange.gone()))


async def _first_of(answering: "asyncio.Task[None]", gone: "asyncio.Task[None]") -> None:
    """Until it is answered, or nobody is there to be; the other ends too."""
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (answering, gone):
            task.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)
    if not answering.cancelled() and (error := answering.exception()) is not None:
        raise error


def _cure(error: OSError) -> str:
    if error.errno == errno.EMFILE:
        return "raise LimitNOFILE of understudyd's unit"
    if error.errno == errno.ENFILE:
        return "raise fs.file-max"
    return "it is tried again"
