"""Keystone's keys on the controllers of a real cluster: rotated by its own tool on either, lost with a server, gone apart, and decided."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import SOON_S, Cluster
from e2e.test_members import make
from e2e.watched import WatchedCluster
from openstack.scripts.stack import KEYSTONE_KEYS
from support import wait_for
from understudy.lab import Lab, image

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SITE = """
release = "zed"
projects = ["keystone", "memcached"]
[servers.ctr1]
roles = ["controller"]
address = "10.10.10.1"
[servers.ctr2]
roles = ["controller"]
address = "10.10.10.2"
[networks.management]
subnet = "10.10.10.0/24"
interface = "eth1"
[addresses]
mysql = "10.10.10.11"
keystone = "10.10.10.13"
[credentials]
keystone_database = "file:/etc/understudy/secrets#keystone_database"
"""
FERNET = "/etc/keystone/fernet-keys"
ROTATE = "keystone-manage fernet_rotate --keystone-user keystone --keystone-group keystone"
ROUND_S = 4 * 60
"""Several looks of the resource, on a crowded machine."""


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedCluster]:
    """Four servers with the packages, made a cluster as an operator does it: they have certificates. Nothing is registered."""
    lab = Lab(name_of_a_lab("key"), packages=image.SETS["openstack"], pause_tolerance=0.5, bare=True)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        make(cluster, 1, 2, 3, 4)
        yield cluster


def typed(cluster: Cluster, line: str, on: str = "ctr1", status: int = 0) -> str:
    """What a line at a terminal prints."""
    done = cluster.lab.exec(on, ["sh", "-c", f"{line} 2>&1"], check=False, timeout_s=300)
    print(f"{on}# {line}\n{done.stdout}", end="")
    assert done.returncode == status, f"{line}: status {done.returncode}: {done.stdout}"
    return done.stdout


def keys(cluster: Cluster, server: str) -> dict[str, str]:
    """Name -> key."""
    folder = cluster.lab.host_path(server, FERNET)
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def follow(cluster: Cluster, source: str, target: str) -> None:
    wait_for(lambda: keys(cluster, source) == keys(cluster, target), ROUND_S, f"{target} has the keys of {source}")


def test_keys_are_kept_the_same_while_servers_come_and_go(cloud: WatchedCluster) -> None:
    """Whoever rotates, the other follows; a conflict is shown and left alone until an operator decides; no key is in any log."""
    every: set[str] = set()
    for server in ("ctr1", "ctr2"):  # as the packages leave it: made apart
        cloud.run("sh", "-ec", KEYSTONE_KEYS, on=server)
    cloud.put("/etc/understudy/site.toml", SITE, ["ctr1"])
    cloud.put("/etc/understudy/secrets", "keystone_database=secret\n", ["ctr1"])
    cloud.run("chmod", "600", "/etc/understudy/secrets", on="ctr1")
    assert "whose are right" in typed(cloud, "understudy openstack keys", status=1)
    typed(cloud, "understudy openstack apply", status=0)
    assert keys(cloud, "ctr1") == keys(cloud, "ctr2")
    assert json.loads(typed(cloud, "understudy openstack verify --json"))["status"] == 0
    typed(cloud, "crsctl start resource memcached openstack-keys")
    cloud.runs("openstack-keys", on=(home := cloud.status("openstack-keys").server or ""))
    every |= set(keys(cloud, "ctr1").values())

    typed(cloud, ROTATE, on="ctr2")
    follow(cloud, "ctr2", "ctr1")
    typed(cloud, "understudy openstack rotate-keys --dry-run", status=1)
    typed(cloud, "understudy openstack rotate-keys")
    assert keys(cloud, "ctr1") == keys(cloud, "ctr2")
    every |= set(keys(cloud, "ctr1").values())

    other = {"ctr1": "ctr2", "ctr2": "ctr1"}[home]
    cloud.lab.crash(home)
    cloud.runs("openstack-keys", on=other, within_s=4 * SOON_S)
    typed(cloud, ROTATE, on=other)
    cloud.lab.boot(home)
    follow(cloud, other, home)

    a_conflict_is_left_to_an_operator(cloud, every)
    for server in ("ctr1", "ctr2"):
        logs = cloud.lab.host_path(server, "/var/log/understudy")
        text = "".join(path.read_text(errors="replace") for path in logs.rglob("*") if path.is_file())
        assert not any(key in text for key in every)
    assert not any(key in cloud.run("understudy", "history", "-n", "1000", "--json") for key in every)


def a_conflict_is_left_to_an_operator(cloud: WatchedCluster, every: set[str]) -> None:
    """Both are rotated twice while nobody looks. `every`: all keys that there have been."""
    typed(cloud, "crsctl stop resource openstack-keys")
    for server in ("ctr1", "ctr1", "ctr2", "ctr2"):
        typed(cloud, ROTATE, on=server)
    before = keys(cloud, "ctr1"), keys(cloud, "ctr2")
    every |= set(before[0].values()) | set(before[1].values())
    typed(cloud, "crsctl start resource openstack-keys")
    wait_for(lambda: "INTERMEDIATE" in cloud.run("crsctl", "stat", "res", "openstack-keys"), ROUND_S, "the conflict is shown")
    typed(cloud, "crsctl stat res openstack-keys -t")
    typed(cloud, "understudy openstack verify", status=1)
    assert (keys(cloud, "ctr1"), keys(cloud, "ctr2")) == before
    typed(cloud, "understudy openstack keys --from ctr2")
    assert keys(cloud, "ctr1") == keys(cloud, "ctr2") == before[1]
    wait_for(lambda: "INTERMEDIATE" not in cloud.run("crsctl", "stat", "res", "openstack-keys"), ROUND_S, "the conflict is over")
