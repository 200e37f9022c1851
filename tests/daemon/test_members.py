"""Members of etcd are changed by steps that are asked for again until they are done: an answer that is lost costs nothing."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from understudy.daemon.verbs.members import added, promoted, removed
from understudy.errors import Refused, RegistryUnreachable
from understudy.ports import EtcdMember

FIRST, OTHER = "https://10.10.20.1:7401", "https://10.10.20.5:7401"


class ForgetfulEtcd:
    """Does what it is asked, and its first answer to that is lost; asked for what was done it refuses, as `registry/test_etcd_changes.py`
    has it of a real one."""

    def __init__(self) -> None:
        self.members = {1: EtcdMember(identity=1, name="ctr1", urls=(FIRST,), learner=False, begun=True)}
        self._lost = False

    async def listed(self) -> tuple[EtcdMember, ...]:
        """See ports.RegistryMembers."""
        return tuple(self.members.values())

    async def add_learner(self, url: str) -> None:
        """See ports.RegistryMembers."""
        if any(url in member.urls for member in self.members.values()):
            raise Refused("Peer URLs already exists")
        self.members[2] = EtcdMember(identity=2, name="", urls=(url,), learner=True, begun=False)
        self._answers()

    async def promote(self, identity: int) -> None:
        """See ports.RegistryMembers."""
        if not self.members[identity].learner:
            raise Refused("can only promote a learner member")
        self.members[identity] = replace(self.members[identity], learner=False)
        self._answers()

    async def remove(self, identity: int) -> None:
        """See ports.RegistryMembers."""
        if self.members.pop(identity, None) is None:
            raise Refused("member not found")
        self._answers()

    async def answers(self, endpoint: str) -> bool:
        """See ports.RegistryMembers."""
        return bool(endpoint)

    def _answers(self) -> None:
        self._lost = not self._lost
        if self._lost:
            raise RegistryUnreachable("no member of etcd did it: it does not answer")


async def asked_until_done(step: Callable[[], Awaitable[None]]) -> None:
    """As the command does, twice at most."""
    with contextlib.suppress(RegistryUnreachable):
        return await step()
    return await step()


async def test_a_member_that_was_added_already_is_there() -> None:
    etcd = ForgetfulEtcd()
    await asked_until_done(lambda: added(etcd, OTHER))
    assert etcd.members[2].urls == (OTHER,)


async def test_a_member_that_was_promoted_already_counts() -> None:
    etcd = ForgetfulEtcd()
    etcd.members[2] = EtcdMember(identity=2, name="ctr5", urls=(OTHER,), learner=True, begun=True)
    await asked_until_done(lambda: promoted(etcd, 2))
    assert not etcd.members[2].learner


async def test_a_member_that_was_removed_already_is_gone() -> None:
    """So was ctr1, whose member was asked to remove itself and ended before it answered."""
    etcd = ForgetfulEtcd()
    await asked_until_done(lambda: removed(etcd, FIRST))
    assert etcd.members == {}


async def test_what_etcd_refuses_is_not_passed_over() -> None:
    """One that it does not know is not promoted."""
    etcd = ForgetfulEtcd()
    etcd.members[2] = EtcdMember(identity=2, name="ctr5", urls=(OTHER,), learner=True, begun=True)

    async def not_now(identity: int) -> None:
        raise Refused(f"{identity}: too few of its members have started")

    etcd.promote = not_now  # type: ignore[method-assign]
    with pytest.raises(Refused, match="too few"):
        await promoted(etcd, 2)
