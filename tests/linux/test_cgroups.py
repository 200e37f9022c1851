"""Where control groups are."""

from pathlib import Path

import pytest

from understudy.errors import BadSettings
from understudy.linux.cgroups import DELEGATED, find_parent, likely_parent

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
41 31 0:38 / /sys/fs/cgroup/my\\040unified rw,relatime shared:4 - cgroup2 cgroup2 rw
"""


def test_the_parent_is_below_the_mount_that_this_process_sees(tmp_path: Path) -> None:
    """Wherever it is, unless it is configured; and who must end what is there goes by where it usually is."""
    table = tmp_path / "mountinfo"
    table.write_text(HYBRID)
    assert find_parent(table=str(table)) == likely_parent(table=str(table)) == "/sys/fs/cgroup/my unified/understudy"
    assert find_parent("/sys/fs/cgroup/x", table="/none") == likely_parent("/sys/fs/cgroup/x") == "/sys/fs/cgroup/x"
    table.write_text(HYBRID.splitlines()[0])
    with pytest.raises(BadSettings, match="no cgroup v2"):
        find_parent(table=str(table))
    assert likely_parent(table=str(table)) == "/sys/fs/cgroup/understudy"


def test_where_systemd_delegates_a_group_the_parent_is_below_that(tmp_path: Path) -> None:
    """As long as the unit runs: without it, as on a server without systemd."""
    table = tmp_path / "mountinfo"
    table.write_text(f"41 31 0:38 / {tmp_path} rw,relatime shared:4 - cgroup2 cgroup2 rw\n")
    assert find_parent(table=str(table)) == f"{tmp_path}/understudy"
    (tmp_path / DELEGATED).mkdir(parents=True)
    assert find_parent(table=str(table)) == likely_parent(table=str(table)) == f"{tmp_path}/{DELEGATED}/understudy"
    assert find_parent("/sys/fs/cgroup/x", table=str(table)) == "/sys/fs/cgroup/x"
