"""What is refused of dependencies because of who else is there: what a command refuses whatever the cluster is, is in daemon/scenarios."""

from dataclasses import replace

import pytest

from intent.test_groups import SOMEBODY, with_new
from understudy.errors import BadInput
from understudy.intent.resources import ResourceChange, modify
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Life
from understudy.model.view import IncarnationRecord, View


def a_view(life: Life, *, reads: bool) -> View:
    """Two resources, and a server that reads a type anywhere in a list, or is of an earlier version."""
    incarnation = Incarnation("i1")
    record = IncarnationRecord(incarnation=incarnation, server=ServerName("ctr2"), life=life, types_anywhere=reads)
    return replace(with_new(with_new(View(), 1), 2), incarnations={incarnation: record})


def depend(view: View, text: str) -> None:
    """`crsctl modify resource r001 -attr START_DEPENDENCIES=...`"""
    modify(view, ResourceChange(name=ResourceName("r001"), attributes={"START_DEPENDENCIES": text}), SOMEBODY)


def test_what_an_earlier_version_cannot_read_is_not_registered_while_one_is_there() -> None:
    """Its leader would take the resource for deleted; one that is gone for good counts no more."""
    first = "weak(type:local_resource,r002)"
    with pytest.raises(BadInput, match="understudyd of ctr2 is of a version that cannot read a list") as refused:
        depend(a_view(Life.ONLINE, reads=False), first)
    assert refused.value.code == 20583
    depend(a_view(Life.ONLINE, reads=False), "weak(r002,type:local_resource)")
    depend(a_view(Life.FENCED, reads=False), first)
    depend(a_view(Life.ONLINE, reads=True), first)


def test_several_instances_are_not_registered_while_an_earlier_version_is_there() -> None:
    """Its leader would take each instance but the first for a deleted resource's."""
    several = ResourceChange(name=ResourceName("r001"), attributes={"CARDINALITY": "2"})
    with pytest.raises(BadInput, match="understudyd of ctr2 is of a version that knows of one instance") as refused:
        modify(a_view(Life.ONLINE, reads=True), several, SOMEBODY)
    assert refused.value.code == 20642
    modify(a_view(Life.FENCED, reads=True), several, SOMEBODY)
    view = a_view(Life.ONLINE, reads=True)
    incarnations = {name: replace(record, knows_instances=True) for name, record in view.incarnations.items()}
    modify(replace(view, incarnations=incarnations), several, SOMEBODY)
