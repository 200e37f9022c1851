"""What a lab consists of, before anything of it exists."""

import pytest

from understudy.errors import LabError
from understudy.lab import PLAIN, SYSTEMD
from understudy.lab.disk import settings_text
from understudy.lab.plan import LabService, make_plan, parse_plan, plan_text
from understudy.model.settings import parse_settings


def test_a_plan_survives_being_written_and_read() -> None:
    for plan in (make_plan("lab", ("ctr1", "ctr2"), 0.5), make_plan("lab", ("ctr1", "ctr2"), 0.5, engine="etcd", init=SYSTEMD)):
        assert parse_plan(plan_text(plan)) == plan


def test_systemd_is_for_servers_and_starts_the_projects_own_units() -> None:
    plan = make_plan("lab", ("ctr1",), 2.0, init=SYSTEMD)
    assert {host.name: host.init for host in plan.hosts} == {"ctr1": SYSTEMD, "client": PLAIN, "registry": PLAIN}
    with pytest.raises(LabError, match="own units"):
        make_plan("lab", ("ctr1",), 2.0, (LabService(name="idle", command=("sleep", "600")),), init=SYSTEMD)


def test_servers_are_numbered_in_the_order_named() -> None:
    plan = make_plan("lab", ("beta", "alpha"), 2.0)
    assert plan.host("beta").address("management") == "10.10.10.1"
    assert plan.host("alpha").address("interconnect") == "10.10.20.2"
    assert plan.host("client").address("management") == "10.10.10.100"


def test_the_registry_is_reached_over_the_interconnect_only() -> None:
    links = make_plan("lab", ("ctr1",), 2.0).host("registry").links
    assert [(link.network, link.address) for link in links] == [("interconnect", "10.10.20.250")]


def test_no_two_cables_share_a_mac_address() -> None:
    plan = make_plan("lab", tuple(f"s{number}" for number in range(1, 21)), 2.0)
    macs = [link.mac for host in plan.hosts for link in host.links]
    assert len(macs) == len(set(macs))


@pytest.mark.parametrize("servers", [(), ("ctr1", "ctr1"), ("client",), ("Ctr1",), ("a-name-too-long",), ("ctr1/..",)])
def test_servers_that_cannot_be_made_are_refused(servers: tuple[str, ...]) -> None:
    with pytest.raises(LabError):
        make_plan("lab", servers, 2.0)


def test_a_lab_s_name_cannot_leave_its_directory() -> None:
    with pytest.raises(LabError):
        make_plan("../lab", ("ctr1",), 2.0)


def test_the_settings_of_a_server_are_those_the_daemon_reads() -> None:
    plan = make_plan("lab", ("ctr1", "ctr2", "ctr3"), 0.25)
    settings = parse_settings(settings_text(plan, plan.host("ctr2")))
    assert settings.server == "ctr2"
    assert settings.peer("ctr3").addresses == ("10.10.10.3", "10.10.20.3")
    assert settings.registry == ("10.10.20.250:7400",)
    assert settings.pause_tolerance == 0.25
    assert (settings.networks[0].subnet, settings.networks[0].interface) == ("10.10.10.0/24", "eth1")
