"""`understudy openstack` on a server of a real cluster: files, registry and resources, and back again."""

import json

import pytest

from e2e.harness import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.long]

SITE = """
release = "zed"
projects = ["mysql"]
[servers.ctr1]
roles = ["controller"]
address = "10.10.10.1"
[networks.management]
subnet = "10.10.10.0/24"
interface = "eth1"
[addresses]
mysql = "10.10.10.11"
[storage.mysql]
export = "myfileserv.example.com:/mysql_data"
"""
FOUND = "find etc -xdev ! -path 'etc/understudy*' ! -type d"
FILES = f"cd / && {FOUND} -exec stat -c '%n %a %U %G' {{}} + && {FOUND} -type f -exec sha256sum {{}} +"


def test_a_database_is_kept_available_from_one_file(cluster: Cluster) -> None:
    """Planned, applied, verified, started by the cluster; stopped, undone: the server's files are to the byte as before."""
    cluster.put("/etc/understudy/site.toml", SITE, ["ctr1"])
    before = cluster.run("sh", "-c", FILES, on="ctr1")
    plan = json.loads(cluster.run("understudy", "openstack", "plan", "--json", on="ctr1"))
    assert [command[3] for command in plan["commands"]] == ["controller_sp", "-ip=10.10.10.11", "mysql-data", "mysqld"]
    assert json.loads(cluster.run("understudy", "openstack", "verify", "--json", on="ctr1", check=False))["status"] == 1

    cluster.run("understudy", "openstack", "apply", on="ctr1")
    verified = json.loads(cluster.run("understudy", "openstack", "verify", "--json", on="ctr1"))
    assert (verified["status"], verified["servers"], verified["cluster"]) == (0, [], [])
    assert "Nothing is to be done" in cluster.run("understudy", "openstack", "plan", on="ctr1")
    cluster.run("crsctl", "start", "resource", "mysqld", "-n", "ctr1", on="ctr1")
    cluster.runs("mysqlVIP", "mysql-data", "mysqld", on="ctr1")

    refused = cluster.run("understudy", "openstack", "undo", on="ctr1", check=False)
    assert "UND-0436: Not done: mysqld: " in refused
    cluster.run("crsctl", "stop", "resource", "mysqld", "mysql-data", "mysqlVIP", on="ctr1")
    cluster.run("understudy", "openstack", "undo", on="ctr1")

    assert cluster.run("sh", "-c", FILES, on="ctr1") == before
    assert "mysqld" not in cluster.run("crsctl", "stat", "res", on="ctr1")
    assert "controller_sp" not in cluster.run("crsctl", "stat", "serverpool", on="ctr1")
