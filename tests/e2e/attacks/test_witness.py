"""The witness finds what it is there for: put up on purpose, seen; not put up, not seen."""

import itertools
import time

import pytest

from e2e import service
from e2e.attacks.harness import WEB, AttackedCluster
from e2e.attacks.witness import ANSWERS, Stretch, doubled


def stretch(server: str, since: float, until: float, what: str = "web") -> Stretch:
    return Stretch(what, server, since, until)


@pytest.mark.parametrize(
    ("stretches", "seconds"),
    [
        ([stretch("ctr1", 0, 1), stretch("ctr2", 1, 2)], []),
        ([stretch("ctr1", 0, 1), stretch("ctr2", 0.75, 2)], [0.25]),
        ([stretch("ctr1", 0, 9), stretch("ctr2", 1, 2), stretch("ctr2", 3, 3.5)], [1, 0.5]),
        ([stretch("ctr1", 0, 1), stretch("ctr1", 0.5, 2)], []),
        ([stretch("ctr1", 0, 1, "arp"), stretch("ctr2", 0.5, 2, "tcp")], [0.5]),
        ([stretch("ctr1", 0, 2), stretch("ctr2", 1, 3), stretch("ctr3", 1.5, 3)], [1, 0.5, 1.5]),
    ],
)
def test_overlaps_are_what_is_twice(stretches: list[Stretch], seconds: list[float]) -> None:
    """In any order of what was seen, for exactly as long as two overlap."""
    for order in itertools.permutations(stretches):
        assert sorted(double.seconds for double in doubled("web", order)) == sorted(seconds)


@pytest.mark.lab
@pytest.mark.parametrize("address", [service.ADDRESS, "fd00:10::11"])
def test_doubled_address_and_doubled_process_are_seen(cluster: AttackedCluster, address: str) -> None:
    """One server with the address and the process is nothing; a second one is, for as long as it lasts; each by itself."""
    own, bits = ("fd00:10::100", "64 nodad") if ":" in address else (None, "24")
    if own is not None:
        cluster.lab.client(["ip", "addr", "add", f"{own}/64", "dev", "eth1", "nodad"])
        for number, server in enumerate(cluster.lab.servers, start=1):
            cluster.run("ip", "addr", "add", f"fd00:10::{number}/64", "dev", "eth1", "nodad", on=server)
    witness = cluster.watch(address, own=own)
    cluster.put(WEB, "#!/bin/sh\nsleep 100000\n", ("ctr1", "ctr2"))
    for server in ("ctr1", "ctr2"):
        cluster.run("sh", "-c", f"ip addr add {address}/{bits} dev eth1; {WEB} >/dev/null 2>&1 </dev/null &", on=server)
        cluster.passes(0.5)
    cluster.run("ip", "addr", "del", f"{address}/{bits.split()[0]}", "dev", "eth1", on="ctr2")
    off = time.monotonic()
    cluster.passes(0.3)
    witness.stop()
    twice = witness.twice()

    assert {double.what for double in twice} == {"address", "web"}
    assert all(double.servers == ("ctr1", "ctr2") and double.seconds >= 0.3 for double in twice)
    assert {seen_stretch.what for seen_stretch in witness.stretches if seen_stretch.server == "ctr1"} == {*ANSWERS, "web"}
    assert not witness.did("ctr3", (*ANSWERS, "web"))
    assert witness.did("ctr1", ANSWERS, since=off + 0.2)
    assert not witness.did("ctr2", ANSWERS, since=off)
    cluster.witnesses.clear()  # that was no breach
