"""etcd's members: who they are, one more as a learner, promoted when it has copied all, one less.

Called by `daemon/verbs/members.py` through the port `RegistryMembers`. Each call is a connection of its own, to the first member that
answers; none is repeated behind the caller's back. etcd itself refuses what would leave it without a majority; that is said in its words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from understudy.errors import Refused, RegistryUnreachable
from understudy.model.messages import words
from understudy.model.settings import TlsFiles
from understudy.ports import EtcdMember, NotInStep
from understudy.registry.etcd import link  # sets what has to be set before grpc is imported
from understudy.registry.etcd.etcd_pb2 import (
    Member,
    MemberAddRequest,
    MemberAddResponse,
    MemberListRequest,
    MemberListResponse,
    MemberPromoteRequest,
    MemberPromoteResponse,
    MemberRemoveRequest,
    MemberRemoveResponse,
)

import grpc  # isort: skip

WITHIN_S = 5.0
"""For one member to answer: a change of members waits for a majority of them."""
_NOT_IN_STEP = "in sync with leader"
_SAYS = {
    "unhealthy cluster": "not all of its members have answered each other for the last five seconds: see that each voter's etcd runs",
    "not enough started members": "too few of its members have started",
    "too many learner members": "another one is being added: wait for that, or remove it",
}
T = TypeVar("T")
Call = Callable[["grpc.aio.Channel"], Awaitable[T]]


class EtcdMembers:
    """See ports.RegistryMembers."""

    def __init__(self, endpoints: Callable[[], Sequence[str]], tls: TlsFiles | None) -> None:
        """`endpoints`: ADDRESS:PORT of the members that there are by now."""
        self._endpoints, self._tls = endpoints, tls

    async def listed(self) -> tuple[EtcdMember, ...]:
        """See ports.RegistryMembers."""
        answer = await self._ask("MemberList", MemberListRequest(), MemberListResponse)
        return tuple(_member(found) for found in answer.members)

    async def add_learner(self, url: str) -> None:
        """See ports.RegistryMembers."""
        await self._ask("MemberAdd", MemberAddRequest(peerURLs=[url], isLearner=True), MemberAddResponse)

    async def promote(self, identity: int) -> None:
        """See ports.RegistryMembers."""
        await self._ask("MemberPromote", MemberPromoteRequest(ID=identity), MemberPromoteResponse)

    async def remove(self, identity: int) -> None:
        """See ports.RegistryMembers."""
        await self._ask("MemberRemove", MemberRemoveRequest(ID=identity), MemberRemoveResponse)

    async def answers(self, endpoint: str) -> bool:
        """See ports.RegistryMembers."""
        try:
            await self._ask("MemberList", MemberListRequest(), MemberListResponse, (endpoint,))
        except (RegistryUnreachable, Refused):
            return False
        return True

    async def _ask(self, method: str, request: Any, answer: Any, endpoints: Sequence[str] = ()) -> Any:
        why = "nobody answers"
        credentials = None if self._tls is None else await link.credentials(self._tls)
        for endpoint in endpoints or self._endpoints():
            target = f"{'ipv6' if endpoint.startswith('[') else 'ipv4'}:{endpoint}"
            channel = grpc.aio.insecure_channel(target) if credentials is None else grpc.aio.secure_channel(target, credentials)
            try:
                async with channel, asyncio.timeout(WITHIN_S):
                    call = channel.unary_unary(f"/etcdserverpb.Cluster/{method}", request.__class__.SerializeToString, answer.FromString)
                    return await call(request)
            except TimeoutError:
                why = f"{endpoint} does not answer"
            except grpc.aio.AioRpcError as error:
                why = _judged(error)
        raise RegistryUnreachable(f"no member of etcd did it: {why}")


def _judged(error: "grpc.aio.AioRpcError") -> str:
    """Why this member did not do it, so that another is asked. Refused, NotInStep: none would."""
    said = (error.details() or error.code().name).removeprefix("etcdserver: ")
    if _NOT_IN_STEP in said:
        raise NotInStep from None
    if error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND) or any(
        sign in said for sign in _SAYS
    ):
        raise Refused(words(20309, next((means for sign, means in _SAYS.items() if sign in said), said)), code=20309) from None
    return said


def _member(found: Member) -> EtcdMember:
    return EtcdMember(identity=found.ID, name=found.name, urls=tuple(found.peerURLs), learner=found.isLearner, begun=bool(found.clientURLs))
