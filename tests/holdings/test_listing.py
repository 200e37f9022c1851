"""The kill list: what is written is read again, by this version and by the one before."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutting import exchange
from understudy.holdings import listing as listing_module
from understudy.holdings.holding import (
    ORDER,
    AddressHolding,
    GroupHolding,
    Holding,
    MountHolding,
    NamespaceHolding,
    UnitHolding,
    in_order,
    why_no_mount_point,
    why_no_namespaces,
)
from understudy.holdings.listing import KillList, KillListFile, KillListReader, read_kill_list

BEFORE = KillList(cgroup="/groups", filesystems=("/data",))
ADDRESS, MOUNT, UNIT = AddressHolding("10.10.10.11"), MountHolding("/var/lib/mysql"), UnitHolding("mariadb.service")
ROUTERS = NamespaceHolding("qrouter-*")
HOLDINGS: st.SearchStrategy[Holding] = st.one_of(
    st.builds(GroupHolding, st.text(max_size=9)), st.builds(UnitHolding, st.text(max_size=9)),
    st.builds(AddressHolding, st.text(max_size=9)), st.builds(MountHolding, st.text(max_size=9)),
    st.builds(NamespaceHolding, st.text(max_size=9)),
)  # fmt: skip


def test_without_a_list_it_is_what_was_known(tmp_path: Path) -> None:
    assert read_kill_list(str(tmp_path), BEFORE) == BEFORE


def test_a_list_of_the_version_before_is_read(tmp_path: Path) -> None:
    address = {"address": "10.10.10.11", "prefix": 24, "interface": "eth1", "resource": "vip"}
    listed = {"format": 1, "cgroup": "/other", "addresses": [address], "units": ["mariadb.service"], "filesystems": ["/more"]}
    (tmp_path / "kill-list.json").write_text(json.dumps(listed))
    found = read_kill_list(str(tmp_path), BEFORE, filesystems=("/data",))
    assert (found.cgroup, found.addresses, found.units) == ("/other", ("10.10.10.11",), ("mariadb.service",))
    assert (found.filesystems, found.held["vip"], found.mounts) == (("/more", "/data"), (ADDRESS,), ())
    assert KillListFile(str(tmp_path), cgroup="/other", filesystems=()).of("vip") == (ADDRESS,), "an executor goes on with it"


def test_a_guard_of_the_version_before_finds_what_it_ends(tmp_path: Path) -> None:
    """It reads these keys of the list, and needs each of them."""
    listing = KillListFile(str(tmp_path), cgroup="/groups", filesystems=("/data",))
    listing.add("db", (UNIT, MOUNT))
    listing.add("vip", (ADDRESS,))
    listing.add("l3", (ROUTERS,))
    raw = json.loads((tmp_path / "kill-list.json").read_text())
    assert (raw["cgroup"], raw["units"], raw["filesystems"]) == ("/groups", ["mariadb.service"], ["/data"])
    assert [address["address"] for address in raw["addresses"]] == ["10.10.10.11"]


@given(st.dictionaries(st.text(min_size=1, max_size=6), st.lists(HOLDINGS, min_size=1, max_size=3, unique=True).map(tuple), max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, held: dict[str, tuple[Holding, ...]]) -> None:
    """By the guard, and by the executor's successor."""
    folder = tmp_path_factory.mktemp("run")
    listing = KillListFile(str(folder), cgroup="/groups", filesystems=("/data",))
    for resource, holdings in held.items():
        listing.add(resource, holdings)
    found = read_kill_list(str(folder), KillList(cgroup="/other"))
    assert (found.held, found.cgroup, found.filesystems, found.readable) == (held, "/groups", ("/data",), True)
    assert KillListFile(str(folder), cgroup="/groups", filesystems=()).held() == held


@pytest.mark.parametrize("text", ["{", "[]", '{"addresses": [{}]}', "{}", '{"holdings": [{"sort": "mount"}]}', '{"holdings": 3}'])
def test_a_list_that_is_spoilt_takes_nothing_away_from_what_is_known(tmp_path: Path, text: str) -> None:
    known = dataclasses.replace(BEFORE, held={"vip": (ADDRESS,), "db": (MOUNT,)})
    (tmp_path / "kill-list.json").write_text(text)
    assert read_kill_list(str(tmp_path), known) == dataclasses.replace(known, readable=False)


def test_a_sort_that_only_a_newer_version_knows_is_passed_over(tmp_path: Path) -> None:
    rows = [{"resource": "lun", "sort": "device", "path": "/dev/sdx"}, {"resource": "db", "sort": "mount", "point": "/var/lib/mysql"}]
    (tmp_path / "kill-list.json").write_text(json.dumps({"format": 3, "cgroup": "/groups", "holdings": rows}))
    found = read_kill_list(str(tmp_path), BEFORE)
    assert (found.readable, found.held) == (True, {"db": (MOUNT,)})


def test_what_a_start_finds_left_of_a_former_one_stays_on_the_list(tmp_path: Path) -> None:
    """Its definition may have changed meanwhile: what it names no more may be here still."""
    listing = KillListFile(str(tmp_path), cgroup="/groups", filesystems=())
    listing.add("db", (MOUNT,))
    listing.add("db", (MountHolding("/srv/new"),))
    assert read_kill_list(str(tmp_path), BEFORE).mounts == ("/var/lib/mysql", "/srv/new")
    listing.keep("db", ())
    assert read_kill_list(str(tmp_path), BEFORE).mounts == ()


def test_who_could_bring_back_the_rest_is_ended_first_and_what_may_hang_last() -> None:
    assert in_order((MOUNT, ROUTERS, ADDRESS, UNIT)) == (UNIT, ADDRESS, ROUTERS, MOUNT)
    assert (GroupHolding, UnitHolding, AddressHolding, NamespaceHolding, MountHolding) == ORDER


@pytest.mark.parametrize(
    ("point", "why"),
    [
        ("/var/lib/mysql", ""),
        ("/srv", ""),
        ("/", "no mount point"),
        ("/usr", "a place of the system"),
        ("srv/db", "write an absolute path"),
        ("/srv/../etc", "write an absolute path"),
        ("/var/lib/understudy", "this server's own processes need"),
        ("/var/log/x", "which this server's own processes need"),
    ],
)
def test_no_place_of_the_system_is_a_mount_point(point: str, why: str) -> None:
    found = why_no_mount_point(point, ("/run/understudy", "/var/lib/understudy", "/var/log/x/understudy"))
    assert (why in found) if why else found == ""


@pytest.mark.parametrize(
    ("patterns", "why"),
    [
        ("", ""),
        ("qrouter-* snat-* fip-*", ""),
        ("one", ""),
        ("*", "is no pattern"),
        ("qr*", "would match namespaces of others"),
        ("q-*-b", "is no pattern"),
        ("../net", "is no pattern"),
        ("a/b", "is no pattern"),
        (".hidden-*", "is no pattern"),
        ("x" * 64, "is no pattern"),
        (" ".join(f"net{number}" for number in range(17)), "17 patterns are given, 16 are allowed"),
    ],
)
def test_no_pattern_takes_what_others_have_made(patterns: str, why: str) -> None:
    found = why_no_namespaces(patterns)
    assert (why in found) if why else found == ""


def test_a_namespace_is_meant_by_its_name_or_by_how_it_begins() -> None:
    assert [ROUTERS.names(name) for name in ("qrouter-1", "qrouter-", "qrouter", "xqrouter-1")] == [True, True, False, False]
    assert [NamespaceHolding("net1").names(name) for name in ("net1", "net12")] == [True, False]


def test_two_resources_may_mean_the_same_namespaces(tmp_path: Path) -> None:
    listing = KillListFile(str(tmp_path), cgroup="/groups", filesystems=())
    listing.add("l3", (ROUTERS,))
    listing.add("lb", (ROUTERS, NamespaceHolding("qlbaas-*")))
    assert read_kill_list(str(tmp_path), BEFORE).namespaces == (ROUTERS, NamespaceHolding("qlbaas-*"))


def test_a_reading_that_failed_is_made_again_though_the_file_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor was to be had for a moment: what a start has left here since must not stay off the list until the next start."""
    known = dataclasses.replace(BEFORE, held={"vip": (ADDRESS,)})
    listing = KillListFile(str(tmp_path), cgroup="/groups", filesystems=())
    listing.add("db", (MOUNT,))
    os.utime(tmp_path / "kill-list.json", (1, 1))
    reader = KillListReader(str(tmp_path), known)
    with monkeypatch.context() as patch:
        _cannot_be_read(patch)
        assert reader.look() == dataclasses.replace(known, readable=False)
    assert reader.look().held == {"db": (MOUNT,)}


def test_a_list_that_stays_is_read_once_and_one_that_was_just_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists that were written within one tick of the kernel's clock look the same from outside."""
    listing = KillListFile(str(tmp_path), cgroup="/groups", filesystems=())
    reader, path = KillListReader(str(tmp_path), BEFORE), tmp_path / "kill-list.json"
    listing.add("db", (MOUNT,))
    assert reader.look().held == {"db": (MOUNT,)}
    was = path.stat()
    path.write_text(path.read_text().replace("mysql", "maria"))
    os.utime(path, ns=(was.st_mtime_ns, was.st_mtime_ns))
    assert reader.look().mounts == ("/var/lib/maria",)
    os.utime(path, (1, 1))
    assert reader.look().mounts == ("/var/lib/maria",)
    with monkeypatch.context() as patch:
        _cannot_be_read(patch)
        assert reader.look().mounts == ("/var/lib/maria",)
        assert reader.look().readable, "it was not read again"


def _cannot_be_read(patch: pytest.MonkeyPatch) -> None:
    def no_descriptor(run_dir: str) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", run_dir)

    exchange(patch, listing_module._content)(no_descriptor)
