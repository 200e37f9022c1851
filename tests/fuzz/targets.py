"""Every parser of what comes from outside, as a function of bytes: it returns, or raises one of the exceptions that its docstring names.

Used by `explore.py` and `test_fuzz.py`. A target begins from valid messages, made by the code that sends them, so that what comes after a
checksum, a length or a tag is reached, too.
"""

import asyncio
import contextlib
import hmac
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.cli import client
from understudy.daemon.api import _body as parse_body
from understudy.daemon.http import LARGEST_BODY, Exchange, NoRequest, Peer
from understudy.daemon.remote import proven
from understudy.daemon.replayed import imported
from understudy.daemon.times import wall_of
from understudy.daemon.verbs.arguments import Arguments
from understudy.errors import BadInput, BadSettings, RegistryUnreachable
from understudy.executor import wire as execwire
from understudy.guard import wire as guardwire
from understudy.guard.clients import parse_packet
from understudy.guard.core import (
    BootNumber,
    Census,
    CensusAnswer,
    Envelope,
    FarewellMessage,
    Grant,
    GrantedLife,
    Lost,
    NotSilent,
    Pulse,
    Query,
    Renew,
    Silent,
    common_settings,
)
from understudy.guard.core.messages import Body
from understudy.intent import types as intent_types
from understudy.linux.reading import Reading
from understudy.model.dependencies import Registered
from understudy.model.dependencies import parse as parse_dependencies
from understudy.model.filters import parse as parse_filter
from understudy.model.limits import derive
from understudy.model.names import Incarnation, ResourceName, TypeName
from understudy.model.pools import build
from understudy.model.position import Position
from understudy.model.profile import resolve, validate
from understudy.model.settings import ServerSettings, Settings, parse_settings
from understudy.model.state import State
from understudy.model.types import CLUSTER
from understudy.model.view import Definition, Event, Report
from understudy.ports import ActionRequest, CommitCondition, Write
from understudy.registry import keys
from understudy.registry import wire as registrywire
from understudy.registry.commits import Commit
from understudy.registry.etcd import etcd_pb2 as etcd
from understudy.registry.etcd.requests import Root
from understudy.registry.sqlite import frames
from understudy.security.authority import Authority
from understudy.security.certificates import look, new_request, parse_certificate, parse_key, parse_request
from understudy.setup import wire as joinwire
from understudy.setup.token import HEAD, JoinToken, _checksum, parse_token, token_text
from understudy.setup.written import settings_text

KEY = bytes(32)
SETTINGS = Settings(
    cluster="test",
    server="ctr1",
    servers=tuple(ServerSettings(name=f"ctr{number}", addresses=(f"10.0.0.{number}",)) for number in (1, 2, 3)),
    voters=("ctr1", "ctr2", "ctr3"),
)
_LIFE = bytes(range(16))
DECISION = Path(__file__).parents[1] / "daemon/decisions/failed_in_its_pool.json"


@dataclass(frozen=True)
class FuzzTarget:
    """One parser."""

    name: str
    parse: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    """What may come out of it."""
    seeds: Sequence[bytes]
    longest: int = 4096
    """Bytes of an input."""

    def try_one(self, data: bytes) -> None:
        """Whatever is not allowed comes out."""
        with contextlib.suppress(*self.allowed):
            self.parse(data)


def targets() -> dict[str, FuzzTarget]:
    """All of them, by name."""
    found = [*_of_guards(), *_of_joining(), *_of_http(), *_of_registry(), *_of_sockets(), *_of_texts()]
    return {target.name: target for target in found}


# --- guards -----------------------------------------------------------------------------------------------------------


def _of_guards() -> list[FuzzTarget]:
    bodies: list[Body] = [
        Renew(7, Reading(10**9, 10**9), 5, Position(1, 2, 3)), Grant(_LIFE, 7, Reading(1, 2), 9), BootNumber(_LIFE, 7, 9), Lost(_LIFE),
        Query(3, "ctr2", _LIFE), Silent(3, "ctr2", _LIFE, 9), NotSilent(3, _LIFE, 9), Census(4),
        CensusAnswer(4, 5, 0, 1, (GrantedLife("ctr1", _LIFE, Position(1, 2, 3)),)), FarewellMessage(), Pulse(True, "why", 100),
    ]  # fmt: skip
    common = common_settings("test", SETTINGS.voters, 1, derive(2.0))
    sent = [guardwire.encode(Envelope(common, "ctr1", _LIFE, "ctr2", body), key=KEY) for body in bodies]

    def under_the_key(data: bytes) -> object:
        return guardwire.decode(data + hmac.digest(KEY, data, "sha256"), key=KEY)

    return [
        FuzzTarget("guard", lambda data: guardwire.decode(data, key=KEY), (guardwire.BadMessage,), sent, 2 * guardwire.LONGEST),
        # what whoever has the key, or a guard with a defect, may send
        FuzzTarget(
            "guard-keyed", under_the_key, (guardwire.BadMessage,), [raw[: -guardwire.MAC_LENGTH] for raw in sent], guardwire.LONGEST
        ),
    ]


# --- joining ----------------------------------------------------------------------------------------------------------


def _of_joining() -> list[FuzzTarget]:
    token = token_text(JoinToken(endpoints=(("10.10.20.1", 7402), ("fd00::1", 7402)), pin=bytes(32), secret=bytes(16)))
    body = _token_body(token)
    request = joinwire.request_bytes(joinwire.JoinRequest(secret="0" * 32, server="ctr2", csr=new_request("ctr2")[1]))
    authority = Authority("test")
    answer = joinwire.answer_bytes(joinwire.JoinAnswer(authority=authority.certificate, settings=settings_text(SETTINGS)))
    issued = authority.issue("ctr1", ["10.0.0.1"])

    def within_a_token(data: bytes) -> object:
        return parse_token(_token_of(data))

    def certificates(data: bytes) -> None:
        text = data.decode("latin-1")
        for parse in (parse_certificate, parse_request, parse_key, look):
            with contextlib.suppress(BadInput):
                parse(text)

    def answers(data: bytes) -> None:
        for parse in (joinwire.parse_answer, joinwire.parse_refusal):
            with contextlib.suppress(BadInput):
                parse(data)

    return [
        FuzzTarget("token", lambda data: parse_token(data.decode("latin-1")), (BadInput,), [token.encode()]),
        FuzzTarget("token-whole", within_a_token, (BadInput,), [body], 400),
        FuzzTarget("join-request", joinwire.parse_request, (BadInput,), [request, b"{}"], 2 * joinwire.LARGEST_REQUEST),
        FuzzTarget("join-answer", answers, (BadInput,), [answer, joinwire.answer_bytes(joinwire.JoinRefusal("no", 20272))], 1 << 16),
        FuzzTarget(
            "settings", lambda data: parse_settings(data.decode("latin-1")), (BadSettings,), [settings_text(SETTINGS).encode()], 8192
        ),
        FuzzTarget(
            "certificate", certificates, (), [part.encode() for part in (issued.certificate, issued.key, new_request("ctr2")[1])], 8192
        ),
    ]


def _token_body(token: str) -> bytes:
    import base64

    letters = token.removeprefix(HEAD)
    raw = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    return raw[: -len(_checksum(b""))]


def _token_of(body: bytes) -> str:
    import base64

    return HEAD + base64.b32encode(body + _checksum(body)).decode().rstrip("=").lower()


# --- HTTP, both ends --------------------------------------------------------------------------------------------------

_loop: list[asyncio.AbstractEventLoop] = []


def _of_http() -> list[FuzzTarget]:
    body = json.dumps({"names": ["db"], "attr": "A=b", "force": True}).encode()
    heads = [
        b"POST /v1/verb/stat-resource HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body,
        b"GET /v1/explain/a%25b?last=5&resource=x HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ]
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'12\r\n{"out": "line"}\n\r\n\r\nb\r\n{"exit":0}\n\r\n0\r\n\r\n',
        b'HTTP/1.1 503 Busy\r\nContent-Length: 16\r\n\r\n{"error":"busy"}',
    ]
    return [
        FuzzTarget("http", _request, (NoRequest, ConnectionError), heads, 2 * (16 << 10)),
        FuzzTarget("http-answer", lambda data: list(client.messages(io.BytesIO(data))), (client.Away, ValueError), answers),
        FuzzTarget("verb", _verb, (BadInput,), [body, *(json.dumps(each).encode() for each in _BODIES)]),
        FuzzTarget("names", _proven, (), [b"ctr1\0DNS\0ctr1\0IP Address\0" + b"10.0.0.1", b"bob"]),
    ]


class _Written:
    """A writer that keeps nothing."""

    transport = None

    def write(self, data: bytes) -> None:
        """Nothing reads it."""

    async def drain(self) -> None:
        """At once."""


def _request(data: bytes) -> object:
    if not _loop:
        _loop.append(asyncio.new_event_loop())

    async def read() -> object:
        reader = asyncio.StreamReader(limit=16 << 10)
        reader.feed_data(data)
        reader.feed_eof()
        request = await Exchange(reader, _Written(), Peer(uid=65534, gid=65534, pid=1)).request()  # type: ignore[arg-type]
        assert len(request.body) <= LARGEST_BODY
        return request

    return _loop[0].run_until_complete(read())


_BODIES: list[dict[str, object]] = [
    {"names": ["db"], "filter": "((NAME st db) AND (TARGET = ONLINE)) OR (STATE != OFFLINE)"},
    {"names": ["db"], "type": "cluster_resource", "attr": "ACTION_SCRIPT=/x,ACL='owner:root:rwx,pgrp:root:r-x,other::r--',LOAD=3"},
    {"file": "A=1\nSTART_DEPENDENCIES=hard(a,b) pullup:always(type:t)\n", "names": ["t"]},
    {"attr": "ATTRIBUTE=X,TYPE=int,DEFAULT_VALUE=5,FLAGS=CONFIG|REQUIRED", "last": "10"},
]


def _verb(data: bytes) -> None:
    """A body, and all that verbs read of one."""
    arguments = Arguments(parse_body(data))
    for read in (
        lambda: arguments.names, lambda: arguments.one_name("resource"), lambda: arguments.number("last"),
        lambda: parse_filter(arguments.text("filter") or ""), lambda: _definition(arguments.attributes()),
        lambda: build(ResourceName("p"), arguments.attributes()),  # type: ignore[arg-type]
        lambda: intent_types.read(TypeName("t"), CLUSTER, arguments.pairs()),
    ):  # fmt: skip
        with contextlib.suppress(BadInput):
            read()


def _definition(attributes: dict[str, str]) -> None:
    record = Definition(name=ResourceName("r"), type=CLUSTER, uid="1", attributes=attributes)
    validate(record, Registered(resources={}, types={}, pools={}), force=True)
    resolve(record, {})


def _proven(data: bytes) -> None:
    """A certificate's name and other names, as `ssl` hands them over."""
    name, *rest = data.decode("latin-1").split("\0")
    others = tuple(zip(rest[::2], rest[1::2], strict=False))
    proven({"subject": ((("commonName", name),),), "subjectAltName": others}, "10.0.0.1", SETTINGS)


# --- the registry, all of its links -----------------------------------------------------------------------------------


def _of_registry() -> list[FuzzTarget]:
    conditions, writes = (CommitCondition("resource/db", 3),), (Write("resource/db", b"{}"), Write("target/db", None))
    hello = frames.WireHello(protocol=1, client=_LIFE, nonce=_LIFE, proof=bytes(32))
    asked = [bytes(frames.frame(message)) for message in (hello, frames.pack_commit(1, conditions, writes), frames.WirePing())]
    said = (frames.WireChallenge(protocol=1, nonce=_LIFE, keyed=True), frames.WireCommitted(id=1, revision=2), frames.WirePong())
    answered = [bytes(frames.frame(message)) for message in said]
    return [
        FuzzTarget("registry-request", _split(frames.from_client), (frames.BadFrame,), asked),
        FuzzTarget("registry-answer", _split(frames.from_server), (frames.BadFrame,), answered),
        FuzzTarget("registry-value", _value, (registrywire.Unreadable,), _values()),
        FuzzTarget("etcd-answer", _etcd, (RegistryUnreachable,), _etcd_answers()),
    ]


def _split(parse: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def take(data: bytes) -> None:
        splitter = frames.Splitter(1 << 16)
        for payload in splitter.feed(data):
            parse(payload)
        if data[:1] != b"\0":  # as it stands behind a length
            parse(data)

    return take


def _values() -> list[bytes]:
    life, name = Incarnation("0" * 32), ResourceName("db")
    records: list[tuple[str, registrywire.Record]] = [
        (keys.resource(name), Definition(name=name, type=CLUSTER, uid="1", attributes={"A": "b"})),
        (keys.report(name, "ctr1"), Report(resource=name, server="ctr1", incarnation=life, epoch=1, state=State.ONLINE)),  # type: ignore[arg-type]
        (keys.history(1, "ctr1", 1), Event(wall=1.0, server="ctr1", kind="joined")),  # type: ignore[arg-type]
    ]
    return [key.encode() + b"\0" + registrywire.encode(record) for key, record in records]


def _value(data: bytes) -> object:
    key, _, value = data.partition(b"\0")
    return registrywire.PRESENT.decode(key.decode("latin-1"), value)


def _etcd_answers() -> list[bytes]:
    pair = etcd.KeyValue(key=Root("test").key("resource/db"), value=b"{}", mod_revision=3)
    answer = etcd.TxnResponse(succeeded=False, responses=[etcd.ResponseOp(response_range=etcd.RangeResponse(kvs=[pair]))])
    watch = etcd.WatchResponse(events=[etcd.Event(kv=pair), etcd.Event(type=etcd.Event.DELETE, kv=pair)])
    return [b"t" + answer.SerializeToString(), b"w" + watch.SerializeToString()]


def _etcd(data: bytes) -> None:
    """What a member answers, as far as it is a message at all: that is the library's to judge."""
    from google.protobuf.message import DecodeError

    root = Root("test")
    commit = Commit((CommitCondition("resource/db", 3),), (Write("resource/db", b"{}"),))
    try:
        answer = etcd.TxnResponse.FromString(data[1:]) if data[:1] == b"t" else None
        events = etcd.WatchResponse.FromString(data[1:]).events if answer is None else ()
    except DecodeError:
        return
    if answer is not None:
        root.outcome(commit, answer)
    for _ in root.batches(list(events)):
        pass


# --- sockets of this server -------------------------------------------------------------------------------------------


def _of_sockets() -> list[FuzzTarget]:
    request = ActionRequest(
        resource=ResourceName("db"), action="start", agent="script", parameters={"script": "/x"}, environment={"_CRS_A": "b"},
        timeout_s=5.0, epoch=3, incarnation=Incarnation("0" * 32), user="root",
    )  # fmt: skip
    run = execwire.encode(execwire.request_to_wire(request))

    def outcome(data: bytes) -> None:
        message = execwire.decode(data)
        for parse in (execwire.request_from_wire, lambda found: execwire.outcome_from_wire(found, "check")):
            with contextlib.suppress(BadInput):
                parse(message)

    answer = json.dumps({"observed": "online", "status": 0, "evidence": "check", "lines": ["x"]}).encode()
    packets = [json.dumps({"op": "epoch", "id": 1, "resource": "db", "epoch": 3}).encode(), b'{"op": "hello", "role": "daemon"}']
    return [
        FuzzTarget("executor", outcome, (BadInput,), [run, answer]),
        FuzzTarget("guard-socket", parse_packet, (), packets),
    ]


# --- what operators type ----------------------------------------------------------------------------------------------


def _of_texts() -> list[FuzzTarget]:
    return [
        FuzzTarget("filter", lambda data: parse_filter(data.decode("latin-1")), (BadInput,), [b"(NAME st db) AND ((A = 1) OR (B != 3))"]),
        FuzzTarget("time", lambda data: wall_of(data.decode("latin-1"), 1.7e9), (BadInput,), [b"2026-11-28 14:05:30.5", b"10m ago"]),
        FuzzTarget("decision", lambda data: imported(data, "x.json"), (BadInput,), [DECISION.read_bytes()], longest=16_384),
        FuzzTarget(
            "dependencies",
            lambda data: parse_dependencies(data.decode("latin-1"), "START_DEPENDENCIES", ResourceName("db")),
            (BadInput,),
            [b"hard(a, global:intermediate:b) weak(concurrent:type:t) pullup:always(c)"],
        ),
    ]
