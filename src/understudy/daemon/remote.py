"""Commands from other servers and from administrators elsewhere: the API over mutual TLS on all addresses of this server.

Owns who somebody is by the certificate that was shown: a server of the cluster (from one of its addresses) is root there, an administrator
is the user whose name the certificate has. What is asked and answered is `api.py`'s, as on the unix socket. Called by `api.py`.
"""

import asyncio
import contextlib
import functools
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from understudy.daemon.callernames import NOBODY
from understudy.daemon.callers import ROOT, Callers
from understudy.daemon.http import LARGEST_HEAD, App, Exchange, NoRequest, Peer
from understudy.daemon.peers import answer_once
from understudy.daemon.tlsdoor import DoorBounds, Refusals, TlsDoor, TlsUse, TlsVisitor, server_context
from understudy.intent.rights import ROOT_USER
from understudy.model import logevents
from understudy.model.settings import Settings, TlsFiles
from understudy.security.keyfiles import KeyFiles
from understudy.security.users import why_no_user

BOUNDS = DoorBounds(most=256, unproven=16, of_one_address=8)


def certificates_of(settings: Settings) -> TlsFiles | None:
    """By which this server proves itself: what the settings name, or what `understudy cluster init` and `join` made. None: it has none."""
    keys = KeyFiles(os.path.dirname(settings.guard_key))
    files = settings.registry_tls or TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key)
    return files if all(os.path.exists(path) for path in (files.ca, files.certificate, files.key)) else None


async def answer_remotely(app: App, settings: Settings, callers: Callers, now: Callable[[], Settings] | None = None) -> None:
    """Listen on each address of this server, until cancelled; idle without certificates, or where the port is 0. `now`: the settings with
    the servers that there are by now."""
    files = certificates_of(settings)
    if files is None or not settings.api_port:
        await asyncio.Event().wait()
        return
    listener = RemoteListener(app, now or (lambda: settings), callers, files)
    async with asyncio.TaskGroup() as tasks:
        for address in settings.peer(settings.server).addresses:
            tasks.create_task(listener.door.listen(address))


class RemoteListener:
    """One for all addresses of this server."""

    def __init__(self, app: App, now: Callable[[], Settings], callers: Callers, files: TlsFiles) -> None:
        self._app, self._now, self._callers = app, now, callers
        self._refusals = Refusals(logevents.COMMAND_NOT_TRUSTED)
        self.door = TlsDoor(
            TlsUse(
                kind="commands",
                port=now().api_port,
                context=functools.partial(server_context, files.certificate, files.key, trusted=files.ca),
                serve=self._serve,
                bounds=BOUNDS,
                listening=logevents.COMMANDS_LISTENING,
                not_listening=logevents.COMMANDS_NOT_LISTENING,
                largest=LARGEST_HEAD,
                not_trusted=self._refusals.note,
            )
        )

    async def _serve(self, visitor: TlsVisitor) -> None:
        who = proven(visitor.certificate, visitor.address, self._now())
        peer = replace(who if isinstance(who, Peer) else Peer(uid=NOBODY, gid=NOBODY, pid=0), callers=self._callers)
        exchange = Exchange(visitor.reader, visitor.writer, peer)
        if isinstance(who, str):
            self._refusals.note(visitor.address, who)
            await _refuse(exchange, 403, who)
        elif why := self._callers.come(peer.uid):
            self._callers.complaints.say(peer.uid, why)
            await _refuse(exchange, 503, why)
        else:
            try:
                await answer_once(self._app, exchange, peer)
            finally:
                self._callers.go(peer.uid)
        await exchange.close()


async def _refuse(exchange: Exchange, status: int, why: str) -> None:
    """After the request has come, so that the connection does not end with it half way: then the answer would be lost."""
    with contextlib.suppress(NoRequest):
        await exchange.request()
    exchange.refuse(status, why)


def proven(certificate: Mapping[str, Any], address: str, settings: Settings) -> Peer | str:
    """Who shows this certificate, of which it is known that the cluster's authority has signed it; or why that is nobody."""
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    if len(names) != 1 or not isinstance(name := names[0], str):
        return "the certificate does not say whose it is"
    others = certificate.get("subjectAltName", ())
    if others:
        return _server(name, others, address, settings)
    if why := why_no_user(name):
        return f"the certificate names no user: {why}"
    if name in {server.name for server in settings.servers}:
        return f"the certificate names {name}, which is a server, and it is none of a server"
    root = name == ROOT_USER
    return Peer(uid=ROOT if root else NOBODY, gid=ROOT if root else NOBODY, pid=0, name=name, place=address)


def _server(name: str, others: tuple[tuple[str, str], ...], address: str, settings: Settings) -> Peer | str:
    if ("DNS", name) not in others or name not in {server.name for server in settings.servers}:
        return f"the certificate is of {name}, which is no server of this cluster"
    if not any(kind == "IP Address" and _same(value, address) for kind, value in others):
        return f"the certificate is of server {name}, which has not the address {address}"
    return Peer(uid=ROOT, gid=ROOT, pid=0, place=name)


def _same(value: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(value.strip()) == ipaddress.ip_address(address)
    except ValueError:
        return False
