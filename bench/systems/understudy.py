"""Ours, at one pause tolerance: four servers with a registry, the service in a pool of two."""

import json
import time

from bench import service
from bench.systems.base import ACTS, System

from understudy.lab import members
from understudy.lab.lab import Lab
from understudy.model.engines import DEFAULT_ENGINE
from understudy.model.limits import derive

GROUP = ("webVIP", "web-data", "web")
_READY_S = 60.0


class Understudy(System):
    """The clusterware of this project."""

    family = "understudy"

    def __init__(self, pause_tolerance: float, engine: str = DEFAULT_ENGINE, *, leader_lost: bool = False) -> None:
        """`leader_lost`: of engine etcd, the server that is struck has etcd's leader; else another has it."""
        self.pause_tolerance = pause_tolerance
        self.engine = engine
        self._leader_lost = leader_lost
        self.acts = ("power-loss", "cut") if leader_lost else ACTS
        registry = "" if engine == DEFAULT_ENGINE else f", {engine}{' and its leader' if leader_lost else ''}"
        self.title = f"understudy, pause {pause_tolerance:g} s{registry}"

    @property
    def bound_s(self) -> float:
        """Of an outage by power loss or cut, without the service's own start."""
        limits = derive(self.pause_tolerance)
        return limits.outage_s if self.engine == DEFAULT_ENGINE else limits.outage_with_etcd_s(leader_lost=self._leader_lost)

    def lab(self, name: str) -> Lab:
        """As the product's own lab is."""
        return Lab(name, pause_tolerance=self.pause_tolerance, engine=self.engine)

    def up(self, lab: Lab) -> None:
        """A pool, the address, two resources with action scripts."""
        for server in service.SERVERS:
            service.install(lab, server)
        first = service.SERVERS[0]
        common = "PLACEMENT=restricted,SERVER_POOLS=bench,CHECK_INTERVAL=30,RESTART_ATTEMPTS=1000"
        directory = service.DIRECTORY
        pool = f"PARENT_POOLS=Generic, SERVER_NAMES={' '.join(service.SERVERS)}"
        lab.exec(first, ["crsctl", "add", "serverpool", "bench", "-attr", pool])
        lab.exec(first, ["appvipcfg", "create", "-network=1", f"-ip={service.ADDRESS}", "-vipname=webVIP", "-user=root"])
        for name, script, needs in (("web-data", "data", "webVIP"), ("web", "web", "webVIP,web-data")):
            attributes = f"ACTION_SCRIPT={directory}/{script},{common},START_DEPENDENCIES=hard({needs}),STOP_DEPENDENCIES=hard({needs})"
            lab.exec(first, ["crsctl", "add", "resource", name, "-type", "cluster_resource", "-attr", attributes])
        lab.exec(first, ["crsctl", "start", "resource", *GROUP, "-n", first])

    def start(self, lab: Lab, server: str) -> None:
        """The host's init does it."""
        del lab, server

    def whole(self, lab: Lab) -> None:
        """Every daemon says that it has joined; etcd's leader is where it is to be."""
        lab.ready(_READY_S)
        if self.engine == DEFAULT_ENGINE:
            return
        active = next((server for server in service.SERVERS if service.runs(lab, server)), service.SERVERS[0])
        if self._leader_lost:
            members.lead_from(lab, active)
        elif members.leader(lab) == active:
            members.lead_from(lab, next(host for host in lab.plan.registry_hosts if host not in service.SERVERS))

    def begun(self, lab: Lab, server: str, after: float) -> float | None:
        """The first start of the group in the history."""
        since_epoch = time.time() - time.monotonic()
        said = lab.exec(server, ["understudy", "history", *GROUP, "-n", "100", "--json"]).stdout
        events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        begun = [event for event in events if event["kind"] == "start-begun" and (event["on"] or event["server"]) == server]
        return min((moment for event in begun if (moment := event["wall"] - since_epoch) > after), default=None)

    def relocate(self, lab: Lab, server: str, other: str) -> None:
        """With what it needs."""
        lab.exec(server, ["crsctl", "relocate", "resource", "web", "-n", other, "-f"])
