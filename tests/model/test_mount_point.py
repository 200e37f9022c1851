"""MOUNT_POINT is refused where a lapse must never unmount anything, and asked for a restart when it changes."""

import pytest

from understudy.errors import BadAttribute
from understudy.holdings.holding import MountHolding
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
