"""Makes room in an etcd whose quota is used up: then it answers and takes no write, until somebody compacts, defragments and disarms it.

Over the same protocol as everything else that is said to etcd: the HTTP that a member may speak beside it (`/v3/...`) is off where etcd is
configured by a file, as `understudy cluster init` does. Called by `understudy cluster repair-registry`. Must never touch a key: only what
etcd keeps of the past is given up, and daemons that were away read everything again.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import RegistryUnreachable
from understudy.model.settings import TlsFiles
from understudy.registry.etcd import link  # sets what has to be set before grpc is imported
from understudy.registry.etcd.etcd_pb2 import (
    AlarmMember,
    AlarmRequest,
    AlarmResponse,
    CompactionRequest,
    CompactionResponse,
    DefragmentRequest,
    DefragmentResponse,
    StatusRequest,
    StatusResponse,
)

import grpc  # isort: skip

ASK_S, DEFRAGMENT_S = 5.0, 120.0
"""A member answers nobody while it is defragmented; a full quota of 2 GiB takes about half a minute."""
_MAINTENANCE = "/etcdserverpb.Maintenance/"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRoom:
    """One member's room. Bytes."""

    endpoint: str
    revision: int
    leads: bool
    stored: int
    used: int
    """Of what is stored; the rest is freed when it is defragmented."""
    full: bool


class EtcdRoom:
    """All members of one etcd."""

    def __init__(self, endpoints: Sequence[str], tls: TlsFiles | None) -> None:
        """RegistryUnreachable: the certificates cannot be used."""
        self._endpoints = tuple(endpoints)
        self.silent: dict[str, str] = {}
        """Who did not answer when all were looked at last, and why."""
        self._credentials = None if tls is None else link.credentials_of(tls)

    def look(self) -> tuple[MemberRoom, ...]:
        """Every member that answers, the leader last. RegistryUnreachable: none does."""
        self.silent = {}
        said = {endpoint: status for endpoint in self._endpoints if (status := self._status(endpoint)) is not None}
        if not said:
            raise RegistryUnreachable("; ".join(self.silent.values()))
        full = {alarm.memberID for alarm in self._alarms()}
        found = (
            MemberRoom(
                endpoint=endpoint,
                revision=status.header.revision,
                leads=status.leader == status.header.member_id,
                stored=status.dbSize,
                used=status.dbSizeInUse,
                full=status.header.member_id in full,
            )
            for endpoint, status in said.items()
        )
        return tuple(sorted(found, key=lambda member: (member.leads, member.endpoint)))

    def make_room(self, progress: Callable[[str], None]) -> tuple[MemberRoom, ...]:
        """Compact, defragment one member after the other, disarm the alarm; how much room there is then. Who is away is passed over: see
        `silent`. RegistryUnreachable: what was not done yet can be done by the same again."""
        before = self.look()
        revision = min(member.revision for member in before)
        if revision > 1:
            progress(f"compacting: nothing is kept of what was before revision {revision} ...")
            compaction = CompactionRequest(revision=revision, physical=True)
            self._ask(self._first, "/etcdserverpb.KV/Compact", compaction, CompactionResponse, within_s=DEFRAGMENT_S, done="compacted")
        for member in before:
            progress(f"defragmenting {member.endpoint}, which answers nobody meanwhile ...")
            self._ask(member.endpoint, f"{_MAINTENANCE}Defragment", DefragmentRequest(), DefragmentResponse, within_s=DEFRAGMENT_S)
        for alarm in self._alarms():
            disarming = AlarmRequest(action=AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm)
            self._ask(self._first, f"{_MAINTENANCE}Alarm", disarming, AlarmResponse)
        return self.look()

    @property
    def _first(self) -> str:
        """Whoever answered, for what concerns all of them."""
        return next(endpoint for endpoint in self._endpoints if endpoint not in self.silent)

    def _status(self, endpoint: str) -> "StatusResponse | None":
        """None: it does not answer."""
        try:
            found: StatusResponse = self._ask(endpoint, f"{_MAINTENANCE}Status", StatusRequest(), StatusResponse)
        except RegistryUnreachable as error:
            self.silent[endpoint] = str(error)
            return None
        return found

    def _alarms(self) -> list[AlarmMember]:
        """Of members whose quota is used up."""
        said = self._ask(self._first, f"{_MAINTENANCE}Alarm", AlarmRequest(action=AlarmRequest.GET), AlarmResponse)
        return [alarm for alarm in said.alarms if alarm.alarm == AlarmMember.NOSPACE]

    def _ask(self, endpoint: str, method: str, request: Any, answer: Any, *, within_s: float = ASK_S, done: str = "") -> Any:
        """What a member answers. `done`: what an error says that is none, for it was done before."""
        with self._channel(endpoint) as channel:
            call = channel.unary_unary(method, request.__class__.SerializeToString, answer.FromString)
            try:
                return call(request, timeout=within_s)
            except grpc.RpcError as error:
                why = link.in_words(error)
                if done and done in why:
                    return answer()
                silent = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                raise RegistryUnreachable(
                    f"etcd at {endpoint} {'does not answer' if silent else 'did not do what was asked'}: {why}"
                ) from None

    @contextlib.contextmanager
    def _channel(self, endpoint: str) -> "Iterator[grpc.Channel]":
        target = f"{'ipv6' if endpoint.startswith('[') else 'ipv4'}:{endpoint}"
        credentials = self._credentials
        with grpc.insecure_channel(target) if credentials is None else grpc.secure_channel(target, credentials) as channel:
            yield channel
