"""Members of a real etcd are added as learners, promoted and removed, and it is said in words why one is not."""

import socket

import pytest

from registry.etcd_members import etcd
from understudy.errors import Refused, RegistryUnreachable
from understudy.ports import NotInStep
from understudy.registry.etcd.members import EtcdMembers

pytestmark = pytest.mark.lab


def free_url() -> str:
    """A URL at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_a_learner_is_added_counts_only_when_it_has_copied_all_and_goes_again() -> None:
    with etcd() as (first,):
        members = EtcdMembers(lambda: ("127.0.0.1:1", first.endpoint), None)  # the first of them does not answer
        (only,) = await members.listed()
        assert (only.name, only.learner, only.begun) == ("m1", False, True)
        url = free_url()
        await members.add_learner(url)
        learner = next(member for member in await members.listed() if member.learner)
        assert (learner.urls, learner.begun) == ((url,), False)
        with pytest.raises(NotInStep):
            await members.promote(learner.identity)
        for repeated in (members.add_learner(url), members.promote(only.identity)):
            with pytest.raises(Refused):
                await repeated
        with pytest.raises(Refused, match="another one is being added"):
            await members.add_learner(free_url())
        await members.remove(learner.identity)
        assert await members.listed() == (only,)
        with pytest.raises(Refused, match="member not found"):
            await members.remove(learner.identity)
        assert await members.answers(first.endpoint)
        assert not await members.answers("127.0.0.1:1")


async def test_where_nobody_answers_nothing_is_known() -> None:
    with pytest.raises(RegistryUnreachable, match="no member of etcd did it"):
        await EtcdMembers(lambda: ("127.0.0.1:1",), None).listed()
