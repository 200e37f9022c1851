"""The lab's switch: one bridge per network, one port per cable, in the network namespace of the power process.

Owned by `power.py`, which has given itself that namespace; nothing here reaches the machine's own network. A cut cable
keeps its carrier, as behind a switch that lost its uplink: frames are dropped at the port, in either or both
directions.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetlinkError

from understudy.lab import kernel
from understudy.lab.plan import NETWORKS, Host

_WITHOUT_IPV6 = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
DIRECTIONS = ("in", "out")
_ANSWER_BYTES = 4096
_RTM_SETLINK, _NLM_F_REQUEST, _NLM_F_ACK = 19, 0x1, 0x4
_AF_BRIDGE, _IFLA_PROTINFO, _NLA_F_NESTED, _IFLA_BRPORT_STATE, _STATE_DISABLED = 7, 12, 0x8000, 1, 0
_FRAMES_FROM_HOST = "ffff:fff2"
_FRAMES_TO_HOST = "ffff:fff3"
_PARENTS = {"out": _FRAMES_FROM_HOST, "in": _FRAMES_TO_HOST}


class Switch:
    """Bridges and ports; made inside the namespace it is to live in."""

    def __init__(self) -> None:
        # The switch has no addresses: it only passes frames on.
        if _WITHOUT_IPV6.exists():
            _WITHOUT_IPV6.write_text("1")
        self._route = IPRoute()
        self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._kernel.bind((0, 0))
        self._drop = kernel.load_drop_program()
        self._bridges: dict[str, int] = {}
        self._ports: dict[str, int] = {}
        for network in NETWORKS:
            options = {"br_stp_state": 0, "br_forward_delay": 0, "br_mcast_snooping": 0}
            self._route.link("add", ifname=network.name, kind="bridge", **options)
            self._bridges[network.name] = self._index(network.name)
            self._route.link("set", index=self._bridges[network.name], state="up")

    def plug(self, host: Host, pid: int, cuts: Mapping[str, Iterable[str]]) -> None:
        """Lay all cables of a host to the network namespace of this process; `cuts` are those that are to be cut from the start."""
        for link in host.links:
            far_end = {"ifname": link.interface, "address": link.mac, "net_ns_pid": pid}
            self._route.link("add", ifname=link.port, kind="veth", peer=far_end, group=host.number)
            port = self._ports[link.port] = self._index(link.port)
            self._route.tc("add", "clsact", port)
            self._drop_frames(port, cuts.get(link.network, ()))
            self._route.link("set", index=port, master=self._bridges[link.network], state="up")

    def silence(self, host: Host) -> None:
        """From the moment this returns no frame passes any port of the host, either way: a fraction of a millisecond, for a power loss."""
        ports = [self._ports[link.port] for link in host.links if link.port in self._ports]
        if ports:  # one that did not boot may have none yet, and nothing to ask is an error to the kernel
            self._kernel.send(b"".join(_disable_port(port) for port in ports))
        for _ in ports:
            _check(self._kernel.recv(_ANSWER_BYTES))

    def unplug(self, host: Host) -> None:
        """Take all cables of a host away."""
        if [self._ports.pop(link.port) for link in host.links if link.port in self._ports]:
            try:
                self._route.link("del", index=0, group=host.number)
            except NetlinkError as error:
                if error.code != errno.ENODEV:  # the host's network namespace, ending with its last process, has taken them along
                    raise

    def set_cuts(self, host: Host, cuts: Mapping[str, Iterable[str]]) -> None:
        """Let the cables of a host drop frames in these directions by network, and pass all others."""
        for link in host.links:
            port = self._ports.get(link.port)
            if port is not None:
                wanted = cuts.get(link.network, ())
                if not wanted:
                    self._route.tc("del", "clsact", port)
                    self._route.tc("add", "clsact", port)
                self._drop_frames(port, wanted)

    def close(self) -> None:
        """Let go of the kernel's handles; the namespace ends with its last process."""
        self._route.close()
        self._kernel.close()
        os.close(self._drop)

    def _drop_frames(self, port: int, directions: Iterable[str]) -> None:
        for direction in directions:
            self._route.tc(
                "replace-filter",
                "bpf",
                port,
                ":1",
                fd=self._drop,
                name="cut",
                parent=_PARENTS[direction],
                prio=1,
                classid=1,
                direct_action=True,
            )

    def _index(self, interface: str) -> int:
        found: list[Any] = self._route.link_lookup(ifname=interface)
        if not found:  # its far end has just ended, and has taken it along
            raise OSError(errno.ENODEV, f"{interface}: {os.strerror(errno.ENODEV)}")
        return int(found[0])


def _disable_port(port: int) -> bytes:
    """The kernel's message that disables a bridge port; several of them can be sent at once, which the library has no call for."""
    state = struct.pack("=HHB3x", 5, _IFLA_BRPORT_STATE, _STATE_DISABLED)
    body = struct.pack("=BxHiII", _AF_BRIDGE, 0, port, 0, 0) + struct.pack("=HH", 4 + len(state), _IFLA_PROTINFO | _NLA_F_NESTED) + state
    return struct.pack("=IHHII", 16 + len(body), _RTM_SETLINK, _NLM_F_REQUEST | _NLM_F_ACK, 0, 0) + body


def _check(answer: bytes) -> None:
    """OSError if the kernel refused; that the port has just gone with its host is as good as disabled."""
    number = -struct.unpack_from("=i", answer, 16)[0]
    if number not in (0, errno.ENODEV):
        raise OSError(number, f"disabling a switch port: {os.strerror(number)}")
