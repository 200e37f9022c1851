"""What a lapse may and may not touch: the kill list as read, file systems, keys and settings."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from understudy.errors import BadSettings
from understudy.guard.filesystems import refuse, shut_down
from understudy.guard.means import KillList, read_kill_list
from understudy.linux.cgroups import likely_parent
from understudy.linux.keys import read_key
from understudy.linux.mounts import Mount, parse_mounts
from understudy.model.settings import Settings

MOUNTINFO = """\
22 1 0:22 / / rw - overlay overlay rw
25 22 259:1 / /data rw - xfs /dev/null rw
26 22 259:2 /sub /bound rw - ext4 /dev/sdb1 rw
27 22 259:3 / /twice rw - ext4 /dev/sdc1 rw
28 22 259:3 / /twice\\040more rw - ext4 /dev/sdc1 rw
29 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
30 22 0:22 / /whole rw - overlay overlay rw
"""


def settings(tmp_path: Path) -> Settings:
    return Settings(cluster="lab", server="ctr1", servers=(), voters=(), run_dir=str(tmp_path), cgroup="/groups", filesystems=("/data",))


def test_without_a_list_the_settings_say_what_to_end(tmp_path: Path) -> None:
    assert read_kill_list(settings(tmp_path)) == KillList(cgroup="/groups", filesystems=("/data",))


def test_the_list_is_read_as_the_executor_wrote_it(tmp_path: Path) -> None:
    address = {"address": "10.10.10.11", "prefix": 24, "interface": "eth1"}
    listed = {"format": 1, "cgroup": "/other", "addresses": [address], "units": ["mariadb.service"], "filesystems": ["/more"]}
    (tmp_path / "kill-list.json").write_text(json.dumps(listed))
    assert read_kill_list(settings(tmp_path)) == KillList(
        cgroup="/other",
        addresses=("10.10.10.11",),
        units=("mariadb.service",),
        filesystems=("/more", "/data"),
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"addresses": [{}]}', "{}"])
def test_a_list_that_cannot_be_read_still_ends_the_groups(tmp_path: Path, text: str) -> None:
    (tmp_path / "kill-list.json").write_text(text)
    what = read_kill_list(settings(tmp_path))
    assert (what.cgroup, what.readable) == ("/groups", False)


def test_a_list_that_is_spoilt_later_takes_nothing_away_from_what_is_known(tmp_path: Path) -> None:
    known = KillList(cgroup="/other", addresses=("10.10.10.11",), units=("mariadb.service",), filesystems=("/data",))
    assert read_kill_list(settings(tmp_path), known) == known, "gone"
    (tmp_path / "kill-list.json").write_text("{")
    assert read_kill_list(settings(tmp_path), known) == dataclasses.replace(known, readable=False)


def test_the_parent_group_is_below_the_cgroup_mount(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTINFO)
    assert likely_parent("", table=str(mountinfo)) == "/sys/fs/cgroup/unified/understudy"


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("/data", "is not its block device"),
        ("/bound", "a bind mount of /sub"),
        ("/twice", "mounted elsewhere too"),
        ("/twice more", "mounted elsewhere too"),
        ("/whole", "the root's device"),
        ("/", "the root's device"),
    ],
)
def test_no_file_system_in_doubt_is_shut_down(point: str, reason: str) -> None:
    mounts = parse_mounts(MOUNTINFO)
    assert reason in str(refuse(next(mount for mount in mounts if mount.point == point), mounts))


def test_a_file_system_that_is_not_mounted_needs_nothing() -> None:
    assert shut_down("/nowhere/at/all") is None


def test_mountinfo_is_read_with_its_escapes() -> None:
    assert parse_mounts(MOUNTINFO)[4] == Mount("259:3", "/", "/twice more", "ext4", "/dev/sdc1")


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [("ab" * 32, 0o644, "chmod 0600"), ("ab" * 31, 0o600, "64 hex digits"), ("zz" * 32, 0o600, "64 hex digits")],
)
def test_a_key_that_will_not_do_is_refused(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    path = tmp_path / "guard.key"
    path.write_text(text + "\n")
    path.chmod(mode)
    with pytest.raises(BadSettings, match=reason):
        read_key(str(path))


def test_a_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "guard.key"
    path.touch(mode=0o600)
    path.write_text("ab" * 32 + "\n")
    assert read_key(str(path)) == bytes.fromhex("ab" * 32)
    assert os.stat(path).st_mode & 0o077 == 0
