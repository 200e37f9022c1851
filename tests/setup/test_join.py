"""Joining, for real: TLS over loopback, two servers with folders of their own. Who may, who may not, and what nobody learns."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setup.cases import WISH, places_in
from support import wait_until
from understudy.daemon import enrol, tlsdoor
from understudy.daemon.enrol import MOST_CONNECTIONS, JoinListener, let_join
from understudy.daemon.tlsdoor import MOST_REFUSED, Refusals
from understudy.errors import BadInput, Refused
from understudy.guard.configured import read_settings
from understudy.model import logevents
from understudy.model.names import ServerName
from understudy.model.servers import MEMBER, ServerRecord
from understudy.model.settings import ServerSettings, Settings
from understudy.security.authority import Authority
from understudy.security.certificates import new_request
from understudy.security.keyfiles import KeyFiles
from understudy.setup.ask import voters_key
from understudy.setup.begin import new_files, new_token, write_all
from understudy.setup.enter import JoinTerms, admitted, terms
from understudy.setup.judge import ClusterNow, Comer, judge, made_with
from understudy.setup.places import SetupPlaces, tokens_file
from understudy.setup.state import HereNow, here_now, is_whole
from understudy.setup.token import JoinToken, parse_token, token_text
from understudy.setup.tokens import TokenStore
from understudy.setup.wanted import wanted_settings
from understudy.setup.wire import JoinRequest, parse_answer, parse_refusal, parse_request

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has the ports from which servers join")

NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
"""Addresses of loopback that no other run on this machine uses at this time."""
NOW = 1_800_000_000.0
ROOTS_PORT = 700


@dataclass(frozen=True)
class Made:
    """A cluster whose first server has begun, and what a second one begins with."""

    settings: Settings
    places: SetupPlaces
    folder: Path

    def token(self, lasts_s: float = 3600.0, now: float | None = None) -> str:
        """Another one."""
        return new_token(self.settings, KeyFiles(self.places.keys), lasts_s, now if now is not None else _now())

    def places_of(self, name: str) -> SetupPlaces:
        """Where a server has its files."""
        return places_in(self.folder / name)

    def terms(self, name: str, token: str) -> JoinTerms:
        """What a server would be."""
        places = self.places_of(name)
        return terms(parse_token(token), here_now(places, {address_of(name): "lo"}), places)

    def join(self, name: str, token: str) -> Settings:
        """Let a server join; its settings."""
        found, places = self.terms(name, token), self.places_of(name)
        write_all(admitted(found, places), places, found.settings.state_dir, lambda _: None)
        return read_settings(places.config)


def _now() -> float:
    return time.time()


def address_of(name: str) -> str:
    """On loopback."""
    return f"{NETWORK}.{name[-1]}"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Four servers, of which ctr1 is configured."""
    names = ("ctr1", "ctr2", "ctr3", "ctr4")
    servers = tuple(ServerSettings(name=name, addresses=(address_of(name),)) for name in names)
    places = places_in(tmp_path / "ctr1")
    settings, _ = wanted_settings(replace(WISH, servers=servers, networks=()), [address_of("ctr1")], places)
    write_all(new_files(settings, places), places, settings.state_dir, lambda _: None)
    return Made(settings, places, tmp_path)


@contextlib.asynccontextmanager
async def serving(made: Made) -> AsyncIterator[None]:
    """The daemon's join listener."""
    task = asyncio.create_task(let_join(made.settings))
    try:
        await wait_until(lambda: connects(address_of("ctr1"), made.settings.join_port), 10, "it listens")
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def connects(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


async def test_servers_join_one_after_the_other(made: Made, logged: list[dict[str, Any]]) -> None:
    """A voter gets the authority's key and lets others join in its turn; who is no voter gets neither key nor a member of etcd."""
    async with serving(made):
        second = await asyncio.to_thread(made.join, "ctr2", made.token())
    assert (second.server, second.voters) == ("ctr2", ("ctr1", "ctr2", "ctr3"))
    assert is_whole(second, made.places_of("ctr2"))
    folder = made.folder / "ctr2/etc"
    assert sorted(path.name for path in folder.iterdir()) == ["etcd.yaml", "keys", "understudy.toml"]
    for name in ("guard.key", "authority.pem", "authority.key"):
        assert (folder / "keys" / name).read_bytes() == (Path(made.places.keys) / name).read_bytes()
    assert (folder / "keys/server.key").read_bytes() != (Path(made.places.keys) / "server.key").read_bytes()
    assert {path.name: path.stat().st_mode & 0o777 for path in (folder / "keys").iterdir() if path.suffix == ".key"} == {
        "guard.key": 0o600, "server.key": 0o600, "authority.key": 0o600,
    }  # fmt: skip

    from_second = Made(second, made.places_of("ctr2"), made.folder)
    task = asyncio.create_task(let_join(second))
    await wait_until(lambda: connects(address_of("ctr2"), second.join_port), 10, "the second server listens")
    other = await asyncio.to_thread(from_second.join, "ctr4", from_second.token())
    task.cancel()
    await asyncio.wait([task])
    assert sorted(path.name for path in (made.folder / "ctr4/etc/keys").iterdir()) == [
        "authority.pem", "guard.key", "server.key", "server.pem",
    ]  # fmt: skip
    assert not (made.folder / "ctr4/etc/etcd.yaml").exists()
    assert is_whole(other, made.places_of("ctr4"))
    joined = [(line["event"], line["joined"]) for line in logged if line["event"] == "join-accepted"]
    assert joined == [("join-accepted", "ctr2"), ("join-accepted", "ctr4")]


async def test_a_token_lets_in_once_and_whoever_is_in_needs_none(made: Made) -> None:
    token = made.token()
    async with serving(made):
        await asyncio.to_thread(made.terms, "ctr2", token)  # as --dry-run: the token stays good
        await asyncio.to_thread(made.join, "ctr2", token)
        with pytest.raises(Refused, match="it was used already") as refused:
            await asyncio.to_thread(made.join, "ctr3", token)
        assert refused.value.code == 20272
    again = made.terms("ctr2", token)
    assert again.issuer is None, "it is in: nobody has to be asked, also while nobody answers"
    assert admitted(again, made.places_of("ctr2")) == []


async def test_a_lost_answer_is_repaired_by_another_token(made: Made) -> None:
    """Power was lost after the token was used, or before everything was written."""
    token = made.token()
    async with serving(made):
        found = await asyncio.to_thread(made.terms, "ctr2", token)
        files = await asyncio.to_thread(admitted, found, made.places_of("ctr2"))
        write_all(files[:3], made.places_of("ctr2"), found.settings.state_dir, lambda _: None)
        with pytest.raises(Refused, match="it was used already"):
            await asyncio.to_thread(made.join, "ctr2", token)
        await asyncio.to_thread(made.join, "ctr2", made.token())
    assert is_whole(read_settings(made.places_of("ctr2").config), made.places_of("ctr2"))


async def test_a_member_of_etcd_without_its_data_is_refused_before_the_token_is_used(made: Made) -> None:
    """The same token lets the server in once that is put right: here its disk comes back."""
    begun = ClusterNow(made.settings, frozenset(made.settings.voters), begun=frozenset({"ctr2"}))
    token = made.token()
    task = asyncio.create_task(let_join(made.settings, lambda: begun))
    await wait_until(lambda: connects(address_of("ctr1"), made.settings.join_port), 10, "it listens")
    with pytest.raises(Refused, match="has run before, and its data is not on this server any more") as refused:
        await asyncio.to_thread(made.join, "ctr2", token)
    assert refused.value.code == 20313
    assert not Path(made.places_of("ctr2").config).exists()

    Path(made.places_of("ctr2").state_dir, "etcd/member").mkdir(parents=True)
    assert (await asyncio.to_thread(made.join, "ctr2", token)).server == "ctr2"
    task.cancel()
    await asyncio.wait([task])


async def test_a_token_that_has_ended_and_one_that_nobody_made(made: Made, logged: list[dict[str, Any]]) -> None:
    late = made.token(60.0, now=_now() - 120)
    ours = parse_token(made.token())
    forged = token_text(replace(ours, secret=bytes(16)))
    async with serving(made):
        for token, said in ((late, "it has expired"), (forged, "it is not known on the server")):
            with pytest.raises(Refused, match=said) as refused:
                await asyncio.to_thread(made.terms, "ctr2", token)
            assert refused.value.code == 20272
    lines = [line for line in logged if line["event"] == "join-refused"]
    assert len(lines) == 2
    assert not any(secret in str(lines) for secret in (ours.secret.hex(), bytes(16).hex(), forged))


async def test_whoever_is_not_of_the_cluster_is_sent_nothing(made: Made, tmp_path: Path) -> None:
    """A machine with the address of the server that made the token, and an authority of its own."""
    token = parse_token(made.token())
    impostor = places_in(tmp_path / "impostor")
    settings = replace(made.settings, guard_key=KeyFiles(impostor.keys).guard, state_dir=impostor.state_dir)
    write_all(new_files(settings, impostor), impostor, settings.state_dir, lambda _: None)
    async with serving(Made(settings, impostor, tmp_path)):
        with pytest.raises(Refused, match="is not of the cluster that made this token") as refused:
            await asyncio.to_thread(made.terms, "ctr2", token_text(token))
        assert refused.value.code == 20276


async def test_a_certificate_of_another_server_is_not_accepted(made: Made) -> None:
    """It shows the right authority, which anybody may, but has no certificate for that address."""
    keys = KeyFiles(made.places.keys)
    authority = Authority.load(Path(keys.authority).read_text(), Path(keys.authority_key).read_text())
    issued = authority.issue("ctr4", [address_of("ctr4")])
    Path(keys.certificate).write_text(issued.certificate)
    Path(keys.key).write_text(issued.key)
    async with serving(made):
        with pytest.raises(Refused, match="its certificate cannot be accepted: IP address mismatch"):
            await asyncio.to_thread(made.terms, "ctr2", made.token())


async def test_nobody_answers(made: Made) -> None:
    with pytest.raises(Refused, match="Connection refused") as refused:
        await asyncio.to_thread(made.terms, "ctr2", made.token())
    assert refused.value.code == 20275


def judged(made: Made, request: JoinRequest, comer: Comer) -> tuple[int, str]:
    """Status, and why it is refused."""
    found = judge(request, comer, made_with(made.settings), TokenStore(tokens_file(made.settings.state_dir)), NOW)
    return found.status, found.refused


@pytest.mark.parametrize(
    ("comer", "server", "said"),
    [
        (Comer(f"{NETWORK}.9", ROOTS_PORT), "ctr2", "which is no address of another server"),
        (Comer(f"{NETWORK}.1", ROOTS_PORT), "ctr1", "which is no address of another server"),
        (Comer(f"{NETWORK}.2", 40000), "ctr2", "but not from root there"),
        (Comer(f"{NETWORK}.2", ROOTS_PORT), "ctr3", "ctr3 has other addresses"),
        (Comer(f"{NETWORK}.2", ROOTS_PORT), "ctr9", "ctr9 has other addresses"),
    ],
)
def test_a_good_token_is_of_no_use_elsewhere(made: Made, comer: Comer, server: str, said: str) -> None:
    """And it stays good for the server that it was made for."""
    secret = parse_token(made.token(now=NOW)).secret.hex()
    request = JoinRequest(secret=secret, server=server, csr=new_request(server)[1])
    status, refused = judged(made, request, comer)
    assert (status, said in refused) == (403, True), refused
    good = JoinRequest(secret=secret, server="ctr2", csr=new_request("ctr2")[1])
    assert judged(made, good, Comer(f"{NETWORK}.2", ROOTS_PORT)) == (200, "")


def test_without_a_good_token_no_name_is_confirmed(made: Made) -> None:
    """A name of the cluster, another name, another address: all are answered alike."""
    answers = set()
    for server, address in (("ctr2", 2), ("ctr9", 2), ("ctr2", 9)):
        request = JoinRequest(secret=bytes(16).hex(), server=server, csr=new_request(server)[1])
        answers.add(judged(made, request, Comer(f"{NETWORK}.{address}", ROOTS_PORT)))
    assert len(answers) == 1


def test_a_bad_signing_request_does_not_use_the_token_up(made: Made) -> None:
    secret = parse_token(made.token(now=NOW)).secret.hex()
    comer = Comer(f"{NETWORK}.2", ROOTS_PORT)
    assert judged(made, JoinRequest(secret=secret, server="ctr2", csr="nonsense"), comer)[0] == 403
    assert judged(made, JoinRequest(secret=secret, server="ctr2", csr=new_request("ctr2")[1]), comer) == (200, "")


def test_an_authority_that_cannot_be_read_uses_no_token_up(made: Made) -> None:
    """And the stranger does not learn why; the log does."""
    secret = parse_token(made.token(now=NOW)).secret.hex()
    request, comer = JoinRequest(secret=secret, server="ctr2", csr=new_request("ctr2")[1]), Comer(f"{NETWORK}.2", ROOTS_PORT)
    key = Path(KeyFiles(made.places.keys).authority_key)
    content = key.read_bytes()
    key.write_text("damaged")
    found = judge(request, comer, made_with(made.settings), TokenStore(tokens_file(made.settings.state_dir)), NOW)
    assert (found.status, parse_refusal(found.body).code) == (500, 0)
    assert "no private key" in found.refused
    assert "no private key" not in found.body.decode()
    key.write_bytes(content)
    assert judged(made, request, comer) == (200, "")


# --- the listener, for strangers --------------------------------------------------------------------------------------


def post(where: tuple[str, int], path: str, body: bytes, method: str = "POST") -> tuple[int, bytes]:
    """Whatever a stranger sends, over TLS; status and answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(*where, timeout=10, context=context, source_address=(f"{NETWORK}.9", 0))
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


async def test_there_is_nothing_else_to_be_asked(made: Made) -> None:
    async with serving(made):
        where = (address_of("ctr1"), made.settings.join_port)
        for method, path, status in (
            ("GET", "/v1/join", 405), ("POST", "/v1/verb/stop-resource", 404), ("GET", "/v1/view", 404), ("POST", "/", 404),
        ):  # fmt: skip
            assert (await asyncio.to_thread(post, where, path, b"{}", method))[0] == status
        status, answer = await asyncio.to_thread(post, where, "/v1/join", b"{}")
        assert (status, parse_answer(answer).settings, parse_answer(answer).guard_key) == (200, "", "")
        assert (await asyncio.to_thread(post, where, "/v1/join", b"{" * 20000))[0] == 400
        assert (await asyncio.to_thread(post, where, "/v1/join", bytes(100_000)))[0] == 413


async def test_who_guesses_has_to_wait(made: Made, logged: list[dict[str, Any]]) -> None:
    """After a few refusals an address is not judged for a minute; others are."""
    body = b'{"secret": "%s"}' % (b"0" * 32)
    async with serving(made):
        where = (address_of("ctr1"), made.settings.join_port)
        found = [(await asyncio.to_thread(post, where, "/v1/join", body))[0] for _ in range(MOST_REFUSED + 2)]
        assert found == [403] * MOST_REFUSED + [429] * 2
        await asyncio.to_thread(made.join, "ctr2", made.token())
    assert len([line for line in logged if line["event"] == "join-refused"]) == MOST_REFUSED


async def test_idle_strangers_keep_nobody_out_for_long(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get so many connections and no more, and lose them. (Only theirs are short here: who joins needs time for a handshake.)"""
    where = (address_of("ctr1"), made.settings.join_port)
    for handshake_s, kept in ((600.0, MOST_CONNECTIONS // 2), (0.5, 0)):
        monkeypatch.setattr(tlsdoor, "HANDSHAKE_S", handshake_s)
        async with serving(made):
            idle = [await asyncio.to_thread(socket.create_connection, where, 5) for _ in range(MOST_CONNECTIONS + 4)]
            with contextlib.ExitStack() as closing:
                for connection in idle:
                    closing.enter_context(connection)
                await wait_until(lambda: all(map(_ended, idle[kept:])), 30, "they are sent away")  # noqa: B023 - waited for here
                assert not any(map(_ended, idle[:kept])), "of one address so many may wait"
                if not kept:
                    monkeypatch.setattr(tlsdoor, "HANDSHAKE_S", 600.0)
                    await asyncio.to_thread(made.join, "ctr2", made.token())


def _ended(connection: socket.socket) -> bool:
    """By the other side, by now."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_a_server_listens_from_when_it_has_the_authoritys_key(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that becomes a voter gets it while its daemon runs."""
    monkeypatch.setattr(enrol, "AGAIN_S", 0.001)
    key = Path(KeyFiles(made.places.keys).authority_key)
    kept = key.rename(key.with_suffix(".away"))
    task = asyncio.create_task(let_join(made.settings))
    await asyncio.sleep(0)
    assert not task.done()
    assert not connects(address_of("ctr1"), made.settings.join_port)
    kept.rename(key)
    await wait_until(lambda: connects(address_of("ctr1"), made.settings.join_port), 10, "it listens")
    task.cancel()
    await asyncio.wait([task])


async def test_a_server_that_becomes_a_voter_gets_the_authoritys_key_by_its_certificate(made: Made, logged: list[dict[str, Any]]) -> None:
    """From its own address, and only while the registry says so; what the others show proves nothing."""
    voting: set[str] = {"ctr1"}
    task = asyncio.create_task(let_join(made.settings, lambda: ClusterNow(made.settings, frozenset(voting))))
    await wait_until(lambda: connects(address_of("ctr1"), made.settings.join_port), 10, "it listens")
    own = await asyncio.to_thread(made.join, "ctr4", made.token())
    keys, voter = (
        KeyFiles(made.places_of("ctr4").keys),
        ServerRecord(server=ServerName("ctr1"), addresses=(address_of("ctr1"),), etcd=MEMBER),
    )
    with pytest.raises(Refused, match="is no server that becomes a voter"):
        await asyncio.to_thread(voters_key, own, keys, [voter])
    voting.add("ctr4")
    assert await asyncio.to_thread(voters_key, own, keys, [voter]) == Path(KeyFiles(made.places.keys).authority_key).read_text()
    with pytest.raises(Refused, match="is no server that becomes a voter"):
        await asyncio.to_thread(voters_key, replace(own, server="ctr3"), keys, [voter])  # ctr4's certificate, from ctr3's address
    with pytest.raises(Refused, match="there is no other voter"):
        await asyncio.to_thread(voters_key, own, keys, [])
    task.cancel()
    await asyncio.wait([task])
    assert [line["event"] for line in logged].count("join-refused") == 2


@pytest.mark.parametrize(("begun", "there", "refused"), [(True, False, True), (True, True, False), (False, False, False)])
async def test_a_member_of_etcd_that_has_run_does_not_begin_with_an_empty_memory(
    made: Made, begun: bool, there: bool, refused: bool
) -> None:
    """A voter that lost its disk; one that only renews its certificate has its data."""
    now = made_with(made.settings)._replace(begun=frozenset({"ctr2"} if begun else ()))
    if there:
        (made.folder / "ctr2/state/etcd/member").mkdir(parents=True)
    task = asyncio.create_task(let_join(made.settings, lambda: now))
    await wait_until(lambda: connects(address_of("ctr1"), made.settings.join_port), 10, "it listens")
    if refused:
        with pytest.raises(Refused, match="replace-voter ctr2"):
            await asyncio.to_thread(made.join, "ctr2", made.token())
    else:
        await asyncio.to_thread(made.join, "ctr2", made.token())
        assert (made.folder / "ctr2/etc/etcd.yaml").exists() == (not there)
    task.cancel()
    await asyncio.wait([task])


async def test_an_address_that_is_not_here_yet_is_tried_again(
    made: Made, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of the log for all attempts."""
    attempts: list[str] = []
    listening = tlsdoor._listening

    def counted(address: str, port: int) -> contextlib.closing[socket.socket]:
        attempts.append(address)
        return listening(address, port)

    monkeypatch.setattr(tlsdoor, "AGAIN_S", 0.001)
    monkeypatch.setattr(tlsdoor, "_listening", counted)
    task = asyncio.create_task(JoinListener(made.settings, KeyFiles(made.places.keys)).door.listen("198.51.100.1"))
    await wait_until(lambda: len(attempts) > 3, 10, "it is tried again")
    task.cancel()
    await asyncio.wait([task])
    assert [line["event"] for line in logged] == ["join-not-listening"]


def test_refusals_are_bounded_whoever_comes(logged: list[dict[str, Any]]) -> None:
    clock = [100.0]
    refusals = Refusals(logevents.JOIN_REFUSED, lambda: clock[0])
    for number in range(1000):
        refusals.note(f"10.0.{number // 250}.{number % 250}", "no")
    assert len(logged) == tlsdoor.MOST_LINES
    assert len(refusals._by_address) == tlsdoor.MOST_ADDRESSES
    clock[0] += tlsdoor.EVERY_S + 1
    assert refusals.may_try("10.0.3.249")
    refusals.note("10.0.0.1", "no")
    assert logged[-1]["not_logged"] == 1000 - tlsdoor.MOST_LINES


# --- what is said over the connection ---------------------------------------------------------------------------------

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["secret", "server", "csr", "authority", "x"]), inner),
    max_leaves=8,
)


@given(st.binary(max_size=300) | JSONS.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_sent_is_a_request_or_refused(raw: bytes) -> None:
    """On both sides."""
    for parse in (parse_request, parse_answer, parse_refusal):
        with contextlib.suppress(BadInput):
            parse(raw)


@given(st.text(max_size=40), st.text(max_size=70))
def test_a_request_has_a_secret_and_a_name_or_none(secret: str, server: str) -> None:
    raw = msgspec.json.encode({"secret": secret, "server": server, "csr": ""})
    try:
        request = parse_request(raw)
    except BadInput:
        return
    assert request.secret == "" or len(bytes.fromhex(request.secret)) == 16
    assert len(request.server) <= 63
    assert secret not in repr(request) or not secret


def test_keys_of_another_cluster_stay_where_they_are(made: Made) -> None:
    token = JoinToken(endpoints=((address_of("ctr1"), 7402),), pin=bytes(32), secret=bytes(16))
    with pytest.raises(BadInput, match="it is of another cluster than the token") as refused:
        terms(token, HereNow(), made.places)
    assert refused.value.code == 20283


async def test_who_joins_while_the_guards_key_is_exchanged_gets_both(made: Made) -> None:
    """As the server that lets it in has them; `init`, typed again there, leaves them alone."""
    both = f"{'0a' * 32}\n{'0b' * 32}\n"
    Path(KeyFiles(made.places.keys).guard).write_text(both)
    async with serving(made):
        await asyncio.to_thread(made.join, "ctr2", made.token())

    assert Path(KeyFiles(made.places_of("ctr2").keys).guard).read_text() == both
    assert {file.path: file.content for file in new_files(made.settings, made.places)}[KeyFiles(made.places.keys).guard] == both
