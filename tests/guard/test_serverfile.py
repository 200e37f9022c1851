"""servers.json: the registry's word on servers, on a disk of this server, which wins over [servers] of understudy.toml."""

from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import BadSettings
from understudy.guard import serverfile
from understudy.guard.configured import read_settings, written_settings
from understudy.model.names import ServerName
from understudy.model.servers import LEARNER, MEMBER, ServerRecord, records_of, with_servers
from understudy.model.settings import ServerSettings, Settings

TEXT = """
[cluster]
name = "prod"
[server]
name = "ctr1"
state_dir = "{}"
[servers.ctr1]
addresses = ["10.10.20.1"]
[servers.wit1]
addresses = ["10.10.20.9"]
witness = true
[registry]
engine = "etcd"
endpoints = ["10.10.20.1:7400"]
ca = "/a"
certificate = "/b"
key = "/c"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "understudy.toml").write_text(TEXT.format(tmp_path))
    return str(tmp_path / "understudy.toml")


def record(name: str, *addresses: str, witness: bool = False, etcd: str = "") -> ServerRecord:
    return ServerRecord(server=ServerName(name), addresses=addresses, witness=witness, etcd=etcd)


def test_the_settings_make_the_first_records() -> None:
    settings = Settings(
        cluster="prod", server="ctr1", voters=("ctr1",), engine="etcd", registry=("10.10.20.1:7400",),
        servers=(
            ServerSettings(name="ctr1", addresses=("10.10.20.1", "10.10.10.1")), ServerSettings(name="w", addresses=("::9",), witness=True)
        ),
    )  # fmt: skip
    assert records_of(settings) == (record("ctr1", "10.10.20.1", "10.10.10.1", etcd=MEMBER), record("w", "::9", witness=True))
    assert with_servers(settings, records_of(settings)) == settings
    assert with_servers(settings, ()) == settings


def test_the_word_of_the_registry_wins_once_it_was_seen(config: str) -> None:
    written = written_settings(config)
    assert read_settings(config) == written
    servers = (
        record("ctr1", "10.10.20.11", etcd=MEMBER),
        record("ctr5", "10.10.20.5", etcd=MEMBER),
        record("ctr6", "10.10.20.6", etcd=LEARNER),
    )
    serverfile.write(serverfile.path_of(written), "prod", servers)
    found = read_settings(config)
    assert [(each.name, each.addresses, each.witness) for each in found.servers] == [
        ("ctr1", ("10.10.20.11",), False), ("ctr5", ("10.10.20.5",), False), ("ctr6", ("10.10.20.6",), False),
    ]  # fmt: skip
    assert found.registry == ("10.10.20.11:7400", "10.10.20.5:7400"), "those that are members"
    assert replace(found, servers=written.servers, registry=written.registry) == written
    serverfile.write(serverfile.path_of(written), "another", servers)
    assert read_settings(config) == written, "a file of another cluster says nothing of this one"


def test_a_server_that_was_removed_still_knows_its_own_addresses(config: str) -> None:
    serverfile.write(serverfile.path_of(written_settings(config)), "prod", (record("ctr5", "10.10.20.5"),))
    found = read_settings(config)
    assert [each.name for each in found.servers] == ["ctr1", "ctr5"]
    assert found.peer("ctr1").addresses == ("10.10.20.1",)


@pytest.mark.parametrize("text", ["", "{", '{"cluster": "prod"}', '{"cluster": "prod", "servers": [{"name": "ctr1", "addresses": []}]}'])
def test_a_file_that_cannot_be_read_is_no_missing_one(config: str, text: str) -> None:
    Path(serverfile.path_of(written_settings(config))).write_text(text)
    with pytest.raises(BadSettings, match="Remove it if"):
        read_settings(config)
