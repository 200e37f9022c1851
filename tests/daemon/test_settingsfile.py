"""understudy.toml follows the registry, unless somebody has written it in his own manner, or is about to have other voters accepted."""

from dataclasses import replace
from pathlib import Path

import pytest

from setup.cases import settings_of
from understudy.daemon.settingsfile import brought_up_to_date
from understudy.model.names import ServerName
from understudy.model.servers import MEMBER, ServerRecord, records_of
from understudy.model.settings import parse_settings
from understudy.model.view import ClusterRecord
from understudy.setup.written import settings_text

BEFORE = settings_of()
CTR5 = ServerRecord(server=ServerName("ctr5"), addresses=("10.10.20.5", "10.10.10.5"), etcd=MEMBER)
SERVERS = (*records_of(BEFORE), CTR5)
CLUSTER = ClusterRecord(name="prod", voters=tuple(map(ServerName, ("ctr5", "ctr1", "ctr2"))), voter_set=2)


def test_servers_voters_and_endpoints_are_those_of_the_registry(tmp_path: Path) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(settings_text(replace(BEFORE, leave_within=60.0)))
    after = brought_up_to_date(str(config), CLUSTER, SERVERS)
    assert after is not None
    assert (after.voters, after.voter_set, after.leave_within) == (("ctr1", "ctr2", "ctr5"), 2, 60.0)
    assert after.peer("ctr5").addresses == CTR5.addresses
    assert "10.10.20.5:7400" in after.registry
    assert parse_settings(config.read_text()) == after
    assert brought_up_to_date(str(config), CLUSTER, SERVERS) is None, "the same again"


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        (f"# mine\n{settings_text(BEFORE)}", CLUSTER),
        (settings_text(replace(BEFORE, voter_set=3)), CLUSTER),
        (settings_text(BEFORE), replace(CLUSTER, name="another")),
        (settings_text(BEFORE), replace(CLUSTER, old_voters=CLUSTER.voters)),
        ("no settings", CLUSTER),
    ],
)
def test_it_is_left_alone(tmp_path: Path, text: str, cluster: ClusterRecord) -> None:
    config = tmp_path / "understudy.toml"
    config.write_text(text)
    assert brought_up_to_date(str(config), cluster, SERVERS) is None
    assert config.read_text() == text
