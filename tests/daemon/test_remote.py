"""Commands over mutual TLS, for real on loopback: who is who, who is refused, what a client says, and what strangers can hold up."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from asyncio import sslproto
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cutting import exchange_value
from daemon.cluster import Cluster, running
from support import wait_until
from understudy.cli import client, place
from understudy.daemon import remote, tlsdoor
from understudy.daemon.api import application
from understudy.daemon.callers import Callers, Room
from understudy.daemon.remote import answer_remotely, proven
from understudy.errors import BadInput
from understudy.model.names import ResourceName
from understudy.model.settings import ServerSettings, Settings, TlsFiles
from understudy.model.state import Target
from understudy.security.authority import Authority, Certificate
from understudy.security.keyfiles import KeyFiles
from understudy.setup.userfile import new_user_file, write_new

ADDRESS = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.7"
"""On loopback, where no other run on this machine listens at this time; who connects to it comes from 127.0.0.1."""
FROM = "127.0.0.1"
DAY = timedelta(days=1)


@dataclass
class RemoteSite:
    """A cluster's authority, the files of ctr1 whose daemon answers, and those of ctr2 from which root asks."""

    folder: Path
    authority: Authority
    port: int

    def write(self, name: str, issued: Certificate) -> TlsFiles:
        """Certificate, key and authority in a folder."""
        keys = KeyFiles(str(self.folder / name))
        os.makedirs(keys.folder, exist_ok=True)
        for path, text in ((keys.authority, self.authority.certificate), (keys.certificate, issued.certificate), (keys.key, issued.key)):
            Path(path).write_text(text)
            os.chmod(path, 0o600)
        return TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key)

    def settings(self, settings: Settings) -> Settings:
        """Of ctr1, where it listens."""
        servers = (
            ServerSettings(name="ctr1", addresses=(ADDRESS,)), ServerSettings(name="ctr2", addresses=(FROM,)),
            ServerSettings(name="ctr3", addresses=("127.0.0.3",)),
        )  # fmt: skip
        files = self.write("ctr1", self.authority.issue("ctr1", [ADDRESS]))
        return replace(settings, servers=servers, registry_tls=files, api_port=self.port)

    def be_root_of(self, name: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The client runs as root of this server."""
        files = self.write(name, self.authority.issue(name, [address]))
        config = self.folder / f"{name}.toml"
        config.write_text(
            f'[registry]\nca = "{files.ca}"\ncertificate = "{files.certificate}"\nkey = "{files.key}"\n'
            f'[server]\napi_port = {self.port}\n[servers.ctr1]\naddresses = ["{ADDRESS}"]\n'
        )
        exchange_value(monkeypatch, place, "CONFIG", str(config))
        monkeypatch.setattr(os, "geteuid", lambda: 0)

    def authority_of(self, now: datetime) -> Authority:
        """The same, as if it were another day."""
        return Authority.load(self.authority.certificate, self.authority.key, now)

    def mixed(self, issued: Certificate) -> str:
        """A file with this certificate and with the true authority, so that only the first is wrong."""
        path = self.folder / "mixed.pem"
        path.write_text(issued.certificate + issued.key + self.authority.certificate)
        path.chmod(0o600)
        return str(path)

    @property
    def plain(self) -> Settings:
        """Settings of ctr1."""
        return self.settings(Settings(cluster="test", server="ctr1", servers=(), voters=("ctr1",)))

    def user_file(self, name: str, lasts: timedelta = DAY, authority: Authority | None = None) -> str:
        """An administrator's certificate, as the command writes it."""
        keys, path = KeyFiles(str(self.folder / f"authority-of-{name}")), str(self.folder / f"{name}.pem")
        os.makedirs(keys.folder, exist_ok=True)
        signer = authority or self.authority
        Path(keys.authority).write_text(signer.certificate)
        Path(keys.authority_key).write_text(signer.key)
        settings = Settings(cluster="test", server="ctr1", servers=(ServerSettings(name="ctr1", addresses=(ADDRESS,)),), voters=("ctr1",))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        write_new(new_user_file(name, lasts, replace(settings, api_port=self.port), keys, path))
        return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteSite:
    with socket.create_server((ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    exchange_value(monkeypatch, place, "CONFIG", str(tmp_path / "no.toml"))
    monkeypatch.delenv("UNDERSTUDY_CERTIFICATE", raising=False)
    return RemoteSite(tmp_path, Authority("test"), port)


@contextlib.asynccontextmanager
async def answering(site: RemoteSite, *servers: str, callers: Callers | None = None) -> AsyncIterator[Cluster]:
    """A cluster whose ctr1 answers over the network."""
    async with running(*(servers or ("ctr1",))) as cluster:
        services = cluster.services("ctr1")
        settings = site.settings(services.settings)
        app = application(replace(services, settings=settings))
        task = asyncio.create_task(answer_remotely(app, settings, callers or Callers()))
        try:
            await wait_until(lambda: _connects(site.port), 10, "it listens")
            yield cluster
        finally:
            task.cancel()
            await asyncio.wait([task])


def _connects(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 1):
        return True
    return False


class RemoteCommand:
    """A command of the thin client, in a thread."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, verb: str, body: dict[str, object], *, server: str = "ctr1", certificate: str = "") -> tuple[int, str]:
        """Exit status, and what was printed."""
        self._capsys.readouterr()
        status = await asyncio.to_thread(client.run, verb, body, server=server, certificate=certificate)
        printed = self._capsys.readouterr()
        return status, printed.out + printed.err


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> RemoteCommand:
    return RemoteCommand(capsys)


DB: dict[str, object] = {"names": ["db"]}


async def add_db(cluster: Cluster) -> None:
    await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x"')


async def test_root_of_another_server_is_root(site: RemoteSite, command: RemoteCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the server as the settings know it; what it changes is said to be its."""
    async with answering(site) as cluster:
        await add_db(cluster)
        site.be_root_of("ctr2", FROM, monkeypatch)
        assert await command("start-resource", DB) == (
            0,
            "CRS-2672: Attempting to start 'db' on 'ctr1'\nCRS-2676: Start of 'db' on 'ctr1' succeeded\n",
        )
        assert cluster.nodes["ctr1"].mirror.view.targets[ResourceName("db")].by == "root@ctr2"
        status, text = await command("stat-resource", {"table": True}, server=f"{ADDRESS}:{site.port}")
        assert (status, "ONLINE on ctr1" in text or "ONLINE ctr1" in " ".join(text.split())) == (0, True)


async def test_a_servers_key_counts_only_from_its_own_addresses(
    site: RemoteSite, command: RemoteCommand, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, object]]
) -> None:
    """Whoever has copied it needs an address, too; and a server that is none of this cluster is none."""
    async with answering(site):
        site.be_root_of("ctr3", "127.0.0.3", monkeypatch)
        status, text = await command("stat-resource", {})
        assert (status, "it answers 403: the certificate is of server ctr3, which has not the address 127.0.0.1" in text) == (1, True), text
        site.be_root_of("ctr9", FROM, monkeypatch)
        assert "the certificate is of ctr9, which is no server of this cluster" in (await command("stat-resource", {}))[1]
    lines = [line for line in logged if line["event"] == "command-not-trusted"]
    assert [line["address"] for line in lines] == [FROM, FROM], [line["why"] for line in lines]


async def test_an_administrator_is_the_user_of_that_name(site: RemoteSite, command: RemoteCommand) -> None:
    """What access lists give him, and no more; root everything. By the server's name, which the file knows, and by its address."""
    async with answering(site) as cluster:
        await add_db(cluster)
        bob = site.user_file("bob")
        for server in ("ctr1", f"{ADDRESS}:{site.port}"):
            status, text = await command("stop-resource", DB, server=server, certificate=bob)
            assert (status, text.splitlines()[0]) == (1, "CRS-2725: User 'bob' does not have permission to operate on resource 'db'."), text
        assert (await command("leave-server", {}, certificate=bob)) == (
            1, "UND-0064: Only root may do this, and you are user 'bob': run the command as root.\n",
        )  # fmt: skip
        cluster.machines["ctr1"].groups["bob"] = frozenset({"staff"})
        await cluster.run("crsctl setperm resource db -u group:staff:r-x")
        carol = site.user_file("carol")
        cluster.machines["ctr1"].groups["carol"] = frozenset({"staff"})
        assert (await command("start-resource", DB, certificate=carol))[0] == 0
        assert cluster.nodes["ctr1"].mirror.view.targets[ResourceName("db")].by == f"carol@{FROM}"
        assert (await command("stop-resource", DB, certificate=site.user_file("root")))[0] == 0
        node = cluster.nodes["ctr1"]
        await wait_until(node.history.idle, 10, "written")
        given = [(event.kind, event.given) for event in node.mirror.history() if event.given is not None]
    refused = [command for kind, command in given if kind == "command-refused"]
    assert [(command.user, command.uid, command.place, command.message) for command in refused[:2]] == [("bob", None, FROM, "CRS-2725")] * 2
    assert refused[2].message == "UND-0064"
    assert [command.user for kind, command in given if kind == "command"] == ["carol", "root"]


@pytest.mark.parametrize("case", ["another authority", "expired"])
async def test_who_shows_no_good_certificate_is_refused(
    site: RemoteSite, command: RemoteCommand, case: str, logged: list[dict[str, object]]
) -> None:
    """Nothing is read of him. He sees that the connection ends and why that may be, and the log says which it is."""
    async with answering(site) as cluster:
        await add_db(cluster)
        signer = Authority("test") if case == "another authority" else site.authority_of(datetime.now(UTC) - 3 * DAY)
        certificate = site.mixed(signer.issue_to_user("bob", DAY))
        status, text = await command("stop-resource", DB, server=f"{ADDRESS}:{site.port}", certificate=certificate)
        assert (status, text.splitlines()[0], "refuses a certificate" in text) == (1, client.AWAY, True), text
        assert ResourceName("db") not in cluster.nodes["ctr1"].mirror.view.targets
        why = await _why_not_trusted(logged)
        assert ("expired" in why) == (case == "expired"), why


async def test_a_server_that_says_why_it_refuses_a_certificate_is_quoted(site: RemoteSite, command: RemoteCommand) -> None:
    """Not every version of the library that shakes hands sends its alert."""
    files = site.write("ctr1", site.authority.issue("ctr1", [ADDRESS]))
    context = tlsdoor.server_context(files.certificate, files.key, trusted=files.ca)
    with socket.create_server((ADDRESS, site.port)) as door:

        def refuse() -> None:
            connection, _ = door.accept()
            with connection, contextlib.suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        refusing = asyncio.create_task(asyncio.to_thread(refuse))
        certificate = site.mixed(Authority("test").issue_to_user("bob", DAY))
        status, text = await command("stop-resource", DB, server=f"{ADDRESS}:{site.port}", certificate=certificate)
        await refusing
    assert (status, "ALERT_UNKNOWN_CA" in text, "refuses a certificate" in text) == (1, True, True), text


async def test_without_a_certificate_nothing_is_read(site: RemoteSite, logged: list[dict[str, object]]) -> None:
    """Whatever is sent behind the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with answering(site):
        reader, writer = await asyncio.open_connection(ADDRESS, site.port, ssl=context)
        with contextlib.suppress(OSError):
            writer.write(b"GET /v1/ready HTTP/1.0\r\n\r\n")
            assert await reader.read() == b""
        assert "did not return a certificate" in (await _why_not_trusted(logged)).lower().replace("_", " ")
        writer.transport.abort()


async def _why_not_trusted(logged: list[dict[str, object]]) -> str:
    await wait_until(lambda: any(line["event"] == "command-not-trusted" for line in logged), 5, "it is logged")
    return next(str(line["why"]) for line in logged if line["event"] == "command-not-trusted")


async def test_an_old_file_says_so_itself(site: RemoteSite, command: RemoteCommand) -> None:
    """Before anything is asked."""
    path = Path(site.user_file("bob"))
    path.write_text(path.read_text().replace("# until 2", "# until 1"))
    status, text = await command("stat-resource", {}, certificate=str(path))
    assert (status, "was valid until 1" in text) == (1, True), text


async def test_who_answers_in_place_of_the_server_is_sent_nothing(site: RemoteSite, command: RemoteCommand) -> None:
    """A machine with its address and an authority of its own, one with a server's certificate for another, and an administrator's."""
    ours = site.user_file("bob")
    for issued, authority in (
        (None, Authority("test")),
        (site.authority.issue("ctr2", [FROM]), site.authority),
        (site.authority.issue_to_user("ctr1", DAY), site.authority),
    ):
        theirs = RemoteSite(site.folder / "theirs", authority, site.port)
        received: list[bytes] = []
        context = tlsdoor.server_context(*_pair(theirs, issued or authority.issue("ctr1", [ADDRESS])))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: list[bytes] = received) -> None:
            received.append(await reader.read(100))

        async with await asyncio.start_server(serve, ADDRESS, site.port, ssl=context):
            status, text = await command("stop-resource", DB, certificate=ours)
        assert (status, "is not that server of this cluster" in text, "Nothing was sent" in text) == (1, True, True), text
        assert not any(received)


def _pair(site: RemoteSite, issued: Certificate) -> tuple[str, str]:
    files = site.write("impostor", issued)
    return files.certificate, files.key


async def test_what_is_in_the_way_is_said_with_what_to_do(
    site: RemoteSite, command: RemoteCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a daemon that is not there: CRS-4639, status 1."""
    bob = site.user_file("bob")
    for server, certificate, said in (
        ("ctr1", bob, f"ctr1 ({ADDRESS} port {site.port}): Connection refused; see that understudyd runs there"),
        ("nosuch.invalid", bob, "'nosuch.invalid' is neither a server that is known here (ctr1) nor an address"),
        ("ctr1", str(site.folder / "none.pem"), "cannot be read (No such file or directory); an administrator's certificate is made"),
    ):
        status, text = await command("stat-resource", {}, server=server, certificate=certificate)
        assert (status, text.splitlines()[0], said in text) == (1, client.AWAY, True), text
    os.chmod(bob, 0o644)
    assert f"chmod 600 {bob}" in (await command("stat-resource", {}, certificate=bob))[1]
    key_alone = site.folder / "key.pem"
    key_alone.write_text("nothing of the kind")
    key_alone.chmod(0o600)
    assert "is no certificate of an administrator" in (await command("stat-resource", {}, certificate=str(key_alone)))[1]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(site.folder))
    assert f"{site.folder}/understudy/certificate.pem cannot be read" in (await command("stat-resource", {}))[1]
    monkeypatch.setenv("UNDERSTUDY_CERTIFICATE", "/nowhere.pem")
    assert "/nowhere.pem cannot be read" in (await command("stat-resource", {}))[1]


async def test_a_client_that_is_interrupted_leaves_its_intent(site: RemoteSite) -> None:
    """Ctrl-C on a real process; the start goes on and stays wanted."""
    async with answering(site) as cluster:
        await add_db(cluster)
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["start"] = 0.5
        source = str(Path(client.__file__).parents[2])
        # whoever runs the tests in the background may have it ignore SIGINT, and with it what it starts
        begin = f"import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.path.insert(0, {source!r})"
        code = f"{begin}; from understudy.cli.crsctl import main; sys.exit(main(sys.argv[1:]))"
        words = ("--server", "ctr1", "--certificate", site.user_file("root"), "start", "res", "db")
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *words, stdout=-1, stderr=-1)
        assert process.stdout is not None
        async with asyncio.timeout(10):
            await process.stdout.readuntil(b"Attempting to start")
            process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
        assert (process.returncode, b"detached: the request goes on" in said) == (130, True), said
        await wait_until(lambda: "db" in str(cluster.nodes["ctr1"].mirror.view.reports), 5, "the start goes on")
        assert cluster.nodes["ctr1"].mirror.view.target(ResourceName("db")) is Target.ONLINE


async def test_strangers_hold_up_nobody_for_long(site: RemoteSite, command: RemoteCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """One address gets so many connections without a certificate and no more, and loses them; who is not root gets so many with one."""
    exchange_value(monkeypatch, tlsdoor, "HANDSHAKE_S", 0.3)
    bob = site.user_file("bob")
    room = Room(connections=4, others=1, one_user=1)
    callers = Callers(room=room)
    async with answering(site, callers=callers):
        idle = [await asyncio.to_thread(socket.create_connection, (ADDRESS, site.port), 5) for _ in range(remote.BOUNDS.of_one_address + 4)]
        try:
            await wait_until(lambda: all(_ended(connection) for connection in idle), 10, "all are sent away")
        finally:
            for connection in idle:
                connection.close()
        assert (await command("stat-resource", {}, certificate=bob))[0] == 0
        callers.come(65534)
        status, text = await command("stat-resource", {}, certificate=bob)
        assert (status, "it answers 503: this user has 1 connections open" in text) == (1, True), text
        callers.go(65534)


async def test_a_connection_that_is_over_and_cannot_be_aborted_is_no_fault(
    site: RemoteSite, command: RemoteCommand, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, object]]
) -> None:
    """Debian's Python 3.11.2 forgets what carries a TLS connection once the other side has gone, and then cannot abort it."""
    original, aborted = sslproto._SSLProtocolTransport.abort, list[object]()

    def abort(self: sslproto._SSLProtocolTransport) -> None:
        original(self)
        aborted.append(self)
        raise AttributeError("'NoneType' object has no attribute '_abort'")

    async with answering(site) as cluster:
        await add_db(cluster)
        monkeypatch.setattr(sslproto._SSLProtocolTransport, "abort", abort)
        bob = site.user_file("bob")
        assert [(await command("stat-resource", DB, certificate=bob))[0] for _ in range(2)] == [0, 0]
        await wait_until(lambda: len(aborted) >= 2, 10, "each was aborted")
    assert not [line for line in logged if line["event"] == "fault"]


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def certificates() -> Iterator[tuple[dict[str, object], str]]:
    """What `ssl` may say of one, and why it is nobody."""
    subject = ((("commonName", "bob"),),)
    yield {}, "does not say whose it is"
    yield {"subject": ((("commonName", "bob"),), (("commonName", "root"),))}, "does not say whose it is"
    yield {"subject": ((("commonName", "b b"),),)}, "names no user"
    yield {"subject": ((("commonName", "ctr1"),),)}, "is none of a server"
    yield {"subject": subject, "subjectAltName": (("IP Address", FROM),)}, "is of bob, which is no server"
    yield {"subject": ((("commonName", "ctr2"),),), "subjectAltName": (("DNS", "ctr3"), ("IP Address", FROM))}, "is no server"
    yield {"subject": ((("commonName", "ctr2"),),), "subjectAltName": (("DNS", "ctr2"), ("IP Address", "x"))}, "has not the address"


@pytest.mark.parametrize(("certificate", "said"), list(certificates()))
def test_a_certificate_that_names_nobody_here(site: RemoteSite, certificate: dict[str, object], said: str) -> None:
    found = proven(certificate, FROM, site.plain)
    assert isinstance(found, str)
    assert said in found


def test_an_administrators_certificate_is_never_taken_for_a_servers() -> None:
    """Also where its name is that of a server that came later: nobody becomes a voter, and gets the authority's key, by it."""
    subject = ((("organizationName", "test"),), (("commonName", "ctr4"),))
    assert tlsdoor.server_named({"subject": subject}) == ""
    assert tlsdoor.server_named({"subject": subject, "subjectAltName": (("IP Address", FROM), ("DNS", "ctr5"))}) == ""
    assert tlsdoor.server_named({"subject": subject, "subjectAltName": (("DNS", "ctr4"), ("IP Address", FROM))}) == "ctr4"
    assert tlsdoor.server_named({}) == ""


def test_no_certificate_is_made_for_a_server_or_a_name_that_is_none(site: RemoteSite) -> None:
    """And none is written over another."""
    path = site.user_file("bob")
    keys = KeyFiles(f"{site.folder}/authority-of-bob")
    for name in ("ctr1", "", "b b", "bob\nroot", "x" * 33):
        with pytest.raises(BadInput) as refused:
            new_user_file(name, DAY, site.plain, keys, path)
        assert refused.value.code == 20331
    with pytest.raises(BadInput, match="it is there already"):
        write_new(new_user_file("bob", DAY, site.plain, keys, path))
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_without_certificates_nothing_listens(tmp_path: Path) -> None:
    settings = Settings(cluster="t", server="ctr1", servers=(), voters=(), guard_key=str(tmp_path / "guard.key"))
    assert remote.certificates_of(settings) is None
