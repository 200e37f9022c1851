"""What a benchmark asks of a system: to come up in a lab, to be whole again after a blow, to move the service."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from understudy.lab.lab import Lab

PEER_PACKAGES = ("corosync", "crmsh", "keepalived", "pacemaker", "pacemaker-cli-utils", "pcs", "resource-agents")
"""In the image of all peers' hosts, so that one is enough."""
ACTS = ("kill", "power-loss", "cut", "relocation")


class System(ABC):
    """One system in one configuration."""

    family: str
    title: str
    """As trials name it."""
    acts: tuple[str, ...] = ACTS
    """What can be measured of it."""
    packages: tuple[str, ...] = ()
    """What it is made of, of those."""
    settle_s: float = 1.0
    """Unbroken answers for this long mean that the last blow is over."""
    moves_service: bool = True
    """It starts and stops the service; otherwise the service runs everywhere and only the address moves."""

    def row(self, act: str) -> str:
        """As the table names it beside this act."""
        del act
        return self.title

    @abstractmethod
    def lab(self, name: str) -> Lab:
        """The lab it runs in, not yet up."""

    @abstractmethod
    def up(self, lab: Lab) -> None:
        """Set everything up in a lab that is up; the service may still be on its way."""

    @abstractmethod
    def start(self, lab: Lab, server: str) -> None:
        """The server has just been switched on again."""

    @abstractmethod
    def whole(self, lab: Lab) -> None:
        """Return when every server is a member again and nothing is left to do."""

    def prepare(self, lab: Lab, act: str) -> None:
        """Trials of this act begin; return when whatever that changes has come into effect."""
        del lab, act

    def phase_s(self, act: str) -> float:
        """The longest period of its that the outage may depend on: the blow falls at random within it."""
        del act
        return 1.0

    def begun(self, lab: Lab, server: str, after: float) -> float | None:
        """When it began to start the service on this server, by its own record; the first time after this moment (both time.monotonic).
        None: it keeps no such record."""
        del lab, server, after
        return None

    def relocate(self, lab: Lab, server: str, other: str) -> None:
        """Move the service from one server to the other, as an operator would."""
        raise NotImplementedError

    def relocated(self, lab: Lab, server: str) -> None:
        """The service has moved to `server`: take away what keeps it from ever moving back."""
        del lab, server

    def versions(self, lab: Lab) -> dict[str, str]:
        """Version of each of its packages."""
        return versions_of(lab, self.packages)


def versions_of(lab: Lab, packages: Sequence[str]) -> dict[str, str]:
    """What the hosts' package manager says."""
    if not packages:
        return {}
    said = lab.exec(lab.servers[0], ["dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *packages]).stdout
    return dict(zip(said.split()[::2], said.split()[1::2], strict=True))
