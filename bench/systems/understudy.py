"""Ours, at one pause tolerance: four servers with a registry, the service in a pool of two."""

from bench import service
from bench.systems.base import System

from understudy.lab.lab import Lab

GROUP = ("webVIP", "web-data", "web")
_READY_S = 60.0


class Understudy(System):
    """The clusterware of this project."""

    family = "understudy"

    def __init__(self, pause_tolerance: float) -> None:
        self.pause_tolerance = pause_tolerance
        self.title = f"understudy, pause {pause_tolerance:g} s"

    def lab(self, name: str) -> Lab:
        """As the product's own lab is."""
        return Lab(name, pause_tolerance=self.pause_tolerance)

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
        """Every daemon says that it has joined."""
        lab.ready(_READY_S)

    def relocate(self, lab: Lab, server: str, other: str) -> None:
        """With what it needs."""
        lab.exec(server, ["crsctl", "relocate", "resource", "web", "-n", other, "-f"])
