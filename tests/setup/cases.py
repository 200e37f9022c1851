"""What several tests of making a cluster begin with: a wish, its settings, and readings of a server that has nothing against it."""

from pathlib import Path

from understudy.model.settings import NetworkSettings, ServerSettings, Settings
from understudy.setup.places import SetupPlaces
from understudy.setup.readings import ClockReading, HostReadings, PortReading
from understudy.setup.wanted import InitWish, wanted_settings

SERVERS = tuple(ServerSettings(name=f"ctr{number}", addresses=(f"10.10.20.{number}", f"10.10.10.{number}")) for number in (1, 2, 3, 4))
WISH = InitWish(cluster="prod", servers=SERVERS, networks=(NetworkSettings(number=1, subnet="10.10.10.0/24", interface="eth1"),))


def settings_of(number: int = 1, places: SetupPlaces | None = None) -> Settings:
    """Those of one of the servers."""
    settings, why = wanted_settings(WISH, [f"10.10.20.{number}"], places or SetupPlaces())
    assert why == ""
    return settings


def places_in(folder: Path) -> SetupPlaces:
    """A server whose files are all in a folder of the test."""
    return SetupPlaces(config=f"{folder}/etc/understudy.toml", state_dir=f"{folder}/state", run_dir=f"{folder}/run")


GOOD = HostReadings(
    addresses={"10.10.20.1": "eth2", "10.10.10.1": "eth1"},
    resolved={server.name: (server.addresses[1],) for server in SERVERS},
    clock=ClockReading(source="tsc", rate_ppm=-12.5),
    ports=(PortReading(7400, "tcp", "etcd's clients"), PortReading(7401, "udp", "leases")),
    flush_ms=1.5,
    etcd="3.4.23",
    systemd=True,
    units=True,
    state_dir="/var/lib/understudy",
)
