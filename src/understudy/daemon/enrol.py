"""The join listener: other servers come here with a token, and leave with a certificate. TLS on all addresses of this server.

Owns how many may come, and what the log says of those who are refused; what a request is answered is judged by `setup/judge.py`, beside
the loop; the listener itself is `tlsdoor.py`'s. Runs on servers that have the authority's key, from the daemon's first moment: it needs
neither lease nor registry, for before others have joined there may be no majority. Called by `daemon/main.py`. Must never end the daemon.
"""

import asyncio
import functools
import os
import time

from understudy.agents.aside import aside
from understudy.daemon.callernames import NOBODY
from understudy.daemon.http import Exchange, HttpRequest, NoRequest, Peer, Reply
from understudy.daemon.tlsdoor import DoorBounds, Refusals, TlsDoor, TlsUse, TlsVisitor, server_context
from understudy.errors import BadInput
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.settings import Settings
from understudy.security.keyfiles import KeyFiles
from understudy.setup.judge import Comer, JoinJudgement, judge
from understudy.setup.places import tokens_file
from understudy.setup.tokens import TokenStore
from understudy.setup.wire import LARGEST_REQUEST, PATH, JoinRefusal, answer_bytes, parse_request

MOST_CONNECTIONS = 16
JUDGING_S = 10.0
_WAIT = "too many attempts from this address were refused; wait a minute"


async def let_join(settings: Settings) -> None:
    """Listen on each address of this server, until cancelled; idle where this server cannot let anybody join."""
    keys = KeyFiles(os.path.dirname(settings.guard_key))
    if not settings.join_port or not os.path.exists(keys.authority_key):
        await asyncio.Event().wait()
    listener = JoinListener(settings, keys)
    async with asyncio.TaskGroup() as tasks:
        for address in settings.peer(settings.server).addresses:
            tasks.create_task(listener.door.listen(address))


class JoinListener:
    """One for all addresses of this server."""

    def __init__(self, settings: Settings, keys: KeyFiles) -> None:
        self._settings = settings
        self._store = TokenStore(tokens_file(settings.state_dir))
        self._refusals = Refusals(logevents.JOIN_REFUSED)
        self.door = TlsDoor(
            TlsUse(
                kind="join",
                port=settings.join_port,
                context=functools.partial(server_context, keys.certificate, keys.key),
                serve=self._serve,
                bounds=DoorBounds(most=MOST_CONNECTIONS, unproven=MOST_CONNECTIONS, of_one_address=MOST_CONNECTIONS // 2),
                listening=logevents.JOIN_LISTENING,
                not_listening=logevents.JOIN_NOT_LISTENING,
                largest=LARGEST_REQUEST,
            )
        )

    async def _serve(self, visitor: TlsVisitor) -> None:
        exchange = Exchange(visitor.reader, visitor.writer, Peer(uid=NOBODY, gid=NOBODY, pid=0))
        try:
            request = await exchange.request()
        except NoRequest as bad:
            if bad.status:
                exchange.refuse(bad.status, str(bad))
        else:
            await exchange.answer(await self._answer(request, Comer(visitor.address, visitor.port)))
        await exchange.close()

    async def _answer(self, request: HttpRequest, comer: Comer) -> Reply:
        if request.path != PATH:
            return _refused(404, "no such path")
        if request.method != "POST":
            return _refused(405, "use POST")
        if not self._refusals.may_try(comer.address):
            return _refused(429, _WAIT)
        try:
            asked = parse_request(request.body)
        except BadInput as error:
            self._refusals.note(comer.address, str(error))
            return _refused(400, str(error))
        work = functools.partial(judge, asked, comer, self._settings, self._store, time.time())
        judgement: JoinJudgement = await aside(work, within_s=JUDGING_S, kind="join")
        if judgement.refused:
            self._refusals.note(comer.address, judgement.refused)
        elif judgement.joined:
            log(logevents.JOIN_ACCEPTED, joined=judgement.joined, address=comer.address)
        return Reply(judgement.body, judgement.status)


def _refused(status: int, why: str) -> Reply:
    return Reply(answer_bytes(JoinRefusal(why)), status)
