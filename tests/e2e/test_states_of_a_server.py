"""States of one server, driven in a lab: what its guard or its executor lacks, a server on its way out, one behind a firewall.

The answers stand in `states/*.txt`, as those of `test_states.py`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from resource import RLIMIT_NOFILE, prlimit

import pytest

from e2e import service
from e2e.harness import SOON_S, Cluster
from e2e.teller import Teller, well
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]
GUARD = "/usr/bin/understudy-guard"
GO = "/run/go"


@contextlib.contextmanager
def without(cluster: Cluster, server: str, capability: str) -> Iterator[None]:
    """The guard of a server begins anew without a capability, as with a unit file that grants too little."""
    command = cluster.lab.host_path(server, GUARD)
    link = command.readlink()
    command.unlink()
    cluster.put(GUARD, f'#!/bin/sh\nexec setpriv --bounding-set=-{capability} {link} "$@"\n', on=[server])
    cluster.strike(server, "keeper")
    yield
    command.unlink()
    command.symlink_to(link)
    cluster.strike(server, "keeper")
    wait_for(well(cluster, server), SOON_S, f"{server} is well again")


@contextlib.contextmanager
def full(cluster: Cluster, server: str, folder: str) -> Iterator[None]:
    """A folder of a server has no room meanwhile."""
    cluster.run("mount", "-t", "tmpfs", "-o", "size=4k", "full", folder, on=server)
    cluster.run("sh", "-c", f"cat /dev/zero > {folder}/ballast", on=server, check=False)
    yield
    cluster.run("umount", folder, on=server)


@contextlib.contextmanager
def no_more_files(pid: int) -> Iterator[None]:
    """A process can open no further file meanwhile."""
    limits = prlimit(pid, RLIMIT_NOFILE)
    used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    prlimit(pid, RLIMIT_NOFILE, (min({*range(len(used) + 1)} - used), limits[1]))
    yield
    prlimit(pid, RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def firewall(cluster: Cluster, server: str) -> Iterator[None]:
    """Somebody's rules drop every datagram that comes to a server; what goes over TCP passes."""
    chain = "add table inet wall; add chain inet wall in { type filter hook input priority 0; }"
    rules = f"{chain}; add rule inet wall in meta l4proto udp drop"
    cluster.run("nft", rules, on=server)
    yield
    cluster.run("nft", "delete", "table", "inet", "wall", on=server)


def test_what_a_server_lacks_is_said(cluster: Cluster, teller: Teller) -> None:
    """Real-time priority, a gate, room for the settings, an executor that can begin something."""
    with without(cluster, "ctr4", "sys_nice"):
        teller.tells(
            "not-real-time", "The guard of ctr4 is begun without the right to real-time priority; asked there.",
            on="ctr4", until="no real-time priority", alert="UND-0145",
        )  # fmt: skip
    teller.marks()
    with without(cluster, "ctr4", "net_admin"):
        teller.tells(
            "no-gate", "The guard of ctr4 is begun without the right to make rules; asked there.",
            on="ctr4", until="there is no gate", alert="UND-0145",
        )  # fmt: skip
    teller.marks()
    with full(cluster, "ctr4", "/var/lib/understudy"):
        cluster.strike("ctr4", "understudyd")
        teller.tells(
            "settings-not-kept", "The file system of /var/lib/understudy is full on ctr4, and its daemon restarts; asked there.",
            on="ctr4", until="cannot be written", alert=("cluster.json cannot be written", "cannot be kept on its disk"),
        )  # fmt: skip
    wait_for(well(cluster, "ctr4"), SOON_S, "they are kept, as there is room again")
    teller.marks()
    (executor,) = cluster.lab.service_pids("ctr4", "understudy-exec")
    with no_more_files(executor):
        teller.tells(
            "nothing-can-be-begun", "understudy-exec of ctr4 answers, and has used up its open files; asked there.",
            on="ctr4", until="UND-0101", alert=("UND-0110", "UND-0146"),
        )  # fmt: skip
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 can act again")


def test_who_leaves_and_who_is_behind_a_firewall_is_told(cluster: Cluster, teller: Teller) -> None:
    """While the last thing on it stops; and where the guards' messages do not pass."""
    with firewall(cluster, "ctr4"):
        teller.tells(
            "no-lease", "A firewall on ctr4 drops what the guards send; the registry is reached. Asked there.",
            on="ctr4", until="UND-0141", alert="UND-0141",
        )  # fmt: skip
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 is back")
    teller.marks()
    cluster.story("stop", f"while [ ! -e {GO} ]; do sleep 0.1; done\npkill -9 -f 'openstack-ha/web[.]py'", "ctr1")
    with cluster.meanwhile("understudy", "server", "leave", "ctr1", on="ctr2"):
        wait_for(lambda: "STOPPING" in cluster.explain(service.SERVICE, ask="ctr1"), SOON_S, "web is being stopped")
        teller.tells(
            "leaving", "ctr1 was asked to go, and web there takes its time to stop; asked there.",
            on="ctr1", until="UND-0149", alert="UND-0149",
        )  # fmt: skip
        cluster.run("touch", GO, on="ctr1")
        cluster.runs(service.SERVICE, on="ctr2", ask="ctr2")
