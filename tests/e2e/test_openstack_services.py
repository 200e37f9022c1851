"""The guide's database, broker, Keystone and Glance, the real ones: what users had before a server lost its power they have afterwards."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.harness import Cluster
from e2e.watched import WatchedCluster
from openstack.scripts import stack
from understudy.lab import Lab, image

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

CONTROLLERS = ("ctr1", "ctr2")
POOL = "PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_TIMEOUT=300"
ADDRESSES = {"mysqlVIP": stack.MYSQL, "rabbitmqVIP": stack.RABBITMQ, "keystoneVIP": stack.KEYSTONE, "glanceVIP": stack.GLANCE}
DATA = {"mysql-data": ("mysqlVIP", "mysql"), "rabbitmq-data": ("rabbitmqVIP", "rabbitmq"), "glance-data": ("glanceVIP", "glance")}
SERVICES = {
    "mysqld": "mysqlVIP,mysql-data",
    "rabbitmq-server": "rabbitmqVIP,rabbitmq-data",
    "openstack-keystone": "keystoneVIP",
    "openstack-glance-api": "glanceVIP,glance-data",
}
"""Service -> what it needs on its own server."""
ALL = (*ADDRESSES, *DATA, *SERVICES)
LONG_S = 400.0


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path, engine: str, init: str) -> Iterator[WatchedCluster]:
    """Four servers with the packages; nothing is registered."""
    lab = Lab(name_of_a_lab("ost"), packages=image.SETS["openstack"], engine=engine, init=init)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        yield cluster


def shell(cluster: Cluster, script: str, on: str = "ctr1") -> str:
    """What some lines of shell say; they must end well."""
    return cluster.lab.exec(on, ["sh", "-ec", script], timeout_s=600).stdout


def register(cluster: Cluster) -> None:
    """With the guide's commands."""
    cluster.run("crsctl", "add", "serverpool", "controller_sp", "-attr", f"PARENT_POOLS=Generic, SERVER_NAMES={' '.join(CONTROLLERS)}")
    for name, address in ADDRESSES.items():
        cluster.run("appvipcfg", "create", "-network=1", f"-ip={address}", f"-vipname={name}", "-user=root")
    for name, (vip, what) in DATA.items():
        add(cluster, name, vip, f",MOUNT_POINT=/var/lib/{what}")
    for name, needs in SERVICES.items():
        add(cluster, name, needs)


def add(cluster: Cluster, name: str, needs: str, more: str = "") -> None:
    """One resource."""
    dependencies = f"START_DEPENDENCIES=hard({needs}),STOP_DEPENDENCIES=hard({needs}) "
    attributes = f"ACTION_SCRIPT=/opt/openstack-ha/{name}.scr,{POOL}{more},{dependencies}"
    cluster.run("crsctl", "add", "resource", name, "-type", "cluster_resource", "-attr", attributes)


def start(cluster: Cluster, *resources: str) -> None:
    """On the first controller."""
    for resource in resources:
        cluster.lab.exec("ctr4", ["crsctl", "start", "resource", resource, "-n", "ctr1"], timeout_s=LONG_S)


def furnish(cluster: Cluster) -> None:
    """Settings on both controllers, tables, users and keys once; the keys are copied, as an operator does after each rotation."""
    for server in CONTROLLERS:
        shell(cluster, f"{stack.configure()}\necho '{stack.RABBITMQ} rabbitvip' >>/etc/hosts", server)
    start(cluster, "mysqlVIP", "mysql-data", "mysqld", "rabbitmqVIP", "rabbitmq-data", "rabbitmq-server", "keystoneVIP")
    for step in (
        stack.BROKER_USER,
        stack.databases("keystone", "glance"),
        stack.KEYSTONE_TABLES,
        stack.KEYSTONE_KEYS,
        stack.KEYSTONE_BOOTSTRAP,
    ):
        shell(cluster, step)
    keys = shell(cluster, "tar -C /etc/keystone -cf - fernet-keys credential-keys | base64")
    cluster.lab.exec("ctr2", ["sh", "-ec", "base64 -d | tar -C /etc/keystone -xpf -"], input=keys)
    shell(cluster, stack.TABLES["glance"])
    start(cluster, "openstack-keystone", "glanceVIP", "glance-data", "openstack-glance-api")
    shell(cluster, stack.catalogue("glance"))


class Visitor:
    """A user on another machine, with nothing but curl."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.token = ""

    def asks(self, url: str, *options: str) -> str:
        """The body of a successful answer."""
        command = ["curl", "-sSf", "--max-time", "60", "-H", f"X-Auth-Token: {self.token}", *options, url]
        return self.cluster.lab.client(command, timeout_s=90).stdout

    def logs_in(self) -> None:
        """And keeps the token."""
        domain = {"name": "Default"}
        user = {"name": "admin", "domain": domain, "password": stack.PASSWORD}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": domain}},
            }
        }
        url = f"http://{stack.KEYSTONE}:5000/v3/auth/tokens"
        answer = self.asks(url, "-D", "-", "-o", "/dev/null", "-H", "Content-Type: application/json", "-d", json.dumps(body))
        self.token = next(line.split(": ")[1].strip() for line in answer.splitlines() if line.lower().startswith("x-subject-token"))

    def stores_an_image(self, content: str) -> str:
        """Its id."""
        url = f"http://{stack.GLANCE}:9292/v2/images"
        kind = ("-H", "Content-Type: application/json")
        made = self.asks(url, *kind, "-d", json.dumps({"name": "hello", "disk_format": "raw", "container_format": "bare"}))
        identity = str(json.loads(made)["id"])
        self.asks(f"{url}/{identity}/file", "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", content)
        return identity


def test_tokens_and_images_outlive_the_server_that_had_them(cloud: WatchedCluster) -> None:
    """Power loss of the active controller: the other one has all of it, and whoever was logged in stays so."""
    register(cloud)
    for name, vip in (("mysqld", "mysqlVIP"), ("openstack-keystone", "keystoneVIP"), ("openstack-glance-api", "glanceVIP")):
        cloud.watch(ADDRESSES[vip], (vip, name))
    furnish(cloud)
    visitor = Visitor(cloud)
    visitor.logs_in()
    image_id = visitor.stores_an_image("hello")
    cloud.runs(*ALL, on="ctr1")

    cloud.lab.crash("ctr1")
    cloud.runs(*ALL, on="ctr2", within_s=LONG_S)
    visitor.asks(f"http://{stack.KEYSTONE}:5000/v3/auth/tokens", "-H", f"X-Subject-Token: {visitor.token}")
    assert visitor.asks(f"http://{stack.GLANCE}:9292/v2/images/{image_id}/file") == "hello"
    assert "openstack" in shell(cloud, "rabbitmqctl -q list_users", "ctr2")
