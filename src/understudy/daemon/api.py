"""The API: HTTP/1.1 and JSON on `<run_dir>/api.sock`, one request per connection.

    POST /v1/verb/NAME      JSON body; answers JSON lines {"out":..} {"err":..}, last {"exit":n}
    POST /v1/whatif/NAME    the same, rehearsed: what would come of it; nothing is changed
    GET  /v1/ready          200 when this server has joined, else 503
    GET  /v1/view           the whole View
    GET  /v1/intent         what is registered and wanted, as `understudy cluster export`
    GET  /v1/resources, /v1/servers, /v1/serverpools, /v1/types, /v1/cluster, /v1/history?last=N, /v1/explain/NAME

The same over mutual TLS on the server's own addresses (`daemon/remote.py`). Owns the way from a request to a verb and back, and who it
is that asks. Called by `daemon/main.py`. What a user may see and change is `intent/rights.py`'s. It never decides and never writes: the
verbs do.
"""

import asyncio
import functools
import itertools
import json
import resource
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from understudy.daemon.audit import Audit, said
from understudy.daemon.callernames import CallerNames
from understudy.daemon.callers import Callers, Room
from understudy.daemon.http import PART, App, HttpRequest, Peer, Reply, error_body
from understudy.daemon.node import Node
from understudy.daemon.past import Past
from understudy.daemon.peers import listening
from understudy.daemon.remote import answer_remotely
from understudy.daemon.seen import SeenMirror
from understudy.daemon.sight import Sight
from understudy.daemon.siteplaces import PlacesHere, PlacesPort
from understudy.daemon.turns import Turn, Turns
from understudy.daemon.verbs import REHEARSALS, VERBS, Verb, export, history, serverpool, servers, site_places, stat_resource, types
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.truth import Read, head
from understudy.daemon.verbs.world import FIRST_NUMBER, CommandContext, CommandTrail, MirrorPort
from understudy.errors import BadInput, Unreachable
from understudy.intent.facts import life
from understudy.intent.visible import definitions_shown
from understudy.model.conditions import Own
from understudy.model.messages import line, with_number
from understudy.model.names import ResourceName, ServerName
from understudy.model.settings import Settings
from understudy.model.shown import shown
from understudy.model.state import Life
from understudy.ports import Clock, OwnServer, RegistryMembers

TOKEN_BYTES = 16
MOST_WAITING = 16 << 20
"""Bytes of a command's lines that wait for its reader; further lines are dropped."""
STILL_S, STILL = 5.0, b'{"still":true}\n'
"""How often a client is sent a keep-alive line while its command prints nothing; if none comes, it may assume that the daemon hangs."""
MOMENT_S = 0.02
MOST_UNDER_WAY = 8
"""Commands that change something and have not ended, of one user other than root: they go on when their caller goes away."""
VERB, WHATIF, EXPLAIN = "/v1/verb/", "/v1/whatif/", "/v1/explain/"
"""A rehearsal has a path of its own: a daemon of a version that knows of none refuses it, and does not carry it out."""
WITH_DRY_RUN = ("cluster-restore",)
"""Verbs with one of their own."""
READS: Mapping[str, Read] = {
    "/v1/resources": stat_resource.as_json,
    "/v1/servers": servers.server_list_json,
    "/v1/serverpools": serverpool.as_json,
    "/v1/types": types.as_json,
    "/v1/cluster": servers.cluster_status_json,
    "/v1/intent": export.as_json,
}
"""Path, and what is answered: the same as by a verb's `--json`."""


NoteEvent = Callable[[str, ResourceName | None, str, str, str], None]
"""Note a history event: kind, resource, cause, text, and the command that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """What the API hands to the verbs, whoever calls."""

    mirror: MirrorPort
    settings: Settings
    clock: Clock
    server: OwnServer
    settings_now: Callable[[], Settings] | None = None
    """The settings with the servers that there are by now; None: those above."""
    members: RegistryMembers | None = None
    token: Callable[[], str] = field(default=lambda: secrets.token_hex(TOKEN_BYTES))
    record: NoteEvent = field(default=lambda *_: None)
    audit: Audit | None = None
    """Who notes which commands are given; None: nobody does."""
    past: Past | None = None
    number: Callable[[], int] = field(default_factory=lambda: itertools.count(FIRST_NUMBER).__next__)
    check: Callable[[ResourceName], None] = field(default=lambda _: None)
    own: Callable[[], Own] | None = None
    leave_here: Callable[[str, bool], None] = field(default=lambda *_: None)
    places: PlacesHere | None = None
    leave_followed: Callable[[], AbstractContextManager[Callable[[], bool]]] = field(default=lambda: nullcontext(lambda: False))


async def serve(
    node: Node, sight: Sight, settings: Settings, server: OwnServer, members: RegistryMembers | None = None, *, places: PlacesPort
) -> None:
    """Answer requests until cancelled. `places`: who looks at files of this server."""

    def record(kind: str, about: ResourceName | None, cause: str, text: str, command: str) -> None:
        node.history.record(kind, resource=about, cause=cause, text=text, command=command)

    def check(name: ResourceName) -> None:
        if node.lanes is not None:
            node.lanes.alarm(name)

    services = ApiServices(
        mirror=node.mirror,
        settings=settings,
        settings_now=lambda: node.settings,
        members=members,
        clock=node.clock,
        server=server,
        record=record,
        audit=audit_of(node),
        past=node.past,
        check=check,
        leave_here=lambda by, at_once: node.leave.order(by, at_once=at_once),
        leave_followed=node.leave.followed,
        own=sight.own,
        places=PlacesHere(places),
    )
    app, callers = application(services), Callers(room=Room.within(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    async with listening(app, f"{settings.run_dir}/api.sock", callers=callers):
        await answer_remotely(app, settings, callers, services.settings_now)


def audit_of(node: Node) -> Audit:
    """Who notes which commands are given to this daemon."""
    later = asyncio.get_running_loop().call_later
    return Audit(node.server, node.history.record, node.clock.monotonic, later, lambda: secrets.token_hex(TOKEN_BYTES))


def application(services: ApiServices) -> App:
    """The routes, for this socket and for tests."""
    return _Api(services).answer


class _Lines:
    """A verb's output: JSON lines in a queue, None when it has ended."""

    def __init__(self, peer: Peer) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.peer = peer
        self._waiting = 0
        """Bytes that nobody has taken yet."""
        self.cut = False
        """Whether further lines are dropped, because nobody took what was there."""
        self.closed = False
        """Whether nobody reads any more: the caller has gone away, or was sent the end."""
        self.trail: CommandTrail | None = None

    def out(self, text: str) -> None:
        self._put({"out": shown(text)})

    def err(self, text: str) -> None:
        self._put({"err": shown(text)})

    def exit(self, status: int) -> None:
        self._send({"exit": status})
        self.queue.put_nowait(None)

    def _put(self, message: Mapping[str, str]) -> None:
        if self.trail is not None:
            said(self.trail, next(iter(message.values())))
        if self.cut:
            return
        if self._waiting > MOST_WAITING:  # what it asked for goes on; only its lines are dropped
            self.cut = True
            message = {"err": line(20180, MOST_WAITING >> 20)}
        self._send(message)

    def _send(self, message: Mapping[str, object]) -> None:
        if self.closed:
            return
        raw = json.dumps(message).encode() + b"\n"
        self._waiting += len(raw)
        self.peer.callers.hold(self.peer.uid, len(raw))
        self.queue.put_nowait(raw)

    def taken(self, size: int) -> None:
        """So many bytes were sent."""
        if not self.closed:
            self._waiting -= size
            self.peer.callers.drop(self.peer.uid, size)

    def close(self) -> None:
        """Nobody reads any more."""
        self.closed = True
        self.peer.callers.drop(self.peer.uid, self._waiting)
        self._waiting = 0


class _Api:
    """Request handlers; each makes a World of its own."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._running: set[asyncio.Task[None]] = set()
        self._under_way: Counter[str] = Counter()
        """By user other than root."""
        self._turns = Turns()
        self._names = CallerNames(services.server)

    async def answer(self, request: HttpRequest) -> Reply:
        """Whatever is asked."""
        for prefix, verbs in ((VERB, VERBS), (WHATIF, REHEARSALS)):
            name = request.path.removeprefix(prefix)
            if name != request.path and request.method != "POST":
                return _refused(405, f"use POST for {prefix}{name[:40]}")
            if name != request.path:
                return await self._verb(verbs, name, request)
        handler = self._handlers().get(request.path)
        if handler is None and not request.path.startswith(EXPLAIN):
            return _refused(404, "no such path")
        if request.method != "GET":
            return _refused(405, "use GET")
        if why := request.peer.callers.busy(request.peer.uid):
            return _refused(503, why)
        if handler is None:
            names = {"names": [request.path.removeprefix(EXPLAIN)]}
            return await self._reading(history.explain_json, names, request, otherwise=404)
        return await handler(request)

    def _handlers(self) -> Mapping[str, Callable[[HttpRequest], Awaitable[Reply]]]:
        reads = {path: functools.partial(self._reading, read, {}) for path, read in READS.items()}
        return {"/v1/ready": self._ready, "/v1/view": self._view, "/v1/history": self._history, **reads}

    async def _verb(self, verbs: Mapping[str, Verb], name: str, request: HttpRequest) -> Reply:
        verb = verbs.get(name)
        if verb is None:
            return Reply(json.dumps({"error": "no such verb", "verbs": list(verbs)}).encode(), 404)
        try:
            body = _body(request.body)
        except BadInput as error:
            return _refused(400, str(error))
        if verbs is VERBS and body.get("dry_run") and name not in WITH_DRY_RUN:
            return _refused(400, f"a dry run is asked for with POST {WHATIF}{name}")
        if _only_asks(verb) and (why := request.peer.callers.busy(request.peer.uid)):
            return _refused(503, why)
        lines = _Lines(request.peer)
        world = await self._world(request.peer, lines, changes=verb.changes)
        world = world if _only_asks(verb) else self._audited(name, body, world, lines)
        task = asyncio.create_task(self._run(verb, world, Arguments(body), lines))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

        def ended() -> None:
            lines.close()
            # A caller that goes away detaches: what changes something is carried to its end, what only reads is not.
            if _only_asks(verb):
                task.cancel()

        return Reply(_streamed(lines), media_type="application/jsonl", ended=ended)

    def _audited(self, name: str, body: Mapping[str, Any], world: CommandContext, lines: _Lines) -> CommandContext:
        """The same, with what the command leaves in the history. A look at another server's files is none, and has lines of its own."""
        if self._services.audit is None or (name == "site-places" and not site_places.changes(body)) or body.get("dry_run"):
            return world
        lines.trail = trail = self._services.audit.begins(name, body, world.caller)
        return replace(world, command=trail, record=self._noting(trail.id))

    def _noting(self, command: str) -> Callable[[str, ResourceName | None, str, str], None]:
        note = self._services.record
        return lambda kind, about, cause, text: note(kind, about, cause, text, command)

    async def _ready(self, request: HttpRequest) -> Reply:
        services = self._services
        now = life(services.mirror.view, ServerName(services.settings.server))
        body = {"server": services.settings.server, "life": None if now is None else now.value}
        return Reply(msgspec.json.encode(body), 200 if now is Life.ONLINE else 503)

    async def _view(self, request: HttpRequest) -> Reply:
        world = await self._world(request.peer, _Lines(request.peer))
        return Reply(msgspec.json.encode(definitions_shown(world.mirror.view, world.caller.who), enc_hook=_plain))

    async def _history(self, request: HttpRequest) -> Reply:
        arguments = {"last": request.query.get("last", ["100"])[-1], "names": list(request.query.get("resource", ()))}
        return await self._reading(history.history_json, arguments, request)

    async def _reading(self, read: Read, body: Mapping[str, object], request: HttpRequest, *, otherwise: int = 400) -> Reply:
        """What a verb that only shows would answer as JSON; `otherwise`: the status when that cannot be shown."""
        lines = _Lines(request.peer)
        world = await self._world(request.peer, lines)
        async with self._turns.place(request.peer.uid):
            if why := request.peer.callers.busy(request.peer.uid):  # by the answers to those before
                return _refused(503, why)
            await world.turn.begin()
            if not world.mirror.read_once:
                return _refused(503, line(4535))
            try:
                text = (await read(world, Arguments(body))).encode()
            except BadInput as error:
                return _refused(otherwise, with_number(error.code, str(error)))
        return Reply(text) if len(text) <= MOST_WAITING else _refused(503, line(20180, MOST_WAITING >> 20))

    async def _world(self, peer: Peer, lines: _Lines, *, changes: bool = False) -> CommandContext:
        """What changes something is decided from all there is; what only shows, from what its caller may see."""
        services, caller = self._services, await self._names.caller(peer)
        return CommandContext(
            mirror=services.mirror if changes or caller.who.root else SeenMirror(services.mirror, caller.who),
            settings=services.settings if services.settings_now is None else services.settings_now(),
            clock=services.clock,
            caller=caller,
            output=lines,
            server=services.server,
            token=services.token,
            record=self._noting(""),
            number=services.number,
            own=None if services.own is None else _for_a_moment(services.own),
            check=services.check,
            leave_here=services.leave_here,
            leave_followed=services.leave_followed,
            past=services.past,
            members=services.members,
            places=services.places,
            detached=lambda: lines.closed,
            turn=Turn(self._turns, queued=peer.uid != 0),
        )

    async def _run(self, verb: Verb, world: CommandContext, arguments: Arguments, lines: _Lines) -> None:
        status, callers = 1, lines.peer.callers
        try:
            if not _only_asks(verb):
                self._under_way[world.caller.user] += 1
                status = await self._carry_out(verb, world, arguments)
            else:
                async with self._turns.place(world.caller.uid):
                    await world.turn.begin()
                    if why := callers.busy(world.caller.uid):  # by the answers to those before
                        lines.err(why)
                    else:
                        status = await self._carry_out(verb, world, arguments)
        except BadInput as error:
            lines.out(with_number(error.code, str(error)))
        except Unreachable as error:
            lines.out(line(20061, error))
        except Exception as error:  # noqa: BLE001 - the loop that serves others must not end because of one request
            callers.complaints.failed(world.caller.uid, f"a request ({', '.join(arguments.body)})", error)
            lines.err("understudyd: internal error, see its log")
        finally:
            if world.command is not None and self._services.audit is not None:
                self._services.audit.ended(world.command, status)
            if not _only_asks(verb):
                self._under_way[world.caller.user] -= 1
                self._under_way += Counter()  # whoever has none is not kept
            lines.exit(status)

    async def _carry_out(self, verb: Verb, world: CommandContext, arguments: Arguments) -> int:
        """Its exit status; 1 where it is not even begun."""
        user, root = world.caller.user, world.caller.who.root
        if verb.changes and not verb.by_rights and not root:
            world.say(20064, user)
        elif verb.changes and not root and self._under_way[user] > MOST_UNDER_WAY:
            world.say(20330, user, MOST_UNDER_WAY)
        elif verb.knows and not world.mirror.read_once:
            world.say(4535)
            head(world)
        else:
            if world.command is not None:
                world.command.begun = True
            return await verb.run(world, arguments)
        return 1


async def _streamed(lines: _Lines) -> AsyncIterator[bytes]:
    """Whatever there is, together: a chunk for each line would cost more than the line."""
    ended = False
    while not ended:
        found: list[bytes] = []
        try:
            async with asyncio.timeout(STILL_S):
                line = await lines.queue.get()
        except TimeoutError:
            yield STILL
            continue
        size = 0
        while line is not None:
            found.append(line)
            size += len(line)
            if size >= PART or lines.queue.empty():
                break
            line = lines.queue.get_nowait()
        ended = line is None
        part = b"".join(found)  # a long line alone is not copied, and is kept once while it waits for its reader
        del found, line
        yield part
        del part
        lines.taken(size)


def _only_asks(verb: Verb) -> bool:
    """Whether it changes nothing: so it has its turn among those, and nobody carries it to its end."""
    return verb.rehearsal or not verb.changes


def _body(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:  # RecursionError: brackets without end
        raise BadInput(f"the request is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadInput("the request must be a JSON object")
    return found


def _refused(status: int, why: str) -> Reply:
    return Reply(error_body(why), status)


def _for_a_moment(own: Callable[[], Own]) -> Callable[[], Own]:
    """What this server knows of itself, looked up once for all that a request asks within a moment: it walks over all lanes."""
    loop = asyncio.get_running_loop()
    known: tuple[float, Own] | None = None

    def ask() -> Own:
        nonlocal known
        if known is None or loop.time() - known[0] > MOMENT_S:
            known = loop.time(), own()
        return known[1]

    return ask


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
