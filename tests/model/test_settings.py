"""What may stand in understudy.toml, and what is said of everything else: the setting, what it is, and what to write."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadSettings
from understudy.model.settings import SECTIONS, NetworkSettings, Settings, TlsFiles, parse_settings

TEXT = '[cluster]\nname = "lab"\n[server]\nname = "ctr1"\n[servers.ctr1]\naddresses = ["10.10.10.1"]\n'


def test_storage_is_a_list_of_addresses() -> None:
    assert parse_settings(f'{TEXT}[guard]\nstorage = ["10.10.10.200"]\n').storage == ("10.10.10.200",)


def test_addresses_that_are_somebodys_own_are_known_with_whose() -> None:
    """However they are written."""
    text = f'{TEXT}[servers.ctr2]\naddresses = ["FD00:10:0::2"]\n[guard]\nstorage = ["10.10.10.9"]\n'
    named = parse_settings(f'{text}[registry]\nendpoints = ["[fd00::7]:7400"]\n').named()

    assert named == {
        "10.10.10.1": "of server ctr1 ([servers.ctr1])",
        "fd00:10::2": "of server ctr2 ([servers.ctr2])",
        "10.10.10.9": "of a storage server ([guard] storage)",
        "fd00::7": "of the registry ([registry] endpoints)",
    }


def test_an_etcd_is_reached_with_certificates_or_on_loopback() -> None:
    files = 'ca = "/etc/ca.pem"\ncertificate = "/etc/own.pem"\nkey = "/etc/own.key"\n'
    afar = parse_settings(f'{TEXT}[registry]\nengine = "etcd"\nendpoints = ["10.10.10.1:7400"]\n{files}')
    assert afar.registry_tls == TlsFiles(ca="/etc/ca.pem", certificate="/etc/own.pem", key="/etc/own.key")
    here = parse_settings(f'{TEXT}[registry]\nengine = "etcd"\nendpoints = ["127.0.0.1:7400", "[::1]:7400"]\n')
    assert here.registry_tls is None


def test_networks_are_in_the_order_of_their_numbers() -> None:
    text = "".join(f'[network.{number}]\nsubnet = "10.10.{number}.0/24"\ninterface = "eth{number}"\n' for number in (10, 2))
    assert parse_settings(TEXT + text).networks == (
        NetworkSettings(number=2, subnet="10.10.2.0/24", interface="eth2"),
        NetworkSettings(number=10, subnet="10.10.10.0/24", interface="eth10"),
    )


WRONG = [
    ('[guard]\nreboot_on_lapse = "false"', "[guard] reboot_on_lapse is 'false' (a text); write true or false, without quotes"),
    ("[guard]\nreboot_on_lapse = 0", "[guard] reboot_on_lapse is 0 (a whole number); write true or false, without quotes"),
    ('[guard]\nport = "7401"', "[guard] port is '7401' (a text); write a whole number from 1 to 65535"),
    ("[guard]\nport = 70000", "[guard] port is 70000 (a whole number); write a whole number from 1 to 65535"),
    ("[guard]\nport = true", "[guard] port is true (true or false); write a whole number from 1 to 65535"),
    ("[guard]\nport = 7401.0", "[guard] port is 7401.0 (a number); write a whole number from 1 to 65535"),
    ("[guard]\nkey = 7", "[guard] key is 7 (a whole number); write a path that begins with /, of at most 1024 bytes"),
    ('[guard]\nkey = "guard.key"', "[guard] key is 'guard.key' (a text); write a path that begins with /, of at most 1024 bytes"),
    ('[guard]\nfilesystems = "/srv/data"', "[guard] filesystems is '/srv/data' (a text); write a list of paths, as [\"/srv/data\"]"),
    ('[guard]\nfilesystems = ["srv"]', "[guard] filesystems: 'srv' (a text) is no path that begins with /; write a list of paths"),
    ("[guard]\nstorage = 0", '[guard] storage is 0 (a whole number); write a list of IP addresses, as ["10.10.10.1"]'),
    ('[guard]\nstorage = ["nas"]', "[guard] storage: 'nas' (a text) is no IP address; write a list of IP addresses"),
    ('[guard]\nstroage = ["10.10.10.9"]', "[guard] stroage is no setting; settings are filesystems, key, port, reboot_on_lapse, storage"),
    ("[executor]\ncgroup = 5", "[executor] cgroup is 5 (a whole number); write a path that begins with /"),
    ('[registry]\nengine = "paper"', "[registry] engine is 'paper' (a text); this version has etcd and sqlite"),
    ("[registry]\nengine = 1", "[registry] engine is 1 (a whole number); write one of etcd, sqlite"),
    ('[registry]\nca = "/etc/ca.pem"', "[registry] ca is of no use to engine sqlite, which proves itself by [guard] key: leave it out"),
    (
        '[registry]\nengine = "etcd"\nendpoints = ["127.0.0.1:7400", "10.10.10.1:7400"]',
        "[registry] ca, certificate, key are missing: 10.10.10.1:7400 is reached over a network, and without them whoever reaches it",
    ),
    (
        '[registry]\nengine = "etcd"\nca = "/etc/ca.pem"',
        "[registry] certificate and key missing: write ca, certificate, key, or none of them",
    ),
    ("[registry]\nendpoints = []", "[registry] endpoints is empty; write a list of ADDRESS:PORT"),
    ('[registry]\nendpoints = ["nas:7400"]', "[registry] endpoints: 'nas:7400' (a text) is no IP address with a port; write"),
    ('[registry]\nendpoints = "10.0.0.1:7400"', "[registry] endpoints is '10.0.0.1:7400' (a text); write a list of ADDRESS:PORT"),
    ("[network.1]", "[network.1] subnet is missing; write it like 10.10.10.0/24 or fd00:10::/64"),
    ("[network.x]", "[network.x] has no number; write [network.1], or another from 1 to 999"),
    ("network = 5", "[network] is 5 (a whole number); write sections below it, as [network.1]"),
    ("[network]\n1 = 5", "[network.1] is 5 (a whole number); write a section [network.1], and its settings below it"),
    ('[network.1]\nsubnet = 5\ninterface = "eth1"', "[network.1] subnet is 5 (a whole number); write it like 10.10.10.0/24"),
    ('[network.1]\nsubnet = "10.10.10.1/24"\ninterface = "eth1"', "[network.1] subnet is '10.10.10.1/24' (a text); write it like"),
    ('[network.1]\nsubnet = "10.10.10.0/24"', "[network.1] interface is missing; write the name of a network interface"),
    ('[network.1]\nsubnet = "10.10.10.0/24"\ninterface = "eth1/2"', "[network.1] interface is 'eth1/2' (a text); write the name"),
    ('[network.1]\nsubnet = "10.10.10.0/24"\niface = "eth1"', "[network.1] iface is no setting; settings are interface, subnet"),
    ("[servers.ctr2]\naddresses = [5]", "[servers.ctr2] addresses: 5 (a whole number) is no IP address"),
    ("[servers.ctr2]\naddresses = []", "[servers.ctr2] addresses is empty; write a list of IP addresses"),
    ("[servers.ctr2]", "[servers.ctr2] addresses is missing; write a list of IP addresses"),
    ('[servers.ctr2]\naddress = ["10.10.10.2"]', "[servers.ctr2] address is no setting; settings are addresses"),
    ('[servers."ctr 2"]\naddresses = ["10.10.10.2"]', "[servers.'ctr 2'] is no name for a server; write a name of letters,"),
    ("[voters]\nname = 1", "[voters] is no section; sections are cluster, server, servers, network, registry, guard, executor"),
    ("executor = 1", "[executor] is 1 (a whole number); write a section [executor], and its settings below it"),
    ("x = [[[[", "it cannot be read: "),
    ("x = " + "[" * 2000, "it cannot be read: brackets within brackets without end"),
    ("x = " + "9" * 5000, "it cannot be read: "),
    ("x = 2026-13-45", "it cannot be read: "),
]
IN_CLUSTER = [
    ('voter_set = "x"', "[cluster] voter_set is 'x' (a text); write a whole number from 1 to 2147483647"),
    ('pause_tolerance = "two"', "[cluster] pause_tolerance is 'two' (a text); write a number of seconds from 0.25 to 60"),
    ("pause_tolerance = nan", "[cluster] pause_tolerance is nan (a number); write a number of seconds from 0.25 to 60"),
    ("pause_tolerance = true", "[cluster] pause_tolerance is true (true or false); write a number of seconds from 0.25 to 60"),
    ("pause_tolerance = 0.1", "[cluster] pause_tolerance is 0.1 (a number); write a number of seconds from 0.25 to 60"),
    ("voters = 0", '[cluster] voters is 0 (a whole number); write a list of names, as ["ctr1"]'),
    ('voters = "ctr1"', "[cluster] voters is 'ctr1' (a text); write a list of names"),
    ("voters = [1]", "[cluster] voters: 1 (a whole number) is no name"),
    ("voters = []", "[cluster] voters are none: there must be 1, 3 or 5 different ones"),
    ('voters = ["ctr9"]', "[cluster] voters names ctr9, which has no [servers.ctr9]"),
]
OF_THE_SERVER = [
    ("run_dir = 7", "[server] run_dir is 7 (a whole number); write a path that begins with /, of at most 90 bytes"),
    (f'run_dir = "/{"x" * 90}"', "[server] run_dir is '/xxx"),
    ("leave_within = 0", "[server] leave_within is 0 (a whole number); write a number of seconds from 1 to 86400"),
    ('log_dir = "logs"', "[server] log_dir is 'logs' (a text); write a path that begins with /"),
    ("state_dir = false", "[server] state_dir is false (true or false); write a path that begins with /"),
]
TEXTS = [
    *((f"{more}\n{TEXT}" if more[0] != "[" else f"{TEXT}{more}\n", said) for more, said in WRONG),
    *((TEXT.replace('"lab"', f'"lab"\n{more}'), said) for more, said in IN_CLUSTER),
    *((TEXT.replace('"ctr1"', f'"ctr1"\n{more}'), said) for more, said in OF_THE_SERVER),
    (TEXT.replace('name = "lab"', ""), "[cluster] name is missing; write a text of 1 to 63 bytes, without line ends"),
    (TEXT.replace('"lab"', '"a\\nb"'), "[cluster] name is 'a\\nb' (a text); write a text of 1 to 63 bytes, without line ends"),
    (TEXT.replace('name = "ctr1"', ""), "[server] name is missing; write a name of letters, digits and . _ -, at most 63"),
    (TEXT.replace('name = "ctr1"', 'name = "ctr9"'), "[server] name is 'ctr9' (a text), but there is no [servers.ctr9] with its addresses"),
    (TEXT.replace('[server]\nname = "ctr1"', ""), "[server] name is missing"),
    ('[cluster]\nname = "lab"\n[server]\nname = "ctr1"\n', "[servers] is missing: write a section [servers.NAME], with addresses,"),
    ("server = 5\n" + TEXT.replace('[server]\nname = "ctr1"', ""), "[server] is 5 (a whole number); write a section [server], and"),
    ("", "[servers] is missing"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[said[:60] for _, said in TEXTS])
def test_what_is_wrong_is_said_with_what_it_is_and_what_to_write(text: str, said: str) -> None:
    """In one line."""
    with pytest.raises(BadSettings) as refused:
        parse_settings(text)

    assert str(refused.value).startswith(said)
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.text(max_size=100), st.integers(), st.floats(), st.booleans(), st.dates(), st.times(), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=20), inner, max_size=4)),
    max_leaves=6,
)
KEYS = sorted({(section, key) for section, known in SECTIONS.items() for key in known} | {("network", "1"), ("servers", "ctr1")})


def answer(raw: dict[str, Any]) -> str | None:
    """What is said of a file of these sections; None: nothing, they are settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tomllib, "loads", lambda _: raw)
        try:
            assert isinstance(parse_settings(""), Settings)
        except BadSettings as refused:
            said = str(refused)
        else:
            return None
    assert said.isprintable()
    assert len(said) < 400
    return said


@given(where=st.sampled_from(KEYS), value=VALUES)
def test_whatever_stands_there_gives_settings_or_one_line_that_names_it(where: tuple[str, str], value: Any) -> None:
    """Anything that TOML can hold, in the place of any setting."""
    section, key = where
    raw = tomllib.loads(TEXT)
    raw.setdefault(section, {})[key] = value
    said = answer(raw)
    assert said is None or (section in said and key in said)


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(SECTIONS)), st.text(max_size=20)), VALUES, max_size=4))
def test_whatever_the_file_holds_gives_settings_or_one_line(raw: dict[str, Any]) -> None:
    assert answer(raw) is not None
