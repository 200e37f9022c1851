"""A control plane a month later: a compute node comes, a controller is replaced, a project is added, packages start services at boot again.

The page docs/openstack/day-two.md shows these commands, with what they print here.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.test_keystone_keys import keys, typed
from e2e.test_members import make
from e2e.watched import WatchedCluster
from openstack.scripts.stack import KEYSTONE_KEYS
from understudy.lab import Lab, image
from understudy.openstack.releases import load_release

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SITE = """release = "zed"
projects = ["keystone", "nova", "memcached"]

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
rabbitmq = "10.10.10.12"
keystone = "10.10.10.13"
glance = "10.10.10.15"
swift = "10.10.10.16"
nova = "10.10.10.17"
neutron = "10.10.10.18"

[credentials]
"""
COMPUTE = '\n[servers.ctr3]\nroles = ["compute"]\naddress = "10.10.10.3"\n'


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedCluster]:
    """Four servers with the packages, made a cluster as an operator does it: they have certificates. Nothing is registered."""
    lab = Lab(name_of_a_lab("day"), packages=image.SETS["openstack"], pause_tolerance=0.5, bare=True)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        make(cluster, 1, 2, 3, 4)
        yield cluster


def site(cluster: WatchedCluster, text: str) -> None:
    """As an editor leaves it."""
    cluster.put("/etc/understudy/site.toml", text, ["ctr1"])


def test_day_two(cloud: WatchedCluster) -> None:
    """Each is an edit of the site file and `apply`; `verify` says when all of it is done, and shows what differs before."""
    names = load_release("zed").secrets()
    text = SITE + "".join(f'{name} = "file:/etc/understudy/secrets#{name}"\n' for name in names)
    site(cloud, text)
    cloud.put("/etc/understudy/secrets", "".join(f"{name}=secret-{name}\n" for name in names), ["ctr1"])
    cloud.run("chmod", "600", "/etc/understudy/secrets", on="ctr1")
    cloud.run("sh", "-ec", KEYSTONE_KEYS, on="ctr1")
    typed(cloud, "understudy openstack apply 2>/dev/null")
    typed(cloud, "crsctl start resource openstack-keys memcached")
    typed(cloud, "understudy openstack verify")

    site(cloud, text := text + COMPUTE)
    assert "transport_url" in typed(cloud, "understudy openstack plan --server ctr3")
    typed(cloud, "understudy openstack apply --server ctr3")
    typed(cloud, "understudy openstack verify")
    assert "nova-ha" not in cloud.run("cat", "/etc/nova/nova.conf", on="ctr3")

    typed(cloud, "crsctl relocate resource openstack-keys -n ctr1; understudy openstack undo --server ctr2 2>&1 | tail -n 3")
    assert "secret" not in cloud.run("cat", "/etc/keystone/keystone.conf", on="ctr2")
    site(cloud, text := text.replace("[servers.ctr2]", "[servers.ctr4]").replace('10.10.10.2"', '10.10.10.4"'))
    assert "SERVER_NAMES=ctr1 ctr4" in typed(cloud, "understudy openstack plan | grep -A9 'the cluster'")
    typed(cloud, "understudy openstack apply 2>&1 | tail -n 4")
    typed(cloud, "crsctl restart resource openstack-keys")
    typed(cloud, "understudy openstack verify")
    typed(cloud, "understudy openstack keys")
    assert keys(cloud, "ctr4") == keys(cloud, "ctr1")
    assert "KEYSTONE_SERVERS='ctr1,ctr4'" in cloud.run("cat", "/etc/openstack-ha-data.conf", on="ctr1")

    site(cloud, text := text.replace('"memcached"]', '"memcached", "swift"]'))
    assert "openstack-swift-proxy" in typed(cloud, "understudy openstack plan | grep -A40 'the cluster'")
    typed(cloud, "understudy openstack apply 2>&1 | tail -n 4")
    typed(cloud, "understudy openstack verify")

    cloud.run("sh", "-c", "update-rc.d -f keystone remove; update-rc.d keystone defaults", on="ctr1")  # as a package that is new does
    assert "not started at boot" in typed(cloud, "understudy openstack verify", status=1)
    typed(cloud, "understudy openstack apply")
    typed(cloud, "understudy openstack verify")
