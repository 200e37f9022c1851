"""What a host with systemd has on its disk: the project's units, and the configuration of its member of etcd."""

import configparser
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


def test_a_host_of_the_registry_has_the_configuration_that_its_process_names(tmp_path: Path) -> None:
    """The one writer's: the same text as on a real server."""
    plan = make_plan("lab", ("ctr1", "ctr2", "ctr3"), 2.0, engine="etcd", init=SYSTEMD)
    path, text = plan.registry_file("ctr2")
    assert path in next(service for service in plan.host("ctr2").services if service.name == REGISTRY_PROCESS).command
    assert 'name: "ctr2"\n' in text
    assert "heartbeat-interval: 50\n" in text
    assert text.count('  cert-file: "/etc/understudy/keys/registry.pem"\n') == 2
    units.write_units(tmp_path, plan.host("ctr2"))
    assert len(list((tmp_path / "usr/lib/systemd/system").iterdir())) == len(list(UNITS.iterdir()))
