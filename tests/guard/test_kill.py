"""What a lapse may and may not touch: file systems and keys."""

from pathlib import Path

import pytest

from understudy.errors import BadSettings
from understudy.guard.filesystems import refuse, shut_down
from understudy.linux.cgroups import likely_parent
from understudy.linux.keys import read_key
from understudy.linux.mounts import MountLine, parse_mounts

MOUNTINFO = """\
22 1 0:22 / / rw - overlay overlay rw
25 22 259:1 / /data rw - xfs /dev/null rw
26 22 259:2 /sub /bound rw - ext4 /dev/sdb1 rw
27 22 259:3 / /twice rw - ext4 /dev/sdc1 rw
28 22 259:3 / /twice\\040more rw - ext4 /dev/sdc1 rw
29 22 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
30 22 0:22 / /whole rw - overlay overlay rw
"""


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
    assert parse_mounts(MOUNTINFO)[4] == MountLine("259:3", "/", "/twice more", "ext4", "/dev/sdc1")


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
