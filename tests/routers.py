"""Network namespaces as Neutron's agents leave them: one client, and routers that answer it without any process.

Whether one answers is asked of the kernel in it: a connection to a port where nobody listens is refused by whoever has the address.
Called by tests that have root. The machine's own network is never touched.
"""

import contextlib
import ctypes
import os
import secrets
import socket
from collections.abc import Iterator

from pyroute2 import NetNS, netns

from understudy.linux.libc import libc

_NEWNET = 0x40000000
ANSWER_S = 0.2


@contextlib.contextmanager
def network_of(name: str) -> Iterator[None]:
    """This thread is in a named namespace."""
    home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        assert libc.setns(there, _NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(home, _NEWNET) == 0
        os.close(home)
        os.close(there)


def socket_in(name: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket that belongs to a named namespace."""
    with network_of(name):
        return socket.socket(socket.AF_INET, kind)


class Routers:
    """Named `TAG-r0`, `TAG-r1`, ...: each with one port to the client."""

    def __init__(self) -> None:
        self.tag = f"usn{secrets.token_hex(3)}"
        self.client = f"{self.tag}.client"
        self.names: list[str] = []
        netns.create(self.client)

    @property
    def pattern(self) -> str:
        """Of the names of all."""
        return f"{self.tag}-*"

    def add(self, ports: int = 1) -> str:
        """One more; its name."""
        number = len(self.names)
        name = f"{self.tag}-r{number}"
        netns.create(name)
        self.names.append(name)
        with NetNS(self.client) as kernel:
            for port in range(ports):
                kernel.link("add", ifname=f"v{number}-{port}", kind="veth", peer={"ifname": f"qr{port}", "net_ns_fd": name})
                _up(kernel, f"v{number}-{port}", f"10.{number}.{port}.2")
        with NetNS(name) as kernel:
            for port in range(ports):
                _up(kernel, f"qr{port}", f"10.{number}.{port}.1")
        return name

    def answers(self, name: str) -> bool:
        """Whether anybody has its address."""
        with socket_in(self.client) as asking:
            asking.settimeout(ANSWER_S)
            return asking.connect_ex((f"10.{self.names.index(name)}.0.1", 9)) == _REFUSED

    def close(self) -> None:
        """Leave nothing behind."""
        for name in {self.client, *self.names} & set(netns.listnetns()):
            netns.remove(name)


_REFUSED = 111


def _up(kernel: NetNS, link: str, address: str) -> None:
    index = kernel.link_lookup(ifname=link)[0]
    kernel.addr("add", index=index, address=address, prefixlen=24)
    kernel.link("set", index=index, state="up")


@contextlib.contextmanager
def routers(count: int = 0, ports: int = 1) -> Iterator[Routers]:
    """For one test."""
    made = Routers()
    try:
        for _ in range(count):
            made.add(ports)
        yield made
    finally:
        made.close()
