"""The engine `etcd`: the registry in an etcd of one, three or five members, so that it is there while a majority of them is.

    client      the port, for daemons             link       one connection to one member
    requests    the port in etcd's words, pure    etcd_pb2   etcd's messages, made from etcd.proto
    room        room where its quota is used up

Called by `registry/engines.py` through ENGINE.
"""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.model.engines import ELECTION_MS, HEARTBEAT_MS, KEPT_REVISIONS, PEER_PORT
from understudy.model.settings import TlsFiles
from understudy.registry.engines import Seat

if TYPE_CHECKING:
    from understudy.registry.etcd.client import EtcdClient


MEMBERS = 3


class EtcdEngine:
    """What `registry/engines.py` asks for."""

    def connect(self, endpoints: Sequence[str], *, cluster: str, dice: random.Random, key: bytes, tls: TlsFiles | None) -> "EtcdClient":
        """As the Protocol says; the cluster's key is not needed."""
        from understudy.registry.etcd.client import EtcdClient

        return EtcdClient(endpoints, cluster=cluster, dice=dice, tls=tls, read_first=True)

    def seats(self, servers: Sequence[Seat], apart: Seat) -> tuple[Seat, ...]:
        """As the Protocol says: the first three by name, or one; of two, the loss of either would be the loss of both."""
        return tuple(sorted(servers, key=lambda seat: seat.host)[: MEMBERS if len(servers) >= MEMBERS else 1])

    def server_command(self, seat: Seat, seats: Sequence[Seat], *, directory: str, key: str, tls: TlsFiles) -> tuple[str, ...]:
        """As the Protocol says."""
        return (
            "etcd", "--name", seat.host, "--data-dir", f"{directory}/etcd", "--logger", "zap",
            "--listen-client-urls", f"https://{seat.endpoint}", "--advertise-client-urls", f"https://{seat.endpoint}",
            "--listen-peer-urls", _peer(seat), "--initial-advertise-peer-urls", _peer(seat),
            "--initial-cluster", ",".join(f"{member.host}={_peer(member)}" for member in seats),
            "--heartbeat-interval", f"{HEARTBEAT_MS}", "--election-timeout", f"{ELECTION_MS}",
            "--auto-compaction-mode", "revision", "--auto-compaction-retention", f"{KEPT_REVISIONS}",
            "--client-cert-auth", "--trusted-ca-file", tls.ca, "--cert-file", tls.certificate, "--key-file", tls.key,
            "--peer-client-cert-auth", "--peer-trusted-ca-file", tls.ca, "--peer-cert-file", tls.certificate, "--peer-key-file", tls.key,
        )  # fmt: skip


def _peer(seat: Seat) -> str:
    return f"https://{seat.address}:{PEER_PORT}"


ENGINE = EtcdEngine()
