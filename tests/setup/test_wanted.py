"""From what is typed to settings: what is refused, what follows by default, and in which a configured server differs."""

from dataclasses import replace

import pytest

from setup.cases import SERVERS, WISH, settings_of
from understudy.errors import BadInput
from understudy.model.settings import Settings
from understudy.setup.places import SetupPlaces
from understudy.setup.wanted import InitWish, differences, for_server, own_name, parse_network, parse_server, wanted_settings


def made(wish: InitWish, here: tuple[str, ...] = ("10.10.20.1",)) -> Settings:
    """The settings of a wish."""
    return wanted_settings(wish, here, SetupPlaces())[0]


def test_voters_are_the_first_three_and_have_the_registry() -> None:
    settings = settings_of()
    assert (settings.server, settings.voters) == ("ctr1", ("ctr1", "ctr2", "ctr3"))
    assert settings.registry == ("10.10.20.1:7400", "10.10.20.2:7400", "10.10.20.3:7400")
    assert settings.registry_tls is not None
    assert settings.join_port == 7402


def test_one_server_is_its_own_voter() -> None:
    settings = made(replace(WISH, servers=SERVERS[:1]))
    assert (settings.voters, settings.registry) == (("ctr1",), ("10.10.20.1:7400",))


def test_two_servers_are_accepted_only_by_somebody_who_knows_what_that_means() -> None:
    with pytest.raises(BadInput, match="when ctr1 is lost, everything stops on the other") as refused:
        made(replace(WISH, servers=SERVERS[:2]))
    assert refused.value.code == 20277
    assert made(replace(WISH, servers=SERVERS[:2], single_voter=True)).voters == ("ctr1",)


def test_sqlite_is_for_one_server_or_a_registry_elsewhere() -> None:
    with pytest.raises(BadInput, match="sqlite is for a cluster of one server"):
        made(replace(WISH, engine="sqlite"))
    assert made(replace(WISH, servers=SERVERS[:1], engine="sqlite")).registry == ("127.0.0.1:7400",)
    elsewhere = made(replace(WISH, engine="sqlite", endpoints=("10.10.20.250:7400",)))
    assert (elsewhere.registry, elsewhere.registry_tls) == (("10.10.20.250:7400",), None)
    with pytest.raises(BadInput, match="an etcd runs on the voters"):
        made(replace(WISH, endpoints=("10.10.20.250:7400",)))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (replace(WISH, servers=()), "name each server of the cluster"),
        (replace(WISH, servers=(SERVERS[0], SERVERS[0])), "'ctr1' is named more than once"),
        (replace(WISH, servers=(*SERVERS[:3], replace(SERVERS[3], addresses=("10.10.10.1",)))), "have the same address 10.10.10.1"),
        (replace(WISH, voters=("ctr1", "ctr9", "ctr2")), "voters names ctr9, which has no"),
        (replace(WISH, voters=("ctr1", "ctr2")), "there must be 1, 3 or 5"),
        (replace(WISH, pause_tolerance=0.1), "pause_tolerance is 0.1"),
        (replace(WISH, cluster=""), "name is ''"),
        (replace(WISH, servers=(parse_server("ctr1=nas"), *SERVERS[1:])), "'nas' .* is no IP address"),
        (replace(WISH, networks=(parse_network("1=10.10.10.0/99,eth1"),)), "subnet is '10.10.10.0/99'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wish: InitWish, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        made(wish)


@pytest.mark.parametrize("text", ["ctr1", "=10.0.0.1", "ctr1=", "ctr1=,", ""])
def test_a_server_is_a_name_with_addresses(text: str) -> None:
    with pytest.raises(BadInput, match="write NAME=ADDRESS,ADDRESS"):
        parse_server(text)


@pytest.mark.parametrize("text", ["10.10.10.0/24", "1=10.10.10.0/24", "x=10.10.10.0/24,eth1", "12345=10.10.10.0/24,eth1", ""])
def test_a_network_is_a_number_with_subnet_and_interface(text: str) -> None:
    with pytest.raises(BadInput, match="write NUMBER=SUBNET,INTERFACE"):
        parse_network(text)


def test_this_server_is_known_by_its_addresses() -> None:
    """However they are written."""
    assert own_name((parse_server("ctr1=FD00:0::1"), parse_server("ctr2=fd00::2")), ["fd00::1"]) == ("ctr1", "")
    assert own_name(SERVERS, ["10.10.10.3", "192.168.50.3"]) == ("ctr3", "")
    assert "none of their addresses; it has 192.168.50.9" in own_name(SERVERS, ["192.168.50.9"])[1]
    assert "ctr1 and ctr2" in own_name(SERVERS, ["10.10.20.1", "10.10.20.2"])[1]


def test_a_configured_server_says_in_what_it_differs() -> None:
    """What an operator has changed since, and init never asks for, is no difference."""
    here = replace(settings_of(), leave_within=60.0, storage=("10.10.10.200",))
    assert differences(here, settings_of()) == []
    other = made(replace(WISH, pause_tolerance=0.5, voters=("ctr2", "ctr3", "ctr4"), servers=SERVERS))
    said = differences(here, other)
    assert "[cluster] pause_tolerance is 2.0 here, and 0.5 was asked for" in said
    assert "[cluster] voters is ctr1, ctr2, ctr3 here, and ctr2, ctr3, ctr4 was asked for" in said


def test_a_server_that_joins_has_all_settings_of_the_one_that_lets_it_in() -> None:
    theirs = replace(settings_of(), leave_within=60.0, storage=("10.10.10.200",), reboot_on_lapse=True, log_dir="/srv/log")
    assert for_server(theirs, "ctr2", SetupPlaces()) == replace(theirs, server="ctr2")
