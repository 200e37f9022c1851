"""An etcd whose quota is used up: what a daemon is answered, and the way out, against real members with certificates."""

import random

import pytest

from registry.etcd_members import etcd
from understudy.errors import RegistryFailed, RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.ports import CommitCondition, Write
from understudy.registry.etcd.client import EtcdClient
from understudy.registry.etcd.room import EtcdRoom
from understudy.security.authority import Authority

pytestmark = pytest.mark.lab

QUOTA = ("--quota-backend-bytes", str(1 << 20))
MOST_COMMITS = 64


async def test_a_full_registry_says_so_and_takes_writes_again_once_there_is_room() -> None:
    """The same key is written until etcd refuses: what it keeps of the past is all that fills it."""
    with etcd(3, Authority("test"), QUOTA) as members:
        tls = members[0].tls
        assert tls is not None
        endpoints = [member.endpoint for member in members]
        async with EtcdClient(endpoints, cluster="tests", dice=random.Random(1), tls=tls, deadline_s=5.0) as registry:
            revision = await filled(registry)

            room = EtcdRoom(endpoints, tls)
            assert any(member.full for member in room.look())
            said: list[str] = []
            after = room.make_room(said.append)

            assert not any(member.full for member in after)
            assert len([text for text in said if text.startswith("defragmenting")]) == 3
            assert all(member.stored < 1 << 20 for member in after)
            _, entries = await registry.read("target/")
            assert [entry.revision for entry in entries] == [revision]
            await registry.commit([CommitCondition("target/db", revision)], [Write("target/db", b"after")])


async def filled(registry: EtcdClient) -> int:
    """Until it is full; the revision of the last write that it took."""
    revision = 0
    for number in range(MOST_COMMITS):
        value = bytes([number]) * (64 << 10)
        try:
            done = await registry.commit([CommitCondition("target/db", revision)], [Write("target/db", value)])
        except RegistryFailed:
            return revision
        assert isinstance(done, int)
        revision = done
    raise AssertionError("it takes more than its quota")


def test_a_member_that_is_not_there_is_named() -> None:
    """And files that cannot be used."""
    with pytest.raises(RegistryUnreachable, match=r"etcd at 127\.0\.0\.1:1 does not answer"):
        EtcdRoom(["127.0.0.1:1"], None).make_room(print)
    with pytest.raises(RegistryUnreachable, match="cannot be used"):
        EtcdRoom(["127.0.0.1:1"], TlsFiles(ca="/none", certificate="/none", key="/none"))
