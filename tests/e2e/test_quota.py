"""An etcd whose quota is used up, in a lab on systemd: what runs goes on, every command says what to do, and that is enough."""

from collections.abc import Sequence

import pytest

from e2e import service
from e2e.harness import SOON_S, Cluster, Trio
from e2e.test_etcd import PROOF, answers
from support import wait_for
from understudy.lab import SYSTEMD
from understudy.registry.engines import PORT

pytestmark = [pytest.mark.lab, pytest.mark.long]

QUOTA_BYTES = 4 << 20
MOST_PUTS = 256


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


@pytest.fixture
def init() -> str:
    """See the module."""
    return SYSTEMD


def fill(cluster: Cluster, server: str) -> None:
    """Another user of the same etcd writes the same key over and over, until it is refused."""
    address = cluster.lab.plan.host(server).address("interconnect")
    value = "A" * (128 << 10)
    cluster.put("/root/put.json", f'{{"key": "Zm9v", "value": "{value}"}}', on=[server])
    put = ("curl", "-s", "-m", "5", *PROOF, "-d", "@/root/put.json", f"https://{address}:{PORT}/v3/kv/put")
    wait_for(lambda: _refused(cluster, put, server), 120, "its quota is used up")


def _refused(cluster: Cluster, put: Sequence[str], server: str) -> bool:
    return any("space exceeded" in cluster.run(*put, on=server, check=False) for _ in range(8))


def test_a_full_registry_stops_nothing_and_one_command_makes_room(cluster: Cluster, trio: Trio) -> None:
    """One member after the other is given a small quota, as an operator might have."""
    trio.run(on="ctr1")
    for server in cluster.lab.plan.registry_hosts:
        cluster.run("sed", "-i", f'1s/{{/{{"quota-backend-bytes": {QUOTA_BYTES},/', "/etc/understudy/etcd.yaml", on=server)
        cluster.run("systemctl", "restart", "understudy-etcd", on=server)
        wait_for(lambda server=server: answers(cluster, server), SOON_S, "the member is back")  # type: ignore[misc]
    fill(cluster, "ctr2")

    refused = cluster.lab.exec("ctr2", ["crsctl", "modify", "resource", service.SERVICE, "-attr", "CHECK_INTERVAL=7"], check=False)
    assert refused.returncode != 0
    cluster.says("UND-0171: The registry accepts no writes", on="ctr2")
    cluster.says("understudy cluster repair-registry", on="ctr2")
    cluster.kill(service.SERVICE, on="ctr1")
    wait_for(lambda: cluster.processes("ctr1", service.SERVICE), SOON_S, "it is restarted where it was")

    said = cluster.run("understudy", "cluster", "repair-registry", on="ctr2")

    assert "UND-0362: Every member of etcd takes writes." in said
    wait_for(lambda: _accepts(cluster), SOON_S, "a change is accepted")
    cluster.runs(*service.TRIO, on="ctr1")


def _accepts(cluster: Cluster) -> bool:
    changed = cluster.lab.exec("ctr2", ["crsctl", "modify", "resource", service.SERVICE, "-attr", "CHECK_INTERVAL=7"], check=False)
    return changed.returncode == 0
