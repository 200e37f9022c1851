"""A group moves in one commit, so it may not grow larger than one commit holds."""

from dataclasses import replace

import pytest

from understudy.errors import BadInput
from understudy.intent.operator import Operator
from understudy.intent.resources import NewResource, ResourceChange, define, modify
from understudy.model.names import ResourceName, TypeName
from understudy.model.settings import parse_settings
from understudy.model.view import View
from understudy.policy.groups import GROUP_MOST

SETTINGS = parse_settings('[cluster]\nname = "c"\n[server]\nname = "ctr1"\n[servers.ctr1]\naddresses = ["10.0.0.1"]\n')
SOMEBODY = Operator(by="root@ctr1", token="t", settings=SETTINGS)


def with_new(view: View, number: int, needs: str = "") -> View:
    """One more resource, called after its number."""
    name = ResourceName(f"r{number:03d}")
    attributes = {"ACTION_SCRIPT": "/x", **({"START_DEPENDENCIES": needs} if needs else {})}
    made = define(view, NewResource(name=name, type=TypeName("cluster_resource"), attributes=attributes), SOMEBODY)
    definition = made.edit.resources[name]
    assert definition is not None
    return replace(view, definitions={**view.definitions, name: definition}, resources={**view.resources, name: made.resource})


@pytest.fixture(scope="module")
def full() -> View:
    """A group that is as large as one may be, and one resource that is alone."""
    view = with_new(View(), 0)
    for number in range(1, GROUP_MOST):
        view = with_new(view, number, "hard(r000)")
    return with_new(view, 900)


def test_no_group_grows_beyond_the_bound(full: View) -> None:
    """Neither by a new resource nor by a changed one; what needs no common server is welcome."""
    with pytest.raises(BadInput, match=f"'r000' would move together with {GROUP_MOST} others.*hard\\(global:r000\\)") as refused:
        with_new(full, 901, "hard(r000)")
    assert refused.value.code == 20222
    with_new(full, 901, "hard(global:r000)")
    change = ResourceChange(name=ResourceName("r900"), attributes={"START_DEPENDENCIES": "hard(r000)"})
    with pytest.raises(BadInput, match="would move together"):
        modify(full, change, SOMEBODY)


def test_a_group_that_is_too_large_already_may_change_and_shrink(full: View) -> None:
    """It was registered by an older version."""
    grown = full.resources[ResourceName("r001")]
    name = ResourceName("r902")
    larger = replace(full, resources={**full.resources, name: replace(grown, name=name)})
    change = ResourceChange(name=ResourceName("r900"), attributes={"DESCRIPTION": "alone"})
    assert not modify(larger, change, SOMEBODY).draft.edit.empty
    with pytest.raises(BadInput, match="would move together"):
        with_new(larger, 903, "hard(r000)")
