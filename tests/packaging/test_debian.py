"""The packages in a real Debian 12: installed, upgraded under what runs, refused while it does, removed, purged."""

import itertools
from pathlib import Path

import pytest

from debianroot import DebianRoot

pytestmark = [pytest.mark.lab, pytest.mark.long]
SETTINGS = """[cluster]
name = "one"
pause_tolerance = 2.0
[server]
name = "ctr1"
[servers.ctr1]
addresses = ["127.0.0.1"]
[registry]
engine = "etcd"
endpoints = ["127.0.0.1:2379"]
"""
COUNTER = """#!/bin/sh
# Counts on, so that a pause can be seen.
pid_file=/run/counter.pid
lives() { read -r pid 2>/dev/null <$pid_file && [ -d "/proc/$pid/fd" ]; }
case $1 in
start)
    lives && exit 0
    sh -c 'while :; do date +%s.%N; sleep 0.02; done' >>/var/tmp/counted 2>/dev/null </dev/null &
    echo $! >$pid_file ;;
stop | clean) ! lives || kill -9 "$pid" ;;
check) lives ;;
esac
"""


def configured(root: DebianRoot) -> None:
    """A cluster of one server, with Debian's own etcd, and a resource that runs."""
    root.write("/etc/understudy/understudy.toml", SETTINGS)
    root.write("/etc/understudy/keys/guard.key", "0123456789abcdef" * 4 + "\n", 0o600)
    root.run("systemctl", "enable", "--now", "etcd", "understudy.target")  # the image starts nothing because it is installed
    root.wait(lambda: "ONLINE" in root.run("crsctl", "stat", "server", "ctr1", check=False), "the server has joined")
    root.write("/opt/counter.scr", COUNTER, 0o755)
    root.run("crsctl", "add", "resource", "counter", "-type", "cluster_resource", "-attr", "ACTION_SCRIPT=/opt/counter.scr")
    root.run("crsctl", "start", "resource", "counter")


def process(root: DebianRoot, unit: str) -> str:
    """The main process of a unit."""
    return root.run("systemctl", "show", "--property", "MainPID", "--value", unit).strip()


def test_what_is_installed_works_and_a_purge_leaves_nothing(debian: DebianRoot, package: Path, oracle_paths: Path) -> None:
    """dpkg alone, no network: commands and libraries work, nothing runs; afterwards every file is gone."""
    before = debian.listing()
    said = debian.install(package, oracle_paths)
    assert "nothing is started before this server is configured" in said
    assert "verbs: add, check" in debian.run("/u01/app/12.1.0/grid/bin/crsctl", "--help")
    for name in ("understudyd", "understudy-exec", "understudy-guard"):
        done = debian.tried(name)
        assert (done.returncode, "understudy.toml cannot be read" in done.stderr) == (2, True), name
    imports = "import sys; sys.path += sys.argv[1:]; import grpc, msgspec, h11, pyroute2, cryptography.x509, google.protobuf.message"
    home = "/usr/lib/understudy"
    debian.run("python3", "-IS", "-c", f"{imports}, understudy.registry.etcd.client", f"{home}/lib", f"{home}/src")
    assert "ModuleNotFoundError" in debian.run("python3", "-c", "import grpc", check=False), "the machine's own Python has nothing new"
    compiled = debian.shell(f"find {home}/src {home}/lib -name '*.pyc' | wc -l; find {home}/src {home}/lib -name '*.py' | wc -l").split()
    assert compiled[0] == compiled[1]
    assert debian.run("stat", "-c", "%a", "/etc/understudy", "/etc/understudy/keys").split() == ["755", "700"]
    assert "mysqld.scr" in debian.run("sh", "-c", "/opt/openstack-ha/mysqld.scr nonsense; ls /opt/openstack-ha", check=False)
    said = debian.run("/opt/openstack-ha/openstack-keystone.scr", "start", check=False)
    assert "there is no user keystone" in said, "it finds what the scripts share, by the link beside it"
    assert "CLUSTER" in debian.run("man", "-P", "cat", "understudy.toml").upper()

    debian.run("dpkg", "--purge", "understudy-oracle-paths", "understudy")
    assert debian.listing() - before == set()


def test_scripts_and_settings_of_the_operator_stay(debian: DebianRoot, package: Path, newer: Path) -> None:
    """A script that was there is not replaced, by no upgrade and no removal; settings and keys go only by a purge."""
    debian.write("/opt/openstack-ha/mysqld.scr", "#!/bin/sh\n# mine\n", 0o755)
    debian.install(package)
    debian.write("/etc/understudy/keys/guard.key", "0" * 64, 0o600)
    debian.install(newer)
    assert debian.run("crsctl", "--version").strip() == "understudy 99.0"
    debian.run("dpkg", "--remove", "understudy")
    assert debian.run("cat", "/opt/openstack-ha/mysqld.scr") == "#!/bin/sh\n# mine\n"
    assert debian.run("ls", "/opt/openstack-ha").split() == ["mysqld.scr"], "nor the directory that the others share"
    assert debian.run("cat", "/etc/understudy/keys/guard.key") == "0" * 64
    debian.run("dpkg", "--purge", "understudy")
    assert debian.tried("ls", "/etc/understudy").returncode != 0


def test_an_upgrade_under_a_running_resource_and_a_removal_after_a_leave(booted: DebianRoot, package: Path, newer: Path) -> None:
    """With systemd: nothing starts before it is configured; an upgrade replaces daemon and executor alone; a removal waits for a leave."""
    booted.install(package)
    assert "inactive" in booted.run("systemctl", "is-active", "understudy.target", "understudyd.service", check=False)
    configured(booted)
    ask = "COMP_WORDS=(crsctl stat res co) COMP_CWORD=3; _understudy crsctl; echo ${COMPREPLY[@]}"
    assert booted.run("bash", "-c", f". /usr/share/bash-completion/completions/crsctl; {ask}").strip() == "counter"
    kept = [process(booted, "understudy-guard"), booted.run("cat", "/run/counter.pid")]
    replaced = [process(booted, "understudyd"), process(booted, "understudy-exec")]

    booted.install(newer)

    assert [process(booted, "understudy-guard"), booted.run("cat", "/run/counter.pid")] == kept
    assert not set(replaced) & {process(booted, "understudyd"), process(booted, "understudy-exec")}
    booted.wait(lambda: "STATE=ONLINE on ctr1" in booted.run("crsctl", "stat", "res", "counter", check=False), "it is adopted")
    counted = [float(line) for line in booted.run("cat", "/var/tmp/counted").split()]
    assert max(later - sooner for sooner, later in itertools.pairwise(counted)) < 1.0

    refused = booted.tried("dpkg", "--remove", "understudy")
    assert refused.returncode != 0
    assert "UND-0266" in refused.stderr
    assert "understudy server leave" in refused.stderr
    assert booted.run("cat", "/run/counter.pid") == kept[1]
    assert "STATE=ONLINE on ctr1" in booted.run("crsctl", "stat", "res", "counter")

    booted.run("understudy", "server", "leave", check=False)
    booted.wait(lambda: booted.tried("dpkg", "--remove", "understudy").returncode == 0, "it is removed after the leave", 120)
    assert booted.tried("pgrep", "-af", "/usr/bin/understudy").stdout == ""
    assert "understudy" not in booted.run("nft", "list", "tables")
    assert "understudy" not in booted.run("ls", "/run", "/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants")
    assert "understudy" not in booted.run("systemctl", "list-units", "--all", "--plain", "understudy*")
    assert "guard.key" in booted.run("ls", "/etc/understudy/keys")


def test_an_upgrade_starts_nothing_that_did_not_run(booted: DebianRoot, package: Path, newer: Path) -> None:
    """A server that its operator has stopped stays so."""
    booted.install(package)
    configured(booted)
    booted.run("systemctl", "stop", "understudy.target", "understudy-guard", "understudyd", "understudy-exec")
    booted.install(newer)
    states = booted.run("systemctl", "is-active", "understudy-guard", "understudyd", "understudy-exec", check=False).split()
    assert states == ["inactive"] * 3
