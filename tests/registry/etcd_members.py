"""An etcd for tests: real members, each a process of its own on loopback, in a directory of the test."""

import contextlib
import functools
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from support import wait_for
from understudy.lab import image

BINARY = image.path() / "usr/bin/etcd"
"""Of the image of the lab's hosts: it needs nothing of the machine."""


class Member:
    """One of them."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.client, self.peer = _free_port(), _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """ADDRESS:PORT for clients."""
        return f"127.0.0.1:{self.client}"

    def start(self, members: "list[Member]") -> None:
        """Begin, or begin again with what it has on disk."""
        peers = ",".join(f"{member.name}=http://127.0.0.1:{member.peer}" for member in members)
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    BINARY, "--name", self.name, "--data-dir", self.directory / self.name, "--logger", "zap",
                    "--listen-client-urls", f"http://{self.endpoint}", "--advertise-client-urls", f"http://{self.endpoint}",
                    "--listen-peer-urls", f"http://127.0.0.1:{self.peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{self.peer}",
                    "--initial-cluster", peers, "--heartbeat-interval", "20", "--election-timeout", "200",
                ],
                stdout=log, stderr=log, cwd=self.directory,
            )  # fmt: skip

    def kill(self) -> None:
        """As power loss does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def etcd(count: int = 1) -> Iterator[list[Member]]:
    """So many members that have found each other and answer."""
    image.ensure(print)
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory:
        members = [Member(f"m{number}", Path(directory)) for number in range(1, count + 1)]
        try:
            for member in members:
                member.start(members)
            for member in members:
                wait_for(functools.partial(_answers, member), 30, f"etcd member {member.name} answers")
            yield members
        finally:
            for member in members:
                if member.process is not None:
                    member.kill()


def _answers(member: Member) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{member.endpoint}/health", timeout=2) as answer:
        return b'"true"' in answer.read()
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
