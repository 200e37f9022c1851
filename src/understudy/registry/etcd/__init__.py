"""The engine `etcd`: the registry in an etcd of one, three or five members, so that it is there while a majority of them is.

    client      the port, for daemons             link       one connection to one member
    requests    the port in etcd's words, pure    etcd_pb2   etcd's messages, made from etcd.proto
    members     who they are, one more, one less  room       room where its quota is used up
    configuration   etcd.yaml of one member, pure

Called by `registry/engines.py` through ENGINE.
"""

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy.linux import paths
from understudy.model.settings import TlsFiles
from understudy.registry.engines import Seat
from understudy.registry.etcd.configuration import MemberFile

if TYPE_CHECKING:
    from understudy.registry.etcd.client import EtcdClient
    from understudy.registry.etcd.members import EtcdMembers


MEMBERS = 3


class EtcdEngine:
    """What `registry/engines.py` asks for."""

    def connect(self, endpoints: Sequence[str], *, cluster: str, dice: random.Random, key: bytes, tls: TlsFiles | None) -> "EtcdClient":
        """As the Protocol says; the cluster's key is not needed."""
        from understudy.registry.etcd.client import EtcdClient

        return EtcdClient(endpoints, cluster=cluster, dice=dice, tls=tls, read_first=True)

    def members(self, endpoints: Callable[[], Sequence[str]], tls: TlsFiles | None) -> "EtcdMembers":
        """As the Protocol says."""
        from understudy.registry.etcd.members import EtcdMembers

        return EtcdMembers(endpoints, tls)

    def seats(self, servers: Sequence[Seat], apart: Seat) -> tuple[Seat, ...]:
        """As the Protocol says: the first three by name, or one; of two, the loss of either would be the loss of both."""
        return tuple(sorted(servers, key=lambda seat: seat.host)[: MEMBERS if len(servers) >= MEMBERS else 1])

    def server_command(self, seat: Seat, *, directory: str, key: str) -> tuple[str, ...]:
        """As the Protocol says; all else stands in its configuration."""
        return ("etcd", "--config-file", paths.ETCD)

    def server_file(self, seat: Seat, seats: Sequence[Seat], *, directory: str, tls: TlsFiles) -> tuple[str, str]:
        """As the Protocol says."""
        members = {member.host: member.address for member in seats}
        made = MemberFile(name=seat.host, members=members, token="lab", directory=f"{directory}/etcd", tls=tls)
        return paths.ETCD, made.text()


ENGINE = EtcdEngine()
