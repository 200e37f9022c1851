"""The API: HTTP/1.1 and JSON on `<run_dir>/api.sock`, one request per connection.

    POST /v1/verb/NAME      JSON body; answers JSON lines {"out":..} {"err":..}, last {"exit":n}
    GET  /v1/ready          200 when this server has joined, else 503
    GET  /v1/view           the whole View
    GET  /v1/intent         what is registered and wanted, as `understudy cluster export`
    GET  /v1/resources, /v1/servers, /v1/serverpools, /v1/types, /v1/cluster, /v1/history?last=N, /v1/explain/NAME

Owns the way from a request to a verb and back. Called by `daemon/main.py`. Anybody may read; only root may change. It never decides
and never writes: the verbs do.
"""

import asyncio
import grp
import itertools
import json
import logging
import os
import pwd
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from understudy.agents.address import address_in_use
from understudy.daemon.facts import life
from understudy.daemon.node import Node
from understudy.daemon.peers import listening
from understudy.daemon.sight import Sight
from understudy.daemon.verbs import VERBS, Verb
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.truth import head
from understudy.daemon.verbs.world import FIRST_NUMBER, Caller, Mirror, Probe, World
from understudy.errors import BadInput, Unreachable
from understudy.guard.leave import STAY_OUT
from understudy.model.conditions import Own
from understudy.model.messages import line, with_number
from understudy.model.names import ResourceName, ServerName
from understudy.model.settings import NetworkSettings, Settings
from understudy.model.shown import shown
from understudy.model.state import Life
from understudy.ports import Clock

log = logging.getLogger("understudyd.api")

LARGEST_BODY = 1 << 20
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the API hands to the verbs, whoever calls."""

    mirror: Mirror
    settings: Settings
    clock: Clock
    token: Callable[[], str] = field(default=lambda: secrets.token_hex(TOKEN_BYTES))
    tell: Callable[[str, ResourceName | None, str, str], None] = field(default=lambda *_: None)
    number: Callable[[], int] = field(default_factory=lambda: itertools.count(FIRST_NUMBER).__next__)
    check: Callable[[ResourceName], None] = field(default=lambda _: None)
    probe: Probe | None = None
    own: Callable[[], Own] | None = None
    leave_here: Callable[[str, bool], None] = field(default=lambda *_: None)
    come_back: Callable[[], bool] = field(default=lambda: False)


async def serve(node: Node, sight: Sight, settings: Settings) -> None:
    """Answer requests until cancelled."""

    def tell(kind: str, resource: ResourceName | None, cause: str, text: str) -> None:
        node.history.tell(kind, resource=resource, cause=cause, text=text)

    def check(resource: ResourceName) -> None:
        if node.lanes is not None:
            node.lanes.alarm(resource)

    services = Services(
        mirror=node.mirror,
        settings=settings,
        clock=node.clock,
        tell=tell,
        check=check,
        probe=_probe,
        leave_here=lambda by, at_once: node.leave.order(by, at_once=at_once),
        come_back=lambda: _come_back(settings),
        own=sight.own,
    )
    async with listening(application(services), f"{settings.run_dir}/api.sock"):
        await asyncio.Event().wait()


def application(services: Services) -> Starlette:
    """The routes, for this socket and for tests."""
    api = _Api(services)
    reads: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("/v1/resources", "stat-resource", {"verbose": True}),
        ("/v1/servers", "server-list", {}),
        ("/v1/serverpools", "stat-serverpool", {}),
        ("/v1/types", "stat-type", {}),
        ("/v1/cluster", "cluster-status", {}),
        ("/v1/intent", "cluster-export", {}),
        ("/v1/explain/{name:path}", "explain", {}),
    )
    return Starlette(
        routes=[
            Route("/v1/verb/{verb}", api.verb, methods=["POST"]),
            Route("/v1/ready", api.ready),
            Route("/v1/view", api.view),
            Route("/v1/history", api.history),
            *(Route(path, api.reading(verb, body)) for path, verb, body in reads),
        ]
    )


class _Lines:
    """A verb's output: JSON lines in a queue, None when it has ended."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.detached = False
        """Whether the caller has gone away before the end."""

    def out(self, text: str) -> None:
        self._put({"out": shown(text)})

    def err(self, text: str) -> None:
        self._put({"err": shown(text)})

    def exit(self, status: int) -> None:
        self._put({"exit": status})
        self.queue.put_nowait(None)

    def _put(self, message: Mapping[str, object]) -> None:
        self.queue.put_nowait(json.dumps(message).encode() + b"\n")


class _Api:
    """Request handlers; each makes a World of its own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: set[asyncio.Task[None]] = set()

    async def verb(self, request: Request) -> Response:
        verb = VERBS.get(request.path_params["verb"])
        if verb is None:
            return JSONResponse({"error": "no such verb", "verbs": list(VERBS)}, 404)
        try:
            body = await _body(request)
        except BadInput as error:
            return JSONResponse({"error": str(error)}, 400)
        lines, caller = _Lines(), _caller(request)
        task = asyncio.create_task(self._run(verb, self._world(caller, lines), Arguments(body), lines))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return StreamingResponse(_streamed(lines, task, verb), media_type="application/jsonl", headers={"connection": "close"})

    async def ready(self, request: Request) -> Response:
        services = self._services
        now = life(services.mirror.view, ServerName(services.settings.server))
        body = {"server": services.settings.server, "life": None if now is None else now.value}
        return _closing(JSONResponse(body, 200 if now is Life.ONLINE else 503))

    async def view(self, request: Request) -> Response:
        body = msgspec.json.encode(self._services.mirror.view, enc_hook=_plain)
        return _closing(Response(body, media_type="application/json"))

    async def history(self, request: Request) -> Response:
        arguments = {"last": request.query_params.get("last", "100"), "names": request.query_params.getlist("resource"), "json": True}
        status, lines = await self._collected("history", arguments, request)
        return _closing(JSONResponse({"events": [json.loads(one) for one in lines]}, 200 if status == 0 else 400))

    def reading(self, verb: str, body: Mapping[str, object]) -> Callable[[Request], Any]:
        """A handler that answers a verb's `--json` text."""

        async def handler(request: Request) -> Response:
            names = [request.path_params["name"]] if "name" in request.path_params else []
            status, lines = await self._collected(verb, {**body, "names": names, "json": True}, request)
            if status and names:
                return _closing(JSONResponse({"error": "\n".join(lines)}, 404))
            return _closing(Response("\n".join(lines), media_type="application/json"))

        return handler

    async def _collected(self, verb: str, body: Mapping[str, object], request: Request) -> tuple[int, list[str]]:
        lines = _Lines()
        await self._run(VERBS[verb], self._world(_caller(request), lines), Arguments(body), lines)
        found, status = [], 1
        while (one := lines.queue.get_nowait()) is not None:
            message = json.loads(one)
            status = message.get("exit", status)
            found += [message["out"]] if "out" in message else []
        return status, found

    def _world(self, caller: Caller, lines: _Lines) -> World:
        one = self._services
        return World(
            mirror=one.mirror,
            settings=one.settings,
            clock=one.clock,
            caller=caller,
            output=lines,
            token=one.token,
            tell=one.tell,
            number=one.number,
            probe=one.probe,
            own=one.own,
            check=one.check,
            leave_here=one.leave_here,
            come_back=one.come_back,
            detached=lambda: lines.detached,
        )

    async def _run(self, verb: Verb, world: World, arguments: Arguments, lines: _Lines) -> None:
        status = 1
        try:
            if verb.changes and world.caller.uid != 0:
                _refuse(world, arguments)
            elif verb.knows and not world.mirror.read_once:
                world.say(4535)
                head(world)
            else:
                status = await verb.run(world, arguments)
        except BadInput as error:
            lines.out(with_number(error.code, str(error)))
        except Unreachable as error:
            lines.out(line(20061, error))
        except Exception:
            # The loop that serves others must not end because of one request; the trace goes where operators look.
            log.exception("a verb failed")
            lines.err("understudyd: internal error, see its log")
        finally:
            lines.exit(status)


async def _streamed(lines: _Lines, task: "asyncio.Task[None]", verb: Verb) -> AsyncIterator[bytes]:
    try:
        while (one := await lines.queue.get()) is not None:
            yield one
    finally:
        lines.detached = True
        # A caller that goes away detaches: what changes something is carried to its end, what only reads is not.
        if not verb.changes:
            task.cancel()


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if len(raw) > LARGEST_BODY:
        raise BadInput(f"the request has {len(raw)} bytes, {LARGEST_BODY} are allowed")
    try:
        found = json.loads(raw or b"{}")
    except ValueError as error:
        raise BadInput(f"the request is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadInput("the request must be a JSON object")
    return found


def _refuse(world: World, arguments: Arguments) -> None:
    """CRS-2725 for every name, or one sentence for a request without names."""
    for name in arguments.names:
        world.say(2725, world.caller.user, name)
    if not arguments.names:
        world.say(20064, world.caller.user)


def _caller(request: Request) -> Caller:
    uid, gid = request.state.uid, request.state.gid
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return Caller(uid, user, group)


async def _probe(address: str, network: NetworkSettings) -> str | None:
    try:
        return await address_in_use(address, subnet=network.subnet, interface=network.interface)
    except (OSError, ValueError) as error:
        # No link to ask over is no reason to refuse: the start asks again, on the server where it matters.
        log.warning("cannot ask who has %s: %s", address, error)
        return None


def _come_back(settings: Settings) -> bool:
    try:
        os.unlink(os.path.join(settings.run_dir, STAY_OUT))
    except FileNotFoundError:
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _closing(response: Response) -> Response:
    response.headers["connection"] = "close"
    return response
