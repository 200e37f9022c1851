"""Mutual TLS with etcd: who has no certificate of the cluster's authority is nobody, on either side; against real members."""

import contextlib
import os
import random
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from registry.backends import written
from registry.etcd_members import LocalMember, etcd, write_certificate
from understudy.errors import RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.ports import Entry, Write
from understudy.registry.etcd.client import EtcdClient
from understudy.security.authority import Authority

pytestmark = pytest.mark.lab

OURS = Authority("ours")


@pytest.fixture(scope="module")
def members() -> Iterator[list[LocalMember]]:
    with etcd(3, OURS) as three:
        yield three


@contextlib.asynccontextmanager
async def client(tls: TlsFiles | None, *endpoints: str) -> AsyncIterator[EtcdClient]:
    """A client with these files, and a daemon's deadline."""
    async with EtcdClient(endpoints, cluster="tests", dice=random.Random(1), tls=tls, deadline_s=2.0) as registry:
        yield registry


async def why_not(tls: TlsFiles | None, endpoint: str) -> str:
    """What a client that cannot connect gives as the reason."""
    async with client(tls, endpoint) as registry:
        with pytest.raises(RegistryUnreachable) as refused:
            await registry.read("")
    return str(refused.value)


async def test_members_and_clients_of_one_authority_know_each_other(members: list[LocalMember], tmp_path: Path) -> None:
    """The members have found each other by it, too: they have a leader."""
    tls = write_certificate(OURS, tmp_path / "tls", "ctr1")
    async with client(tls, *(member.endpoint for member in members)) as registry:
        revision = await written(registry, Write("a", b"1"))
        assert (await registry.read("a"))[1] == (Entry("a", b"1", revision),)


async def test_who_has_no_certificate_is_refused(members: list[LocalMember]) -> None:
    assert "Socket closed" in await why_not(None, members[0].endpoint)


async def test_a_member_without_tls_is_named_as_such(tmp_path: Path) -> None:
    with etcd(1) as (member,):
        assert "it does not speak TLS" in await why_not(write_certificate(OURS, tmp_path / "tls", "ctr1"), member.endpoint)


async def test_who_has_a_certificate_of_another_authority_is_refused(members: list[LocalMember], tmp_path: Path) -> None:
    """It says that it is ours, by name."""
    tls = write_certificate(Authority("ours"), tmp_path / "tls", "ctr1")
    with_our_ca = TlsFiles(ca=write_certificate(OURS, tmp_path / "ours", "ctr1").ca, certificate=tls.certificate, key=tls.key)

    assert "its certificate is not of the authority in [registry] ca" in await why_not(tls, members[0].endpoint)
    assert "it does not accept the certificate of this server" in await why_not(with_our_ca, members[0].endpoint)


async def test_a_member_elsewhere_than_its_certificate_says_is_refused(tmp_path: Path) -> None:
    """Who has stolen the files of one server is not another."""
    with etcd(1, OURS) as (member,):
        member.kill()
        assert member.tls is not None
        stolen = write_certificate(OURS, tmp_path / "stolen", "m1", addresses=("127.0.0.9",))
        for here, there in ((stolen.certificate, member.tls.certificate), (stolen.key, member.tls.key)):
            os.replace(here, there)
        member.start([member])
        tls = write_certificate(OURS, tmp_path / "tls", "ctr1")
        async with client(tls, member.endpoint) as registry:
            for _ in range(3):  # at first nobody may be there at all
                with pytest.raises(RegistryUnreachable) as refused:
                    await registry.read("")
    assert "its certificate does not name this address" in str(refused.value)


async def test_files_that_are_missing_are_named(members: list[LocalMember], tmp_path: Path) -> None:
    tls = write_certificate(OURS, tmp_path / "tls", "ctr1")
    os.unlink(tls.key)

    assert f"{tls.key} cannot be read: No such file or directory" in await why_not(tls, members[0].endpoint)


async def test_a_disk_that_hangs_leaves_no_more_than_one_thread_behind(members: list[LocalMember], tmp_path: Path) -> None:
    """A pipe that nobody writes to: the read never ends. Each attempt takes half a second at most."""
    tls = write_certificate(OURS, tmp_path / "tls", "ctr1")
    os.unlink(tls.ca)
    os.mkfifo(tls.ca)
    async with client(tls, members[0].endpoint) as registry:
        threads = threading.active_count()
        for _ in range(2):
            with pytest.raises(RegistryUnreachable):
                await registry.read("")
        assert threading.active_count() <= threads + 1
    Path(tls.ca).write_text("")


async def test_a_file_that_holds_no_key_is_named(members: list[LocalMember], tmp_path: Path) -> None:
    """A daemon must not end because of it: whoever mends it has no time to lose."""
    tls = write_certificate(OURS, tmp_path / "tls", "ctr1")
    Path(tls.key).write_text("nothing of the kind\n")

    assert tls.key in await why_not(tls, members[0].endpoint)


async def test_new_files_count_from_the_next_connection_on(members: list[LocalMember], tmp_path: Path) -> None:
    """So that certificates are renewed without a restart."""
    tls = write_certificate(Authority("theirs"), tmp_path / "tls", "ctr1")
    async with client(tls, members[0].endpoint) as registry:
        with pytest.raises(RegistryUnreachable):
            await registry.read("")
        ours = write_certificate(OURS, tmp_path / "ours", "ctr1")
        for path in ("ca", "certificate", "key"):
            os.replace(getattr(ours, path), getattr(tls, path))
        await registry.read("")
