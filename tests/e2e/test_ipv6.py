"""A service behind an IPv6 address, beside an IPv4 one: guards and registry talk over IPv6 too; a witness outside judges who answers."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.attacks.harness import AttackedCluster
from e2e.attacks.witness import AttackWitness
from e2e.audited import audited, name_of_a_lab
from support import wait_for
from understudy.lab import Lab

pytestmark = pytest.mark.lab

ADDRESS4, ADDRESS6, PORT = "10.10.10.11", "fd00:10:10:10::11", 8080
HOME = "/opt/openstack-ha"
WEB = f"{HOME}/web6.py"
GROUP = ("vip4", "vip6", "web6")

SERVER_TEXT = f"""
import os, socket
door = socket.create_server(("{ADDRESS6}", {PORT}), family=socket.AF_INET6, backlog=64)
if os.fork():
    os._exit(0)
os.setsid()
os.dup2(os.open("/dev/null", os.O_RDWR), 1)
os.dup2(1, 2)
while True:
    visitor, _ = door.accept()
    visitor.close()
"""

SCRIPT_TEXT = f"""#!/bin/sh
case $1 in
start) exec python3 -IS {WEB} ;;
check) pgrep -f "python3 -IS {WEB}" >/dev/null ;;
stop | abort) pkill -f "python3 -IS {WEB}"; while pgrep -f "python3 -IS {WEB}" >/dev/null; do sleep 0.02; done ;;
clean) pkill -9 -f "python3 -IS {WEB}"; exit 0 ;;
esac
"""


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, engine: str, init: str) -> Iterator[AttackedCluster]:
    """Four servers in a lab with both families; after the story nothing answered twice."""
    lab = Lab(name_of_a_lab("six"), pause_tolerance=0.5, ipv6=True, engine=engine, init=init)
    with audited(lab, AttackedCluster, request, tmp_path) as cluster:
        yield cluster


def run_web(cluster: AttackedCluster, on: str) -> AttackWitness:
    """The group of both addresses and the service, watched from before its start."""
    pool = ("ctr1", "ctr2")
    cluster.put(WEB, SERVER_TEXT, pool)
    cluster.put(f"{HOME}/web6.scr", SCRIPT_TEXT, pool)
    cluster.run("crsctl", "add", "serverpool", "sp", "-attr", f"PARENT_POOLS=Generic, SERVER_NAMES={' '.join(pool)}")
    for network, address, name in ((1, ADDRESS4, "vip4"), (2, ADDRESS6, "vip6")):
        cluster.run("appvipcfg", "create", f"-network={network}", f"-ip={address}", f"-vipname={name}", "-user=root")
    own = f"ACTION_SCRIPT={HOME}/web6.scr,PLACEMENT=restricted,SERVER_POOLS=sp,CHECK_INTERVAL=5,RESTART_ATTEMPTS=2"
    needs = "START_DEPENDENCIES=hard(vip4,vip6),STOP_DEPENDENCIES=hard(vip4,vip6)"
    cluster.run("crsctl", "add", "resource", "web6", "-type", "cluster_resource", "-attr", f"{own},{needs}", on=pool[0])
    witness = cluster.watch(ADDRESS6, {"web6": WEB}, own=cluster.lab.plan.host("client").address6("management"))
    cluster.run("crsctl", "start", "resource", "web6", "-n", on)
    served(cluster)
    return witness


def served(cluster: AttackedCluster, within_s: float = 30.0) -> None:
    """Wait until the client is served at the address."""
    ask = f"import socket; socket.create_connection(('{ADDRESS6}', {PORT}), 0.5)"
    wait_for(lambda: cluster.lab.client(["python3", "-c", ask], check=False).returncode == 0, within_s, "the client is served over IPv6")


@pytest.mark.parametrize("fault", ["crash", "cut", pytest.param("freeze", marks=pytest.mark.long)])
def test_the_address_survives_its_server(cluster: AttackedCluster, fault: str) -> None:
    """Another server answers for it soon, and the old one never again, also when it comes back."""
    witness = run_web(cluster, "ctr1")
    getattr(cluster.lab, fault)("ctr1")
    cluster.runs(*GROUP, on="ctr2")
    served(cluster)
    match fault:
        case "crash":
            cluster.lab.boot("ctr1")
        case "cut":
            cluster.lab.heal("ctr1")
        case "freeze":
            cluster.thaw("ctr1")
    cluster.lab.ready(60, ["ctr1"])
    wait_for(lambda: not cluster.holds_address("ctr1", ADDRESS6), 30, "the address is off ctr1")
    served(cluster)
    witness.stop()
    outage_s = outage(witness, "ctr1", "ctr2")
    print(f"\n    {fault}: the IPv6 address answered elsewhere after {outage_s:.2f} s")
    assert outage_s < 10 * cluster.limits.outage_s


def outage(witness: AttackWitness, old: str, new: str) -> float:
    """Seconds between the last TCP answer of one server and the first of another."""
    last = max(stretch.until for stretch in witness.stretches if (stretch.what, stretch.server) == ("tcp", old))
    return min(stretch.since for stretch in witness.stretches if (stretch.what, stretch.server) == ("tcp", new)) - last


def test_a_service_that_dies_is_restarted_behind_both_addresses(cluster: AttackedCluster) -> None:
    """In place; moved, both addresses go along, and the neighbours know at once."""
    run_web(cluster, "ctr1")
    cluster.kill("web6", on="ctr1")
    cluster.tells("start-done", resource="web6", on="ctr1")
    served(cluster)
    began = time.monotonic()
    cluster.run("crsctl", "relocate", "resource", "web6", "-n", "ctr2", "-f")
    served(cluster, 5.0)
    print(f"\n    moved, and served over IPv6 again, within {time.monotonic() - began:.2f} s")
    for address in (ADDRESS4, ADDRESS6):
        assert cluster.holds_address("ctr2", address)
        assert not cluster.holds_address("ctr1", address)


def test_an_address_that_is_somebodys_is_refused(cluster: AttackedCluster) -> None:
    """A stranger's with his MAC, at its making and at its start; a server's own by the settings."""
    client = cluster.lab.plan.host("client")
    taken, mac = client.address6("management"), next(cable.mac for cable in client.links if cable.network == "management")
    make = ("appvipcfg", "create", "-network=2", "-vipname=vip6", "-user=root")
    assert f"already in use on the network by MAC {mac}" in cluster.run(*make, f"-ip={taken}", check=False)
    interconnect = cluster.lab.plan.host("ctr2").address6("interconnect")
    assert "outside the subnet" in cluster.run(*make, f"-ip={interconnect}", check=False)
    cluster.run(*make, f"-ip={ADDRESS6}")
    cluster.lab.client(["ip", "addr", "add", f"{ADDRESS6}/64", "dev", "eth1", "nodad"])
    told = cluster.run("crsctl", "start", "resource", "vip6", "-n", "ctr1", check=False)
    assert f"already in use by MAC {mac}" in told
    assert not cluster.holds_address("ctr1", ADDRESS6)
