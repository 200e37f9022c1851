"""Every state in which a server or the cluster can be, driven in a lab: what each command says, with which exit status, and the alert log.

The answers stand in `states/*.txt`, one file a state; `--rewrite` writes what is said today. docs/guide/states.md is made of them.
More of them: `test_states_of_a_server.py`, `test_states_of_the_registry.py`.
"""

import contextlib
import time
from collections.abc import Iterator

import pytest

from e2e import service, states
from e2e.harness import SOON_S, Cluster
from e2e.teller import Teller, well
from support import stopped, wait_for

pytestmark = pytest.mark.lab


@contextlib.contextmanager
def voters_edited(cluster: Cluster, server: str) -> Iterator[None]:
    """A server names itself the only voter meanwhile; its guard begins anew with that."""
    settings = cluster.lab.host_path(server, "/etc/understudy/understudy.toml")
    text = settings.read_text()
    settings.write_text(text.replace("[cluster]\n", f'[cluster]\nvoters = ["{server}"]\n', 1))
    cluster.strike(server, "keeper")
    yield
    settings.write_text(text)
    cluster.strike(server, "keeper")


def test_the_majority_of_voters_is_lost_and_comes_back(cluster: Cluster, teller: Teller) -> None:
    """The survivors stop everything and say so; afterwards one line of history says how long it was and what was down."""
    wait_for(well(cluster, "ctr1"), SOON_S, "all is well")
    teller.tells("well", "Nothing is wrong.", on="ctr1", until="CRS-4537")
    began = time.monotonic()
    for server in ("ctr2", "ctr3"):
        cluster.lab.crash(server)
    teller.tells(
        "majority-lost", "Two of three voters lose power; asked on ctr1, the one that is left, where web ran.",
        on="ctr1", until="UND-0140", alert="UND-0140",
    )  # fmt: skip
    teller.marks()
    cluster.lab.boot("ctr2", "ctr3")
    cluster.lab.ready(60)
    wait_for(lambda: cluster.status("web", ask="ctr1").state == "ONLINE", 60, "web runs again")
    cluster.tells("majority-back", ask="ctr1")
    (back,) = cluster.history("majority-back", ask="ctr1")
    teller.tells(
        "majority-back", "The two boot. Every server joins again by itself, and what was wanted starts.",
        on="ctr1", until="CRS-4537", alert=("UND-0140:A majority of voters is back", "UND-0140:Over after"),
        commands=(states.CHECK, states.STATUS),
    )  # fmt: skip

    assert back["text"] == "down meanwhile: web, web-data, webVIP"
    assert float(back["cause"].split()[1]) <= time.monotonic() - began


@pytest.mark.long
def test_whoever_stands_still_is_said_to(cluster: Cluster, teller: Teller) -> None:
    """Registry, daemon, executor and guard, one after the other; then all executors, so that nobody leads."""
    lab = cluster.lab
    lab.registry_pause()
    teller.tells("registry-away", "The registry's process is paused; asked on ctr2.", on="ctr2", until="UND-0068", alert="UND-0068")
    lab.registry_resume()
    wait_for(well(cluster, "ctr2"), SOON_S, "the registry is back")
    teller.marks()
    with stopped(*lab.service_pids("ctr4", "understudyd")):
        teller.tells(
            "daemon-hangs", "understudyd of ctr4, which runs nothing, is paused; asked on ctr1.",
            on="ctr1", until="UND-0101", alert="UND-0110:Server 'ctr4' holds its lease but cannot act: its daemon",
        )  # fmt: skip
        teller.tells("daemon-hangs-there", "The same, asked on ctr4 itself.", on="ctr4", until="", commands=(states.CHECK,))
    wait_for(well(cluster, "ctr1"), SOON_S, "ctr4 can act again")
    teller.marks()
    with stopped(*lab.service_pids("ctr4", "understudy-exec")):
        teller.tells("executor-hangs", "understudy-exec of ctr4 is paused; asked there.", on="ctr4", until="UND-0101", alert="UND-0110")
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 can act again")
    teller.marks()
    with stopped(*(pid for server in lab.servers for pid in lab.service_pids(server, "understudy-exec"))):
        teller.tells(
            "no-leader", "understudy-exec of every server is paused, so no server can lead; asked on ctr2.",
            on="ctr2", until="UND-0143", alert="UND-0143",
        )  # fmt: skip


@pytest.mark.long
def test_whoever_goes_is_said_to_be_gone(cluster: Cluster, teller: Teller) -> None:
    """One voter, a server that is cut off, one that leaves, one whose settings are others, one whose guard is paused."""
    lab = cluster.lab
    with stopped(*cluster.keeper_and_guard("ctr4")):
        teller.tells(
            "guard-hangs", "Keeper and guard of ctr4 are paused; its daemon has ended everything itself. Asked there.",
            on="ctr4", until="UND-0142", alert=("UND-0142", "UND-0069"),
        )  # fmt: skip
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 is back")
    teller.marks()
    cluster.run("understudy", "server", "leave", "ctr4", on="ctr1")
    teller.tells("left", "ctr4 was taken out by an operator; asked there.", on="ctr4", until="UND-0149", alert="UND-0149")
    cluster.run("understudy", "cluster", "remove-server", "ctr4", on="ctr1")
    teller.tells("removed", "Then it was taken out for good; asked there.", on="ctr4", until="UND-0130", alert="UND-0130")
    cluster.run("understudy", "cluster", "add-server", "ctr4=10.10.10.4,10.10.20.4", on="ctr1")
    cluster.run("understudy", "server", "join", on="ctr4")
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 is back")
    teller.marks()
    with voters_edited(cluster, "ctr4"):
        teller.tells(
            "takes-no-part", "voters were edited on ctr4 alone, and its guard restarted; asked there.",
            on="ctr4", until="UND-0120", alert="UND-0120",
        )  # fmt: skip
        teller.tells("settings-differ", "The same, asked on ctr1.", on="ctr1", until="UND-0145", alert="UND-0145")
    for server in ("ctr1", "ctr4"):
        wait_for(well(cluster, server), SOON_S, f"{server} finds that ctr4 takes part again")
    teller.marks()
    lab.crash("ctr3")
    teller.tells(
        "no-voter-to-spare", "One of three voters loses power; asked on ctr1.",
        on="ctr1", until="no voter is left to spare", alert="UND-0145",
    )  # fmt: skip
    lab.boot("ctr3")
    lab.ready(60, ["ctr3"])
    wait_for(well(cluster, "ctr1"), SOON_S, "a voter is to spare")
    teller.marks()
    lab.cut("ctr1")
    teller.tells(
        "cut-off", "All networks of ctr1, where web ran, are cut, that to the registry too; asked there. The others go on without it.",
        on="ctr1", until="UND-0140", alert="UND-0140",
    )  # fmt: skip
    lab.heal("ctr1")


@pytest.mark.long
def test_what_has_no_effect_yet_is_said(cluster: Cluster, teller: Teller) -> None:
    """A rule set that somebody takes away, checks that cannot be run, an alert log without room."""
    cluster.run("nft", "flush", "ruleset", on="ctr4")
    teller.tells("guard-says", "Somebody flushes the rule set of ctr4; asked there.", on="ctr4", until="UND-0069", alert="UND-0115")
    teller.marks()
    cluster.run("chmod", "-x", service.ACTION_SCRIPT, on="ctr1")
    cluster.run("crsctl", "check", "resource", states.RESOURCE, on="ctr1")
    teller.tells(
        "checks-not-run", "Somebody takes the permission to be run from the action script of web on ctr1; asked there.",
        on="ctr1", until="UND-0146", alert="UND-0146",
    )  # fmt: skip
    cluster.run("chmod", "+x", service.ACTION_SCRIPT, on="ctr1")
    wait_for(well(cluster, "ctr1"), SOON_S, "checks are run again")
    cluster.runs(states.RESOURCE, on="ctr1")
    cluster.run("mount", "-t", "tmpfs", "-o", "size=4k", "full", "/var/log/understudy", on="ctr2")
    cluster.run("sh", "-c", "cat /dev/zero > /var/log/understudy/full", on="ctr2", check=False)
    cluster.kill(states.RESOURCE, on="ctr1")
    teller.marks()
    teller.tells("alerts-lost", "The file system of the alert log is full on ctr2; asked there.", on="ctr2", until="UND-0147")
