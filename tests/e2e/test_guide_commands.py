"""The guide's commands at a terminal of a real cluster, and `understudy openstack apply` on the same one: the same is registered."""

import re

import pytest

from e2e.harness import Cluster
from openstack.guide import PROFILES, TEXT, besides
from openstack.trees import SITE
from understudy.openstack.releases import load_release

pytestmark = [pytest.mark.lab, pytest.mark.long]

_GIVEN = re.compile(r"^(?:appvipcfg create .*-vipname=(?P<vip>\S+)|crsctl add (?P<kind>\S+) (?P<name>\S+)) ?", re.MULTILINE)


def profiles(cluster: Cluster) -> list[str]:
    """Every attribute of everything that is registered."""
    return [cluster.run(*command.split()) for command in PROFILES]


def test_the_guide_at_a_terminal_and_apply_register_the_same(cluster: Cluster) -> None:
    """Typed first, then deleted again, then applied: one difference is left, and it is the guide's text that lacks it. Servers whose files
    cannot be looked at from here are vouched for, for nothing of OpenStack is installed on them."""
    cluster.put("/tmp/guide.sh", f"set -e\n{TEXT}", [cluster.onlooker])
    cluster.run("sh", "/tmp/guide.sh")
    typed = profiles(cluster)
    for given in reversed(list(_GIVEN.finditer(TEXT))):
        if given["vip"]:
            cluster.run("appvipcfg", "delete", f"-vipname={given['vip']}")
        else:
            cluster.run("crsctl", "delete", given["kind"], given["name"])
    assert "mysql" not in "".join(profiles(cluster)[:2])

    site = re.sub(r'address = "10\.10\.10\.([123])"', r'address = "10.10.10.\1"\nssh = "nobody@server\1.invalid"', SITE)
    credentials = "".join(f'{name} = "file:/etc/understudy/secret"\n' for name in load_release("icehouse").secrets())
    cluster.put("/etc/understudy/site.toml", site.replace("RELEASE", "icehouse") + f"[credentials]\n{credentials}", [cluster.onlooker])
    cluster.run("install", "-m", "600", "/etc/hostname", "/etc/understudy/secret")
    outcome = cluster.run("understudy", "openstack", "apply", "--register", check=False)
    assert "Not done: the cluster" not in outcome
    applied = profiles(cluster)
    for name, value in besides(applied[0]):
        key = value.partition("=")[0]
        assert f"\n{key}=\n" in typed[0]
        cluster.run("crsctl", "modify", "resource", name, "-attr", f"{key}=")
    assert profiles(cluster) == typed
