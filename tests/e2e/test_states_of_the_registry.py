"""States of the registry, driven in a lab: its disk is full, it was set back, it was recreated; and what becomes of servers meanwhile.

The answers stand in `states/*.txt`, as those of `test_states.py`.
"""

import contextlib
from collections.abc import Iterator

import pytest

from e2e.harness import SOON_S, Cluster
from e2e.teller import Teller, well
from support import stopped, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]
STATE_DIR = "/var/lib/understudy"


@contextlib.contextmanager
def full_disk(cluster: Cluster) -> Iterator[None]:
    """The registry's file is on a small file system, which has no room meanwhile."""
    cluster.lab.registry_stop()
    copy = cluster.store.read_bytes()
    cluster.run("mount", "-t", "tmpfs", "-o", "size=16m", "small", STATE_DIR, on="registry")
    cluster.store.write_bytes(copy)
    cluster.lab.registry_start()
    cluster.registry_answers()
    wait_for(well(cluster, "ctr2"), SOON_S, "the registry is back")
    cluster.run("sh", "-c", f"cat /dev/zero > {STATE_DIR}/ballast", on="registry", check=False)
    yield
    cluster.run("rm", f"{STATE_DIR}/ballast", on="registry")


def led_by_another(cluster: Cluster, server: str) -> None:
    """A leader that is to be paused hands over first: a leader from which no message comes is none, which is another answer."""
    if cluster.leader(ask="ctr1") == server:
        cluster.strike(server, "understudyd")
        wait_for(lambda: cluster.leader(ask="ctr1") != server, SOON_S, f"another server than {server} leads")
        wait_for(well(cluster, "ctr1"), SOON_S, f"{server} is back")


def test_a_registry_that_takes_nothing_and_one_that_is_away(cluster: Cluster, teller: Teller) -> None:
    """Its disk is full; then it is paused, and a server that is frozen meanwhile is looked after by nobody."""
    cluster.expected.append('"event": "store-failed"')
    with full_disk(cluster):
        teller.tells(
            "registry-full", "The disk of the registry's host is full; asked on ctr2.", on="ctr2", until="UND-0171", alert="UND-0171"
        )
    wait_for(well(cluster, "ctr2"), SOON_S, "it writes again")
    wait_for(well(cluster, "ctr1"), SOON_S, "it writes again")
    led_by_another(cluster, "ctr4")
    teller.marks()
    cluster.lab.registry_pause()
    cluster.lab.freeze("ctr4")
    teller.tells("other-not-heard", "The registry is paused, and so is ctr4; asked on ctr1.", on="ctr1", until="UND-0102", alert="UND-0102")
    teller.marks()
    cluster.thaw("ctr4")
    teller.tells(
        "other-without-a-lease", "ctr4 goes on and has begun a new incarnation; the registry is still paused. Asked on ctr1.",
        on="ctr1", until="UND-0141", alert="UND-0141",
    )  # fmt: skip
    cluster.lab.registry_resume()


def test_a_registry_that_went_back_or_was_made_anew(cluster: Cluster, teller: Teller) -> None:
    """While nobody can begin a new era; while it is not known what runs where; and what runs and is not registered."""
    copy = cluster.copy_registry()
    wait_for(well(cluster, "ctr1"), SOON_S, "all is well")
    for server in ("ctr2", "ctr3"):
        cluster.lab.crash(server)
    cluster.says("UND-0140", on="ctr1")
    cluster.set_registry_back(copy)
    teller.tells(
        "registry-set-back", "Two of three voters lose power, and the registry's file is restored from a copy; asked on ctr1.",
        on="ctr1", until="UND-0144", alert="UND-0144",
    )  # fmt: skip
    cluster.lab.boot("ctr2", "ctr3")
    cluster.lab.ready(60)
    cluster.onlooker = "ctr1"
    wait_for(lambda: cluster.status("web").state == "ONLINE", 60, "web runs again")
    if cluster.status("web").server != "ctr1":  # whoever joins first has it
        cluster.run("crsctl", "relocate", "resource", "web", "-n", "ctr1", "-f")
    wait_for(well(cluster, "ctr1"), SOON_S, "it is known again what runs where")
    teller.marks()
    with stopped(*cluster.lab.service_pids("ctr4", "understudy-exec")):
        cluster.says("UND-0101", on="ctr1")
        with stopped(*cluster.lab.service_pids("ctr4", "understudyd")):  # who enters the networks anew is another
            cluster.set_registry_back(None)
            cluster.says("UND-0144", on="ctr1")
        teller.tells(
            "recovering", "The registry is recreated while understudy-exec of ctr4 is paused; asked on ctr1, where web runs.",
            on="ctr1", until="UND-0144", status=("servers online  ctr1 ctr2 ctr3 ctr4",), alert=("UND-0125", "UND-0101"),
        )  # fmt: skip
    wait_for(lambda: "UND-0144" not in cluster.run("crsctl", "check", "crs", on="ctr2", check=False), SOON_S, "the recovery is over")
    teller.marks()
    teller.tells(
        "not-registered", "After that: web runs on ctr1, and is not registered in the new registry. Asked on ctr2.",
        on="ctr2", until="UND-0230", alert="UND-0230",
    )  # fmt: skip
