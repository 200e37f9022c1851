"""The join listener: other servers come here with a token, and leave with a certificate. TLS on all addresses of this server.

Owns how many may come, and what the log says of those who are refused; what a request is answered is judged by `setup/judge.py`, beside
the loop; the listener itself is `tlsdoor.py`'s. Runs on servers that have the authority's key, from the daemon's first moment: it needs
neither lease nor registry, for before others have joined there may be no majority. Called by `daemon/main.py`. Must never end the daemon.
"""

import asyncio
import functools
import os
import ssl
import time
from collections.abc import Callable

from understudy.agents.aside import aside
from understudy.daemon.callernames import NOBODY
from understudy.daemon.http import Exchange, HttpRequest, NoRequest, Peer, Reply
from understudy.daemon.tlsdoor import AGAIN_S, DoorBounds, Refusals, TlsDoor, TlsUse, TlsVisitor, server_context, server_named
from understudy.errors import BadInput
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.settings import Settings
from understudy.security.keyfiles import KeyFiles
from understudy.setup.judge import ClusterNow, Comer, JoinJudgement, judge, judge_renewal, judge_voter, made_with
from understudy.setup.places import tokens_file
from understudy.setup.tokens import TokenStore
from understudy.setup.wire import (
    LARGEST_REQUEST,
    PATH,
    RENEWAL_PATH,
    VOTER_PATH,
    JoinRefusal,
    answer_bytes,
    parse_renewal,
    parse_request,
)

MOST_CONNECTIONS = 16
JUDGING_S = 10.0
_WAIT = "too many attempts from this address were refused; wait a minute"


async def let_join(settings: Settings, now: Callable[[], ClusterNow] | None = None) -> None:
    """Listen on each address of this server, until cancelled; idle as long as this server cannot let anybody join: a server that becomes a
    voter gets the authority's key later. `now`: what is known of the cluster by now."""
    keys = KeyFiles(os.path.dirname(settings.guard_key))
    if not settings.join_port:
        await asyncio.Event().wait()
    while not os.path.exists(keys.authority_key):  # noqa: ASYNC110 - a file sends no event
        await asyncio.sleep(AGAIN_S)
    listener = JoinListener(settings, keys, now)
    async with asyncio.TaskGroup() as tasks:
        for address in settings.peer(settings.server).addresses:
            tasks.create_task(listener.door.listen(address))


class JoinListener:
    """One for all addresses of this server."""

    def __init__(self, settings: Settings, keys: KeyFiles, now: Callable[[], ClusterNow] | None = None) -> None:
        self._now = now or (lambda: made_with(settings))
        self._store = TokenStore(tokens_file(settings.state_dir))
        self._refusals = Refusals(logevents.JOIN_REFUSED)
        self.door = TlsDoor(
            TlsUse(
                kind="join",
                port=settings.join_port,
                context=functools.partial(server_context, keys.certificate, keys.key, trusted=keys.authority, asks=ssl.CERT_OPTIONAL),
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
                await exchange.let_finish()
        else:
            await exchange.answer(await self._answer(request, Comer(visitor.address, visitor.port, server_named(visitor.certificate))))
        await exchange.close()

    async def _answer(self, request: HttpRequest, comer: Comer) -> Reply:
        if request.path not in (PATH, VOTER_PATH, RENEWAL_PATH):
            return _refused(404, "no such path")
        if request.method != "POST":
            return _refused(405, "use POST")
        if not self._refusals.may_try(comer.address):
            return _refused(429, _WAIT)
        try:
            work = self._work(request, comer)
        except BadInput as error:
            self._refusals.note(comer.address, str(error))
            return _refused(400, str(error))
        judgement: JoinJudgement = await aside(work, within_s=JUDGING_S, kind="join")
        if judgement.refused:
            self._refusals.note(comer.address, judgement.refused)
        elif judgement.joined:
            log(logevents.JOIN_ACCEPTED, joined=judgement.joined, address=comer.address)
        elif judgement.renewed:
            log(logevents.CERTIFICATE_GIVEN, given_to=judgement.renewed, address=comer.address)
        return Reply(judgement.body, judgement.status)

    def _work(self, request: HttpRequest, comer: Comer) -> Callable[[], JoinJudgement]:
        """What is to be judged, beside the loop. BadInput: the request is none."""
        if request.path == RENEWAL_PATH:
            return functools.partial(judge_renewal, parse_renewal(request.body), comer, self._now())
        asked = parse_request(request.body)
        if request.path == VOTER_PATH:
            return functools.partial(judge_voter, comer, self._now())
        return functools.partial(judge, asked, comer, self._now(), self._store, time.time())


def _refused(status: int, why: str) -> Reply:
    return Reply(answer_bytes(JoinRefusal(why)), status)
