"""What the network does around a takeover: announcements lost, a stranger's address, recorded packets."""

import contextlib
import socket
import struct
import threading
import time
from functools import partial

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import SOON_S, Trio
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]

DROP_ARP = (
    "nft add table arp deaf; nft add chain arp deaf in '{ type filter hook input priority 0; }'; nft add rule arp deaf in drop; "
    "nft add chain arp deaf out '{ type filter hook output priority 0; }'; nft add rule arp deaf out drop"
)


def test_announcements_are_lost_for_eight_seconds(cluster: AttackedCluster, trio: Trio) -> None:
    """The way to a client drops ARP for eight seconds after a takeover, and the client trusts what it knows: a later announcement comes."""
    trio.run(on="ctr1")
    cluster.lab.client(["sh", "-c", "echo 900000 >/proc/sys/net/ipv4/neigh/eth1/base_reachable_time_ms"])
    cluster.passes(0.5)
    cluster.lab.client(["sh", "-c", DROP_ARP])
    cluster.lab.crash("ctr1")
    cluster.runs(*service.TRIO, on="ctr2")
    cluster.passes(8.0)
    cluster.lab.client(["nft", "delete", "table", "arp", "deaf"])
    trio.asker.served(by="ctr2", within_s=20)


def test_address_that_a_stranger_had(cluster: AttackedCluster, trio: Trio) -> None:
    """A stranger has the address for a while: once it is gone, the address starts within seconds, not at the next retry."""
    trio.register()
    trio.watch()
    cluster.lab.client(["ip", "addr", "add", f"{service.ADDRESS}/24", "dev", "eth1"])
    cluster.run("crsctl", "start", "resource", *service.TRIO, "-n", "ctr1", "-l", check=False)
    cluster.passes(40.0)
    cluster.lab.client(["ip", "addr", "del", f"{service.ADDRESS}/24", "dev", "eth1"])
    trio.asker.served(within_s=15)


def test_recorded_packets_of_a_dead_server(cluster: AttackedCluster, trio: Trio) -> None:
    """Its renews were recorded; after its power loss the voters' guards restart, and receive the recording: that keeps nobody alive."""
    trio.run(on="ctr1")
    recorded = cluster.lab.inside_network("switch", lambda: record(cluster, "ctr1", 4.0))
    assert len(recorded) > 20
    crashed = cluster.lab.crash("ctr1")
    for voter in ("ctr2", "ctr3"):
        cluster.restart_guard(voter)
    replaying = threading.Thread(target=lambda: cluster.lab.inside_network("switch", lambda: replay(recorded, 30.0)))
    replaying.start()
    try:
        trio.asker.served(by="ctr2", within_s=24.0, since=crashed)
    finally:
        replaying.join()
    trio.follows(to="ctr2")


def record(cluster: AttackedCluster, server: str, seconds: float) -> list[tuple[str, bytes]]:
    """What a server sends to guards, with the port of the switch by which it must leave; called inside the switch."""
    ports = {link.mac: link.port for host in cluster.lab.plan.hosts for link in host.links}
    own = {link.port for link in cluster.lab.plan.host(server).links}
    until = time.monotonic() + seconds
    heard: list[tuple[str, bytes]] = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003)) as ear:
        ear.settimeout(0.2)
        while time.monotonic() < until:
            try:
                frame, (port, *_) = ear.recvfrom(4096)
            except TimeoutError:
                continue
            udp = frame[12:14] == b"\x08\x00" and frame[23] == 17 and struct.unpack_from("!H", frame, 36)[0] == 7401
            if udp and port in own and frame[:6].hex(":") in ports:
                # without a checksum: the sender's kernel had left it to a card that there is not
                heard.append((ports[frame[:6].hex(":")], frame[:40] + b"\0\0" + frame[42:]))
    return heard


def replay(recorded: list[tuple[str, bytes]], seconds: float) -> None:
    """Send the records, one after the other, spread over a time; called inside the switch."""
    begun = time.monotonic()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as mouth:
        for number, (port, frame) in enumerate(recorded):
            due = begun + seconds * number / len(recorded)
            wait_for(partial(_is_past, due), seconds + SOON_S, "the next is due")
            with contextlib.suppress(OSError):  # the port of a server that is off
                mouth.sendto(frame, (port, 0))


def _is_past(instant: float) -> bool:
    return time.monotonic() >= instant
