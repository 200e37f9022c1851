"""What the first server writes: in which order, with which modes, and what becomes of an `init` that is interrupted anywhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from setup.cases import places_in, settings_of
from understudy.errors import BadInput
from understudy.guard.configured import read_settings
from understudy.linux.keys import read_key
from understudy.model.settings import Settings
from understudy.security.certificates import fingerprint
from understudy.security.keyfiles import KeyFiles
from understudy.setup import begin
from understudy.setup.begin import new_files, new_token, write_all
from understudy.setup.files import NewFile, write_file
from understudy.setup.measure import read_host
from understudy.setup.places import SetupPlaces
from understudy.setup.state import here_now, is_whole
from understudy.setup.token import parse_token
from understudy.setup.wanted import differences


def init(settings: Settings, places: SetupPlaces) -> list[str]:
    """As the command does; what was written."""
    said: list[str] = []
    write_all(new_files(settings, places), places, settings.state_dir, said.append)
    return [Path(line.removeprefix("written: ")).name for line in said]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_first_server_is_whole(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    settings = settings_of(1, places)
    order = ["authority.key", "authority.pem", "guard.key", "server.key", "server.pem", "etcd.yaml", "understudy.toml"]
    assert init(settings, places) == order, "understudy.toml comes last: without it nothing counts as configured"

    assert read_settings(places.config) == settings
    assert len(read_key(settings.guard_key)) == 32
    assert is_whole(settings, places)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "etc/keys").iterdir()}
    assert modes == {"authority.key": 0o600, "authority.pem": 0o644, "guard.key": 0o600, "server.key": 0o600, "server.pem": 0o644}
    assert (tmp_path / "etc/keys").stat().st_mode & 0o777 == 0o700


def test_typed_again_it_changes_nothing(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    init(settings_of(1, places), places)
    before = contents(tmp_path)
    assert init(settings_of(1, places), places) == []
    assert contents(tmp_path) == before


@pytest.mark.parametrize("after", range(7))
def test_interrupted_anywhere_it_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Whatever was there for others to see (the authority's certificate, the guards' key) stays what it was."""
    places, written = places_in(tmp_path), [0]
    settings = settings_of(1, places)

    def breaks_off(file: NewFile) -> bool:
        if written[0] == after:
            raise KeyboardInterrupt
        written[0] += 1
        return write_file(file)

    with monkeypatch.context() as patched:
        patched.setattr(begin, "write_file", breaks_off)
        with pytest.raises(KeyboardInterrupt):
            init(settings, places)
    public = {name: content for name, content in contents(tmp_path).items() if name.endswith((".pem", "guard.key"))}
    assert here_now(places, {}).settings is None
    init(settings, places)
    assert is_whole(settings, places)
    assert public.items() <= contents(tmp_path).items() or "etc/keys/server.pem" in public
    assert not [name for name in contents(tmp_path) if name.endswith(".new")]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    Path(places.state_dir).write_text("in the way")
    with pytest.raises(BadInput, match="state cannot be written: File exists") as refused:
        init(settings_of(1, places), places)
    assert refused.value.code == 20284


def test_a_certificate_that_does_not_fit_any_more_is_made_anew(tmp_path: Path) -> None:
    """It was removed, because it ends soon."""
    places = places_in(tmp_path)
    settings = settings_of(1, places)
    init(settings, places)
    before = Path(KeyFiles(places.keys).authority).read_text()
    Path(KeyFiles(places.keys).certificate).unlink()
    assert init(settings, places) == ["server.key", "server.pem"]
    assert is_whole(settings, places)
    assert Path(KeyFiles(places.keys).authority).read_text() == before


def test_keys_of_another_cluster_are_not_touched(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    init(settings_of(1, places), places)
    Path(places.config).unlink()
    before = contents(tmp_path)
    with pytest.raises(BadInput, match=r"it is the authority of cluster prod\. Move .*keys away") as refused:
        init(replace(settings_of(1, places), cluster="test"), places)
    assert refused.value.code == 20283
    Path(KeyFiles(places.keys).authority_key).unlink()
    with pytest.raises(BadInput, match="has joined a cluster"):
        init(settings_of(1, places), places)
    Path(KeyFiles(places.keys).authority_key).write_bytes(before["etc/keys/authority.key"])
    Path(KeyFiles(places.keys).guard).write_text("something else")
    with pytest.raises(BadInput, match="holds no key of a guard"):
        init(settings_of(1, places), places)


def test_settings_that_an_operator_has_changed_since_stay(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    settings = settings_of(1, places)
    init(settings, places)
    edited = Path(places.config).read_text().replace('name = "ctr1"', 'name = "ctr1"\nleave_within = 60', 1)
    Path(places.config).write_text(edited)
    found = here_now(places, {}).settings
    assert found is not None
    assert differences(found, settings) == []
    assert init(settings, places) == []
    assert Path(places.config).read_text() == edited


def test_a_token_names_the_listener_and_the_authority(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    settings = settings_of(1, places)
    keys = KeyFiles(places.keys)
    with pytest.raises(BadInput, match="run this command on ctr2 or ctr3") as refused:
        new_token(settings, keys, 3600, 0.0)
    assert refused.value.code == 20278
    init(settings, places)
    token = parse_token(new_token(settings, keys, 3600, 0.0))
    assert token.endpoints == (("10.10.20.1", 7402), ("10.10.10.1", 7402))
    assert token.pin == fingerprint(Path(keys.authority).read_text())


def test_what_is_read_of_this_very_machine(tmp_path: Path) -> None:
    """Nothing of it stays: no file, no table of the gate, no priority."""
    places = places_in(tmp_path)
    settings = settings_of(1, places)
    init(settings, places)
    before = contents(tmp_path)
    found = read_host(settings, here_now(places, {}), places, others=False)
    assert contents(tmp_path) == before
    assert found.flush_ms is not None
    assert {key.path.rpartition("/")[2] for key in found.keys} == {
        "guard.key", "authority.pem", "server.pem", "server.key", "authority.key",
    }  # fmt: skip
    assert [key for key in found.keys if key.wrong or not key.found] == []
    assert found.clock.source
