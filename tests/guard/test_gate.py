"""The gate in a real kernel: two servers' networks, no guard; the test itself opens and shuts."""

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroute2 import NetNS
from pyroute2.nftables.main import NFTables

from guard.hosts import GuardHost, Hosts, hosts
from support import wait_for
from understudy.guard.gate import STORAGE, Gate
from understudy.linux.interfaces import Addresses

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]

VIRTUAL, VIRTUAL6, OWN6 = "10.77.0.100", "fd77::100", "fd77::2"
PORT = 4000
PROMPT_MS = 2.0


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Hosts]:
    with hosts(tmp_path, 2) as made:
        for host, addresses in ((made[1], (VIRTUAL, VIRTUAL6)), (made[2], (OWN6,))):
            with NetNS(host.namespace) as kernel:
                index = kernel.link_lookup(ifname="eth0")[0]
                for address in addresses:
                    # Without duplicate address detection, which would keep the address tentative for a second.
                    length, flags = (64, {"flags": 0x02}) if ":" in address else (24, {})
                    kernel.addr("add", index=index, address=address, prefixlen=length, **flags)
        yield made


@pytest.fixture
def gate(pair: Hosts) -> Iterator[Gate]:
    made = pair[1].inside(Gate)
    made.install()
    yield made
    made.close_socket()


def receiver(host: GuardHost, address: str) -> socket.socket:
    """A service on that address."""

    def bind() -> socket.socket:
        wire = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind((address, PORT))
        return wire

    return host.inside(bind)


def passes(pair: Hosts, address: str, *, outward: bool = False) -> bool:
    """One datagram to the address from the other server, or from it."""
    client_address = OWN6 if ":" in address else pair[2].address
    with receiver(pair[1], address) as service, receiver(pair[2], client_address) as client:
        source, target, where = (service, client, client_address) if outward else (client, service, address)
        try:
            source.sendto(b"x", (where, PORT))
        except PermissionError:
            return False  # dropped on its way out
        return bool(select.select([target], [], [], 0.1)[0])


@pytest.mark.parametrize("address", [VIRTUAL, VIRTUAL6])
@pytest.mark.parametrize("outward", [False, True], ids=["in", "out"])
def test_a_protected_address_passes_only_while_the_gate_is_open(pair: Hosts, gate: Gate, address: str, outward: bool) -> None:
    assert passes(pair, address, outward=outward)
    gate.protect([address])
    assert not passes(pair, address, outward=outward)
    gate.refresh([address], 10_000)
    assert passes(pair, address, outward=outward)
    gate.close()
    assert not passes(pair, address, outward=outward)


@pytest.mark.parametrize("address", [VIRTUAL, VIRTUAL6])
def test_nobody_learns_where_a_shut_address_is(pair: Hosts, gate: Gate, address: str) -> None:
    gate.protect([VIRTUAL, VIRTUAL6])
    assert not passes(pair, address)
    with NetNS(pair[2].namespace) as kernel:
        known = [neighbour.get_attr("NDA_LLADDR") for neighbour in kernel.get_neighbours() if neighbour.get_attr("NDA_DST") == address]
    assert not any(known)
    gate.refresh([VIRTUAL, VIRTUAL6], 10_000)
    wait_for(lambda: passes(pair, address), 3, "asked again and answered")


def test_own_addresses_are_not_touched(pair: Hosts, gate: Gate) -> None:
    gate.protect([VIRTUAL, VIRTUAL6])
    assert passes(pair, pair[1].address)


def test_a_client_of_the_address_elsewhere_is_not_touched(pair: Hosts) -> None:
    client_gate = pair[2].inside(Gate)
    client_gate.install([(VIRTUAL, "cluster")])
    assert passes(pair, VIRTUAL)
    client_gate.close_socket()


def test_a_storage_endpoint_is_out_of_reach_while_the_gate_is_shut(pair: Hosts, gate: Gate) -> None:
    gate.protect([pair[2].address], STORAGE)
    assert not passes(pair, pair[1].address, outward=True)
    gate.refresh([pair[2].address], 10_000)
    assert passes(pair, pair[1].address, outward=True)


def test_it_shuts_by_itself_at_the_end_of_the_time_left(pair: Hosts, gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    gate.protect([VIRTUAL])
    gate.refresh([VIRTUAL], 10_000)
    wait_for(lambda: passes(pair, VIRTUAL), 3, "open, and its neighbour knows it")
    with receiver(pair[1], VIRTUAL) as service, receiver(pair[2], pair[2].address) as client:
        gate.refresh([VIRTUAL], 300)
        opened, last = time.monotonic(), 0.0
        while time.monotonic() < opened + 0.5:
            client.sendto(struct.pack("d", time.monotonic()), (VIRTUAL, PORT))
            while select.select([service], [], [], 0.001)[0]:
                packet = service.recv(64)
                last = struct.unpack("d", packet)[0]
    ended_ms = 1000 * (last - opened)
    with capsys.disabled():
        print(f"\n    opened for 300 ms: the last packet that passed was sent after {ended_ms:.0f} ms")
    assert 250 < ended_ms < 320


def test_a_refresh_loses_no_packet_and_takes_no_time(pair: Hosts, gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    thirty = [f"10.77.0.{number}" for number in range(100, 120)] + [f"fd77::{number:x}" for number in range(0x100, 0x10A)]
    gate.protect(thirty)
    gate.refresh(thirty, 10_000)
    wait_for(lambda: passes(pair, VIRTUAL), 3, "open")
    took: list[float] = []
    with receiver(pair[1], VIRTUAL) as service, receiver(pair[2], pair[2].address) as client:
        for _ in range(1000):
            began = time.perf_counter()
            gate.refresh(thirty, 10_000)
            took.append(1000 * (time.perf_counter() - began))
            client.sendto(b"x", (VIRTUAL, PORT))
            assert select.select([service], [], [], 1)[0], "a packet was lost"
            service.recv(16)
    took.sort()
    with capsys.disabled():
        print(f"\n    refresh of 30 addresses: median {took[500]:.3f} ms, p99 {took[990]:.3f}, max {took[-1]:.3f}")
    assert took[500] < PROMPT_MS


@pytest.mark.parametrize("address", [VIRTUAL, VIRTUAL6])
def test_an_address_passes_only_by_its_own_start(pair: Hosts, gate: Gate, address: str) -> None:
    other = VIRTUAL6 if address == VIRTUAL else VIRTUAL
    gate.protect([VIRTUAL, VIRTUAL6])
    gate.refresh([other], 10_000)
    assert not passes(pair, address), "another one is open"
    gate.refresh([address], 10_000)
    wait_for(lambda: passes(pair, address), 3, "it was started")
    gate.refresh([], 10_000)
    assert not passes(pair, address), "it was stopped"


def test_the_kernel_remembers_the_addresses_of_processes_that_died(pair: Hosts, gate: Gate) -> None:
    successor = pair[1].inside(Gate)
    assert successor.remembered() == set()
    gate.protect([VIRTUAL, VIRTUAL6])
    gate.protect(["10.77.0.9"], STORAGE)
    assert successor.remembered() == {VIRTUAL, VIRTUAL6}
    gate.forget([VIRTUAL])
    assert successor.remembered() == {VIRTUAL6}
    assert passes(pair, VIRTUAL), "it is no cluster address any more"
    successor.close_socket()


def test_a_gate_without_its_rules_is_not_whole(pair: Hosts, gate: Gate) -> None:
    assert gate.whole()

    def flush_chain() -> None:
        with NFTables(nfgen_family=1) as kernel:
            for rule in kernel.get_rules():
                if rule.get_attr("NFTA_RULE_TABLE") == "understudy" and rule.get_attr("NFTA_RULE_CHAIN") == "in":
                    kernel.rule("del", table="understudy", chain="in", handle=rule.get_attr("NFTA_RULE_HANDLE"))
                    return

    pair[1].inside(flush_chain)
    gate.refresh([VIRTUAL], 1000)  # takes it as if nothing were
    assert not gate.whole()
    gate.install()
    assert gate.whole()


def test_a_gate_that_is_removed_lets_everything_pass(pair: Hosts, gate: Gate) -> None:
    """Where the package is removed; also where no table is."""
    gate.protect([VIRTUAL, VIRTUAL6])
    for _ in range(2):
        gate.remove()
        assert gate.remembered() == set()
        assert passes(pair, VIRTUAL)
    assert not gate.whole()


def test_without_tables_nothing_is_remembered(pair: Hosts) -> None:
    gate = pair[1].inside(Gate)
    assert gate.remembered() == set()
    assert not gate.whole()
    gate.close_socket()


@pytest.mark.parametrize("address", [VIRTUAL, VIRTUAL6])
def test_an_address_is_taken_away_on_whatever_interface_and_prefix_it_is(pair: Hosts, address: str) -> None:
    with NetNS(pair[1].namespace) as kernel:
        kernel.addr("add", index=1, address=address, prefixlen=128 if ":" in address else 32)
        if ":" not in address:  # of IPv6 the kernel takes one of each on an interface
            kernel.addr("add", index=kernel.link_lookup(ifname="eth0")[0], address=address, prefixlen=16)
    addresses = pair[1].inside(Addresses)
    assert len(addresses.present({address})) == (2 if ":" in address else 3)
    assert addresses.remove({address, "10.77.0.222"}) == []
    assert addresses.present({address}) == []
    with NetNS(pair[1].namespace) as kernel:
        left = [message.get_attr("IFA_ADDRESS") for message in kernel.get_addr()]
    assert pair[1].address in left, "others stay"
    addresses.close()


def test_what_was_forgotten_already_is_forgotten_with_the_others(pair: Hosts, gate: Gate) -> None:
    """A guard ended after it had changed the kernel's sets and before it had noted it: its successor could release no address any more."""
    gate.protect([VIRTUAL, VIRTUAL6])
    gate.forget([VIRTUAL])
    assert (passes(pair, VIRTUAL), passes(pair, VIRTUAL6)) == (True, False)
    gate.forget([VIRTUAL, VIRTUAL6])
    assert passes(pair, VIRTUAL)
    wait_for(lambda: passes(pair, VIRTUAL6), 5, "the neighbour asks for it again")
