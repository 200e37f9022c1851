"""What a host with systemd has on its disk: the project's units, and etcd's configuration in place of its command line."""

import configparser
import json
from pathlib import Path

import pytest

from understudy.lab import SYSTEMD, units
from understudy.lab.places import project_root
from understudy.lab.plan import REGISTRY_PROCESS, SERVER_SERVICES, make_plan

UNITS = project_root() / "packaging/systemd"


class Unit(configparser.RawConfigParser):
    """A unit's file: names of settings have capitals, and may come more than once."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, delimiters=("=",), interpolation=None)
        self.read_string((UNITS / name).read_text())

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_each_service_of_a_server_has_a_unit_that_belongs_to_the_target() -> None:
    """Its stop waits for theirs; they are in the slice where the lab looks for them; whatever happens to them, they are started again."""
    for service in (REGISTRY_PROCESS, *(service.name for service in SERVER_SERVICES)):
        unit = Unit(units.unit_of(service))
        assert units.unit_of(service) in Unit("understudy.target")["Unit"]["Wants"].split()
        assert unit["Unit"]["PartOf"] == "understudy.target"
        assert "After=understudy.target\n" in (UNITS / units.unit_of(service)).read_text()
        assert unit["Unit"]["StartLimitIntervalSec"] == "0"
        assert unit["Service"]["Slice"] == units.group_of(service).partition("/")[0]
        assert unit["Service"]["Restart"] == "always"


@pytest.mark.parametrize("unit", ["understudy-guard.service", "understudy-exec.service", "understudyd.service"])
def test_no_unit_of_a_server_sees_file_systems_of_its_own(unit: str) -> None:
    """What is mounted and unmounted there has to be so for the whole server."""
    names = set(Unit(unit)["Service"])
    assert not {name for name in names if name.startswith(("Private", "Protect", "Read", "Inaccessible", "Bind", "Temporary"))}


def test_the_configuration_of_etcd_says_what_its_command_line_says(tmp_path: Path) -> None:
    host = make_plan("lab", ("ctr1", "ctr2", "ctr3"), 2.0, engine="etcd", init=SYSTEMD).host("ctr2")
    (tmp_path / "etc/understudy").mkdir(parents=True)
    units.write_units(tmp_path, host)
    written = json.loads((tmp_path / units.ETCD_SETTINGS).read_text())
    assert written["name"] == "ctr2"
    assert written["heartbeat-interval"] == 50
    assert written["client-transport-security"] == {
        "client-cert-auth": True,
        "trusted-ca-file": "/etc/understudy/keys/registry-ca.pem",
        "cert-file": "/etc/understudy/keys/registry.pem",
        "key-file": "/etc/understudy/keys/registry.key",
    }
    assert written["peer-transport-security"] == written["client-transport-security"]
    assert not {name for name in written if name.startswith("peer-") and name != "peer-transport-security"}
    assert len(list((tmp_path / "usr/lib/systemd/system").iterdir())) == len(list(UNITS.iterdir()))
