"""Names of control groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.groups import group_name, parent_group, resource_of
from understudy.errors import BadSettings

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
41 31 0:38 / /sys/fs/cgroup/my\\040unified rw,relatime shared:4 - cgroup2 cgroup2 rw
"""


@given(st.text())
def test_a_group_name_gives_the_resource_back(resource: str) -> None:
    """And is one directory name."""
    assert resource_of(group_name(resource)) == resource
    assert "/" not in group_name(resource)


def test_the_parent_is_below_the_mount_that_this_process_sees() -> None:
    """Wherever it is, unless it is configured."""
    assert parent_group("", HYBRID) == "/sys/fs/cgroup/my unified/understudy"
    assert parent_group("/sys/fs/cgroup/x", "") == "/sys/fs/cgroup/x"
    with pytest.raises(BadSettings, match="no cgroup v2"):
        parent_group("", HYBRID.splitlines()[0])
