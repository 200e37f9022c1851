"""An etcd for tests: real members, each a process of its own on loopback, in a directory of the test."""

import contextlib
import socket
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from support import wait_for
from understudy.lab import image
from understudy.model.settings import TlsFiles
from understudy.security.authority import Authority

BINARY = image.path() / "usr/bin/etcd"
"""Of the image of the lab's hosts: it needs nothing of the machine."""


class LocalMember:
    """One of them."""

    def __init__(self, name: str, directory: Path, authority: Authority | None = None, more: Sequence[str] = ()) -> None:
        """`authority`: of its certificate; without one anybody may write to it. `more`: options."""
        self.more = more
        self.name = name
        self.directory = directory
        self.tls = None if authority is None else write_certificate(authority, directory / f"{name}-tls", name)
        self.client, self.peer = _free_port(), _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """ADDRESS:PORT for clients."""
        return f"127.0.0.1:{self.client}"

    def start(self, members: "list[LocalMember]") -> None:
        """Begin, or begin again with what it has on disk."""
        scheme = "http" if self.tls is None else "https"
        peers = ",".join(f"{member.name}={scheme}://127.0.0.1:{member.peer}" for member in members)
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    BINARY, "--name", self.name, "--data-dir", self.directory / self.name, "--logger", "zap",
                    "--listen-client-urls", f"{scheme}://{self.endpoint}", "--advertise-client-urls", f"{scheme}://{self.endpoint}",
                    "--listen-peer-urls", f"{scheme}://127.0.0.1:{self.peer}", "--initial-advertise-peer-urls", f"{scheme}://127.0.0.1:{self.peer}",
                    "--initial-cluster", peers, "--heartbeat-interval", "20", "--election-timeout", "200",
                    *self._tls_options(), *self.more,
                ],
                stdout=log, stderr=log, cwd=self.directory,
            )  # fmt: skip

    def _tls_options(self) -> tuple[str, ...]:
        if (tls := self.tls) is None:
            return ()
        return (
            "--client-cert-auth", "--trusted-ca-file", tls.ca, "--cert-file", tls.certificate, "--key-file", tls.key,
            "--peer-client-cert-auth", "--peer-trusted-ca-file", tls.ca, "--peer-cert-file", tls.certificate, "--peer-key-file", tls.key,
        )  # fmt: skip

    def answers(self) -> bool:
        """It has a leader, and reads."""
        return b'"true"' in self._says("health")

    def leads(self) -> bool:
        """It is the leader."""
        return b"etcd_server_is_leader 1" in self._says("metrics")

    def _says(self, path: str) -> bytes:
        """What it answers over HTTP; empty: nothing."""
        context = None if self.tls is None else client_context(self.tls)
        url = f"{'http' if self.tls is None else 'https'}://{self.endpoint}/{path}"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2, context=context) as answer:
            return bytes(answer.read())
        return b""

    def kill(self) -> None:
        """As power loss does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def etcd(count: int = 1, authority: Authority | None = None, more: Sequence[str] = ()) -> Iterator[list[LocalMember]]:
    """So many members that have found each other and answer."""
    image.ensure(print)
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory:
        members = [LocalMember(f"m{number}", Path(directory), authority, more) for number in range(1, count + 1)]
        try:
            for member in members:
                member.start(members)
            for member in members:
                wait_for(member.answers, 30, f"etcd member {member.name} answers")
            yield members
        finally:
            for member in members:
                if member.process is not None:
                    member.kill()


def write_certificate(authority: Authority, directory: Path, name: str, addresses: Sequence[str] = ("127.0.0.1",)) -> TlsFiles:
    """One of this authority, in a directory of its own."""
    directory.mkdir()
    issued = authority.issue(name, addresses)
    files = TlsFiles(ca=str(directory / "ca.pem"), certificate=str(directory / "own.pem"), key=str(directory / "own.key"))
    for path, text in ((files.ca, authority.certificate), (files.certificate, issued.certificate), (files.key, issued.key)):
        Path(path).write_text(text)
    return files


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For Python's own HTTP client."""
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.certificate, files.key)
    return context


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
