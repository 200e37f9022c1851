"""A router in a network namespace answers without any process: it answers on one server at a time all the same."""

import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.harness import SOON_S, Cluster
from e2e.routers import ACTION_SCRIPT, AGENT, ASKER_TEXT, ROUTER, SCRIPT_TEXT
from support import wait_for
from understudy.lab import Lab

pytestmark = pytest.mark.lab
PLACE = "PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=1,NETWORK_NAMESPACES=qrouter-*"


@dataclass(frozen=True)
class RouterAnswer:
    """Which server answered, and when (CLOCK_MONOTONIC)."""

    at: float
    server: str


class Neighbour:
    """A virtual machine, which asks who has the router's address."""

    def __init__(self, lab: Lab) -> None:
        self.answers: list[RouterAnswer] = []
        self._process: subprocess.Popen[str] = lab.popen(
            "client", ["python3", "-IS", "-c", ASKER_TEXT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, name="neighbour")
        self._reader.start()

    def answered(self, by: str, within_s: float = SOON_S) -> None:
        """Wait until this server answers a question that is asked from now on."""
        since = time.monotonic()
        wait_for(lambda: any(answer.server == by for answer in self.answers if answer.at > since), within_s, f"{by} answers")

    def turns(self) -> list[str]:
        """Who answered, one after the other."""
        servers = [answer.server for answer in self.answers]
        return [server for number, server in enumerate(servers) if number == 0 or servers[number - 1] != server]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, number = line.split()
            self.answers.append(RouterAnswer(float(at), f"ctr{number}"))


@pytest.fixture
def neighbour(cluster: Cluster) -> Iterator[Neighbour]:
    """Asks from before the first start on."""
    asking = Neighbour(cluster.lab)
    yield asking
    asking.close()


@pytest.fixture
def agent(cluster: Cluster, neighbour: Neighbour) -> Cluster:
    """The agent runs on ctr1, and its router answers."""
    cluster.put(ACTION_SCRIPT, SCRIPT_TEXT, ("ctr1", "ctr2"))
    cluster.run("crsctl", "add", "serverpool", "network_sp", "-attr", "SERVER_NAMES=ctr1 ctr2,MIN_SIZE=1,MAX_SIZE=2", on="ctr1")
    attributes = f"ACTION_SCRIPT={ACTION_SCRIPT},{PLACE}"
    cluster.run("crsctl", "add", "resource", AGENT, "-type", "cluster_resource", "-attr", attributes, on="ctr1")
    cluster.run("crsctl", "start", "resource", AGENT, "-n", "ctr1")
    neighbour.answered(by="ctr1")
    return cluster


def namespaces(cluster: Cluster, server: str) -> str:
    return cluster.run("ip", "netns", "list", on=server)


def test_a_network_server_that_is_cut_off_and_lives_on_does_not_answer_for_its_routers(agent: Cluster, neighbour: Neighbour) -> None:
    """Only the cluster's networks are cut: the virtual machines still reach it. Healed and given it again, it takes away what it finds."""
    before = agent.incarnation("ctr1")
    agent.lab.cut("ctr1", networks=["public", "management", "interconnect"])
    neighbour.answered(by="ctr2")
    assert ROUTER in namespaces(agent, "ctr1"), "it is mute, and there"
    agent.runs(AGENT, on="ctr2")
    agent.lab.heal("ctr1", networks=["public", "management", "interconnect"])
    agent.rejoins("ctr1", after=before)
    neighbour.answered(by="ctr2")
    assert neighbour.turns() == ["ctr1", "ctr2"], "what a former life left stays mute"
    agent.run("crsctl", "relocate", "resource", AGENT, "-n", "ctr1")
    neighbour.answered(by="ctr1")
    agent.run("crsctl", "stop", "resource", AGENT)
    assert [server for server in ("ctr1", "ctr2") if ROUTER in namespaces(agent, server)] == []
    assert neighbour.turns() == ["ctr1", "ctr2", "ctr1"]


def test_a_router_that_its_script_leaves_is_in_the_way_of_a_move_and_is_removed(agent: Cluster, neighbour: Neighbour) -> None:
    """Stop says yes and has forgotten it; so has clean."""
    forgetful = SCRIPT_TEXT.replace("pkill -f 'sleep 100000'; remove", "pkill -f 'sleep 100000'; exit 0")
    agent.put(ACTION_SCRIPT, forgetful, ["ctr1"])
    agent.run("crsctl", "relocate", "resource", AGENT, "-n", "ctr2")
    neighbour.answered(by="ctr2")
    assert ROUTER not in namespaces(agent, "ctr1")
    assert neighbour.turns() == ["ctr1", "ctr2"]
