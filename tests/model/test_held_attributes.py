"""MOUNT_POINT and NETWORK_NAMESPACES are refused where a lapse would reach what is not the resource's, and ask for a restart if changed."""

import pytest

from understudy.errors import BadAttribute
from understudy.holdings.holding import MountHolding, NamespaceHolding
from understudy.kinds.kind import Site
from understudy.model.attributes import ATTRIBUTES, Effect
from understudy.model.dependencies import Registered
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import resolve, validate
from understudy.model.types import LOCAL, defaults
from understudy.model.view import Definition, TypeRecord

NOBODY = Site(attributes_of=lambda name: None)
KNOWN = Registered(resources={}, types={}, pools={})


def fs(point: str, type_name: str = "cluster_resource") -> Definition:
    return Definition(name=ResourceName("fs"), type=TypeName(type_name), uid="1", attributes={"MOUNT_POINT": point})


def test_what_is_declared_is_held() -> None:
    resource = validate(fs("/var/lib/mysql/"), KNOWN)
    assert resource.kind.holdings(resource.kind.parameters(resource, NOBODY)) == (MountHolding("/var/lib/mysql"),)
    bare = resolve(fs(""), {})
    assert resource.kind.holdings(bare.kind.parameters(bare, NOBODY)) == ()


@pytest.mark.parametrize("point", ["/", "/usr", "/usr/", "/a/../b", "data"])
def test_no_place_of_the_system_is_taken(point: str) -> None:
    with pytest.raises(BadAttribute, match="MOUNT_POINT"):
        validate(fs(point), KNOWN)


def test_nor_by_the_default_of_a_type() -> None:
    record = TypeRecord(name=TypeName("fs.type"), base=TypeName("cluster_resource"), attributes={"MOUNT_POINT": "/etc"})
    given = Definition(name=ResourceName("fs"), type=record.name, uid="1")
    with pytest.raises(BadAttribute, match="MOUNT_POINT"):
        validate(given, Registered(resources={}, types={record.name: record}, pools={}))


def test_a_local_resource_which_needs_no_lease_has_none() -> None:
    assert "MOUNT_POINT" not in defaults(LOCAL, {})
    assert ATTRIBUTES["MOUNT_POINT"].effect is Effect.RESTART


def agent(patterns: str) -> Definition:
    given = {"NETWORK_NAMESPACES": patterns}
    return Definition(name=ResourceName("l3"), type=TypeName("cluster_resource"), uid="1", attributes=given)


def test_namespaces_that_are_declared_are_held() -> None:
    resource = validate(agent("qrouter-*  fip-* qrouter-*"), KNOWN)
    held = (NamespaceHolding("qrouter-*"), NamespaceHolding("fip-*"))
    assert resource.kind.holdings(resource.kind.parameters(resource, NOBODY)) == held


@pytest.mark.parametrize("patterns", ["*", "qrouter-* *", "q*", "a/b", "qrouter-*-x"])
def test_no_pattern_takes_all(patterns: str) -> None:
    with pytest.raises(BadAttribute, match="NETWORK_NAMESPACES"):
        validate(agent(patterns), KNOWN)


def test_a_local_resource_has_no_namespaces_either() -> None:
    assert "NETWORK_NAMESPACES" not in defaults(LOCAL, {})
    assert ATTRIBUTES["NETWORK_NAMESPACES"].effect is Effect.RESTART
