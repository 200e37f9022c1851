"""What outlives a guard of what it was as a voter, and what the registry says, on this server's disk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadSettings
from understudy.guard import registered
from understudy.guard.core import Keep, LastRenew, VoterMemory, common_settings
from understudy.guard.held import Held
from understudy.guard.kept import CAPACITY, FIELDS, Kept
from understudy.guard.main import main
from understudy.linux.reading import Reading
from understudy.model.limits import derive
from understudy.model.names import ServerName
from understudy.model.view import ClusterRecord

SERVERS = ("ctr1", "ctr2", "ctr3")
RECORDED = tuple(map(ServerName, ("ctr3", "ctr1", "ctr2")))
numbers = st.integers(0, 2**62)
readings = st.builds(Reading, numbers, numbers)
incarnations = st.binary(min_size=16, max_size=16)
owned = incarnations.map(lambda incarnation: (SERVERS[incarnation[0] % 3], incarnation))
keeps = st.lists(st.builds(lambda owner, *rest: Keep(*owner, *rest), owned, numbers, readings, st.booleans()), max_size=20)


def fresh() -> memoryview:
    return memoryview(bytearray(FIELDS * 8)).cast("q")


def as_memory(begun: VoterMemory, kept: list[Keep]) -> VoterMemory:
    """What a voter that said all this must still know."""
    last = {keep.incarnation: keep for keep in kept}
    seen = tuple((heard.incarnation, LastRenew(heard.server, heard.sequence, heard.at)) for heard in last.values() if not heard.silent)
    return begun._replace(seen=seen, said=tuple((heard.incarnation, heard.server) for heard in last.values() if heard.silent))


@given(st.integers(1, 2**64 - 1), readings, keeps)
def test_a_successor_knows_all_that_was_kept(boot: int, started: Reading, kept: list[Keep]) -> None:
    fields, begun = fresh(), VoterMemory(boot, started)
    writer = Kept(fields, SERVERS)
    assert writer.read() is None
    writer.write(begun)
    for keep in kept:
        assert writer.put(keep)
    successor = Kept(fields, SERVERS)
    read = successor.read()
    assert read is not None
    wanted = as_memory(begun, kept)
    assert (read.boot, read.started, dict(read.seen), dict(read.said)) == (boot, started, dict(wanted.seen), dict(wanted.said))
    successor.write(read)
    assert Kept(fields, SERVERS).read() == read


def test_when_it_is_full_it_says_so_and_harms_none() -> None:
    fields, at = fresh(), Reading(1, 1)
    writer = Kept(fields, SERVERS)
    writer.write(VoterMemory(7, at))
    for number in range(CAPACITY):
        assert writer.put(Keep("ctr1", number.to_bytes(16), 1, at, True))
    assert not writer.put(Keep("ctr1", b"n" * 16, 1, at, True))
    assert writer.put(Keep("ctr1", (0).to_bytes(16), 2, at, True)), "those that are there are still written over"
    read = Kept(fields, SERVERS).read()
    assert read is not None
    assert len(read.said) == CAPACITY


def test_half_an_entry_is_none() -> None:
    """A guard may be killed between any two stores: the count comes last."""
    fields, at = fresh(), Reading(1, 1)
    writer = Kept(fields, SERVERS)
    writer.write(VoterMemory(7, at))
    writer.put(Keep("ctr1", b"a" * 16, 1, at, False))
    counted = [index for index in range(FIELDS) if fields[index] == 1][1]
    before = fields[counted]
    writer.put(Keep("ctr2", b"b" * 16, 1, at, False))
    fields[counted] = before
    read = Kept(fields, SERVERS).read()
    assert read is not None
    assert [last_renew.server for _, last_renew in read.seen] == ["ctr1"]


def test_a_guard_finds_what_the_registry_said_to_its_predecessor() -> None:
    held = Held()
    assert held.registry is None
    for voter_set in (1, 2, 3):
        told = common_settings("lab", SERVERS, voter_set, derive(2.0))
        held.registry = told
        assert held.registry == told


def test_what_the_registry_says_is_kept_whole_on_the_disk(tmp_path: Path) -> None:
    path = str(tmp_path / "made" / "cluster.json")
    assert registered.read(path) is None
    for tolerance in (2.0, 0.5, 0.5):
        registered.write(path, ClusterRecord(name="lab", voters=RECORDED, pause_tolerance=tolerance))
        assert registered.read(path) == common_settings("lab", SERVERS, 1, derive(tolerance))
    assert [file.name for file in (tmp_path / "made").iterdir()] == ["cluster.json"]


def test_voters_of_a_lower_number_do_not_take_the_place_of_those_that_are_kept(tmp_path: Path) -> None:
    """Then the registry was set back: what it says of everything else counts."""
    path = str(tmp_path / "cluster.json")
    later = ClusterRecord(name="lab", voters=(*RECORDED[1:], ServerName("ctr4")), voter_set=2, old_voters=RECORDED)
    registered.write(path, later)
    registered.write(path, ClusterRecord(name="lab", voters=RECORDED, pause_tolerance=0.5))
    kept = registered.read(path)
    assert kept == common_settings("lab", later.voters, 2, derive(0.5), later.old_voters)
    registered.write(path, ClusterRecord(name="lab", voters=later.voters, voter_set=2))
    kept = registered.read(path)
    assert kept is not None
    assert (kept.phase, kept.old_voters) == (4, ())


TOO_SHORT = '{"cluster": "lab", "voters": ["ctr1"], "voter_set": 1, "pause_tolerance": 0.01}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cluster": "lab"}', TOO_SHORT])
def test_what_cannot_be_read_is_not_taken_for_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cluster.json"
    path.write_text(text)
    with pytest.raises(BadSettings, match="cannot be read"):
        registered.read(str(path))


def test_a_guard_does_not_begin_without_knowing_what_the_registry_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, config = tmp_path / "key", tmp_path / "understudy.toml"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    config.write_text(
        f'[cluster]\nname = "lab"\n[server]\nname = "ctr1"\nrun_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}"\n'
        f'[guard]\nkey = "{key}"\n[servers.ctr1]\naddresses = ["127.0.0.1"]\n'
    )
    (tmp_path / "cluster.json").write_text("{")
    assert main(["--config", str(config)]) == 2
    assert "cluster.json cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
