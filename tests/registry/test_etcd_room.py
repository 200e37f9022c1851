"""An etcd whose quota is used up: what a daemon is answered, and the way out, against real members with certificates."""

import random

import pytest

from registry.etcd_members import etcd
from support import wait_for
from understudy.errors import RegistryFailed, RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.ports import CommitCondition, Write
from understudy.registry.etcd.client import EtcdClient
from understudy.registry.etcd.room import EtcdRoom
from understudy.security.authority import Authority

pytestmark = pytest.mark.lab

QUOTA = ("--quota-backend-bytes", str(1 << 20), "--enable-grpc-gateway=false")
"""Without the HTTP beside gRPC: so it is where etcd is configured by a file."""
MOST_COMMITS = 64


async def test_a_full_registry_says_so_and_takes_writes_again_once_there_is_room() -> None:
    """The same key is written until etcd refuses: what it keeps of the past is all that fills it."""
    with etcd(3, Authority("test"), QUOTA) as members:
        tls = members[0].tls
        assert tls is not None
        endpoints = [member.endpoint for member in members]
        async with EtcdClient(endpoints, cluster="tests", dice=random.Random(1), tls=tls, deadline_s=5.0) as registry:
            await filled(registry)
            room = EtcdRoom(endpoints, tls)
            assert any(member.full for member in room.look())
            said: list[str] = []
            after = room.make_room(said.append)

            assert not any(member.full for member in after)
            assert len([text for text in said if text.startswith("defragmenting")]) == 3
            assert all(member.stored < 1 << 20 for member in after)
            await overwritten(registry)


async def test_room_is_made_while_a_member_is_away() -> None:
    """It is named; the registry takes writes again, and the same command goes on when it is back."""
    with etcd(3, Authority("test"), QUOTA) as members:
        tls = members[0].tls
        assert tls is not None
        endpoints = [member.endpoint for member in members]
        away = next(member for member in members if not member.leads())
        others = [endpoint for endpoint in endpoints if endpoint != away.endpoint]
        async with EtcdClient(others, cluster="tests", dice=random.Random(1), tls=tls, deadline_s=5.0) as registry:
            await filled(registry)
            away.kill()
            room = EtcdRoom(endpoints, tls)

            assert not any(member.full for member in room.make_room(print))

            assert list(room.silent) == [away.endpoint]
            assert f"etcd at {away.endpoint} does not answer" in room.silent[away.endpoint]
            await overwritten(registry)
            away.start(members)
            wait_for(lambda: len(room.look()) == 3, 30, "it is back")
            assert not any(member.full for member in room.make_room(print))
            assert room.silent == {}
            await overwritten(registry)


async def overwritten(registry: EtcdClient) -> None:
    """What stands there is known, and is replaced."""
    _, (entry,) = await registry.read("target/")
    assert isinstance(await registry.commit([CommitCondition("target/db", entry.revision)], [Write("target/db", b"after")]), int)


async def filled(registry: EtcdClient) -> None:
    """Until it is full. The write that is refused for that may have been carried out."""
    revision = 0
    for number in range(MOST_COMMITS):
        value = bytes([number]) * (64 << 10)
        try:
            done = await registry.commit([CommitCondition("target/db", revision)], [Write("target/db", value)])
        except RegistryFailed:
            return
        assert isinstance(done, int)
        revision = done
    raise AssertionError("it takes more than its quota")


def test_a_member_that_is_not_there_is_named() -> None:
    """And files that cannot be used."""
    with pytest.raises(RegistryUnreachable, match=r"etcd at 127\.0\.0\.1:1 does not answer"):
        EtcdRoom(["127.0.0.1:1"], None).make_room(print)
    with pytest.raises(RegistryUnreachable, match="/none cannot be read: No such file"):
        EtcdRoom(["127.0.0.1:1"], TlsFiles(ca="/none", certificate="/none", key="/none"))
