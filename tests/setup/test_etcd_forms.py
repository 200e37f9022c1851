"""The members of etcd that `init` and `join` configure, as real processes: they find each other, in any order, and take a server's word."""

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.etcd_members import BINARY
from setup.cases import WISH, places_in
from support import wait_for_answer
from understudy.errors import RegistryUnreachable
from understudy.lab import image
from understudy.model.settings import ServerSettings, Settings
from understudy.ports import Write
from understudy.registry.etcd.client import EtcdClient
from understudy.security.authority import Authority
from understudy.security.keyfiles import KeyFiles
from understudy.setup.begin import new_files, server_files, write_all
from understudy.setup.files import read_text
from understudy.setup.wanted import for_server, wanted_settings

pytestmark = pytest.mark.lab

NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"

LOOPBACK = "127.0.0.1"
"""From where connections come here: members look for the other's address in its certificate."""


def configured(folder: Path) -> dict[str, Settings]:
    """Three servers, the first by `init`, the others with what a join gives."""
    servers = tuple(ServerSettings(name=f"ctr{number}", addresses=(f"{NETWORK}.{number}",)) for number in (1, 2, 3))
    first = places_in(folder / "ctr1")
    settings, _ = wanted_settings(replace(WISH, servers=servers, networks=()), [f"{NETWORK}.1"], first)
    write_all(new_files(settings, first), first, settings.state_dir, lambda _: None)
    keys = KeyFiles(first.keys)
    authority = Authority.load(read_text(keys.authority), read_text(keys.authority_key))
    found = {"ctr1": settings}
    here = authority.issue("ctr1", (*servers[0].addresses, LOOPBACK))
    for path, text in ((keys.certificate, here.certificate), (keys.key, here.key)):
        Path(path).write_text(text)
    for server in servers[1:]:
        places = places_in(folder / server.name)
        own, issued = for_server(settings, server.name, places), authority.issue(server.name, (*server.addresses, LOOPBACK))
        files = server_files(own, places, (read_text(keys.guard), issued.certificate, issued.key))
        write_all(files, places, own.state_dir, lambda _: None)
        Path(KeyFiles(places.keys).authority).write_text(authority.certificate)
        found[server.name] = own
    return found


@contextlib.contextmanager
def member(folder: Path, server: str) -> Iterator[None]:
    """As its unit runs it."""
    with (folder / f"{server}.log").open("ab") as log:
        process = subprocess.Popen([BINARY, "--config-file", folder / server / "etc/etcd.yaml"], stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_majority_of_members_is_a_registry(tmp_path: Path) -> None:
    """Two of the three that the configuration names, the third one never seen; it is written by a client with a server's certificate."""
    image.ensure(print)
    found = configured(tmp_path)
    with member(tmp_path, "ctr3"), member(tmp_path, "ctr1"):
        settings = found["ctr3"]
        async with EtcdClient(
            settings.registry, cluster="prod", dice=random.Random(1), tls=settings.registry_tls, deadline_s=5.0
        ) as registry:

            async def written() -> bool:
                with contextlib.suppress(RegistryUnreachable):
                    await registry.commit([], [Write("a", b"1")])
                    return True
                return False

            await wait_for_answer(written, 60, "two members of three take a commit")
