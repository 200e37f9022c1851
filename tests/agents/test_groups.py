"""Names of control groups."""

from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.groups import group_name, resource_of


@given(st.text())
def test_a_group_name_gives_the_resource_back(resource: str) -> None:
    """And is one directory name."""
    assert resource_of(group_name(resource)) == resource
    assert "/" not in group_name(resource)
