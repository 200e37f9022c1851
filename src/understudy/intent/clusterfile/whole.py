"""What a cluster file says: types, server pools and resources as they are given; and the same of a View.

Two that mean the same are equal: what a registry may leave out and means all the same (the access list that everything has without one of
its own, a plain text as the type of an attribute) is filled in. Called by the rest of this package. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.errors import BadInput
from understudy.intent.rights import BUILT_IN_ACL
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.types import defaults, flags
from understudy.model.view import Definition, Pool, TypeRecord, View

PLAIN = "string"
"""What an attribute of a type takes if nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """What stands in a file, in its normal form. The `uid` of its definitions is empty."""

    cluster: str = ""
    """The name of the cluster that it is of; empty: of any."""
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    resources: Mapping[ResourceName, Definition] = field(default_factory=dict)


def file_of(view: View, cluster: str) -> ClusterFile:
    """What is registered."""
    return ClusterFile(
        cluster=cluster,
        types={name: type_as_given(record, view.types) for name, record in view.types.items()},
        pools={name: pool_as_given(pool) for name, pool in view.pools.items()},
        resources={name: resource_as_given(definition, view.types) for name, definition in view.definitions.items()},
    )


def type_as_given(record: TypeRecord, types: Mapping[TypeName, TypeRecord]) -> TypeRecord:
    """Each of its attributes says what it takes, as it does by its base."""
    try:
        inherited = {} if record.base is None else flags(record.base, types)
    except BadInput:
        inherited = {}  # of a base that is not there
    return replace(record, flags={name: record.flags.get(name) or inherited.get(name, PLAIN) for name in record.attributes})


def pool_as_given(pool: Pool) -> Pool:
    """With its access list."""
    return replace(pool, attributes={**pool.attributes, "ACL": pool.attributes.get("ACL") or BUILT_IN_ACL})


def resource_as_given(definition: Definition, types: Mapping[TypeName, TypeRecord]) -> Definition:
    """With its access list, which is its type's if it has none of its own."""
    acl = definition.attributes.get("ACL")
    if acl is None:
        try:
            acl = defaults(definition.type, types).get("ACL", "")
        except BadInput:
            acl = ""
    return replace(definition, uid="", attributes={**definition.attributes, "ACL": acl})
