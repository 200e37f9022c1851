"""The whole intent of a cluster as one value: its servers and voters, what is registered and wanted; and what is wrong with one.

Called by whoever reads one (`registry/intent.py` has the file, `sim/double.py` makes a double of it). Pure. Must never hold what only one
moment knows: neither assignments nor reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from understudy.errors import BadInput
from understudy.model import categories, pools
from understudy.model.dependencies import Registered
from understudy.model.limits import derive
from understudy.model.names import CategoryName, PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import validate
from understudy.model.resource import Resource
from understudy.model.settings import VOTER_COUNTS
from understudy.model.view import ClusterRecord, Definition, Pool, ServerCategory, TargetRecord, TypeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a cluster is meant to be. Times in seconds."""

    servers: tuple[ServerName, ...]
    """Every server, by name."""
    cluster: ClusterRecord
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    categories: Mapping[CategoryName, ServerCategory] = field(default_factory=dict)
    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    definitions: Mapping[ResourceName, Definition] = field(default_factory=dict)
    targets: Mapping[ResourceName, TargetRecord] = field(default_factory=dict)
    runs_on: Mapping[ResourceName, ServerName] = field(default_factory=dict)
    """Where each resource that moves ran when this was written."""
    start_s: Mapping[ResourceName, float] = field(default_factory=dict)
    """The slowest start of each that the history knows."""
    witnesses: tuple[ServerName, ...] = ()
    """Servers that only vote."""
    attributes: Mapping[ServerName, Mapping[str, str]] = field(default_factory=dict)
    """What servers are, as far as categories may ask: memory and processors as they said, and what operators have said of them."""
    registry_on: ServerName | None = None
    """The server that the registry is on; None: on none of them, as it should be."""


def check(intent: Intent) -> None:
    """BadInput says what is wrong with it: what a running cluster has refused long ago may stand in a file that was written by hand."""
    voters = intent.cluster.voters
    derive(intent.cluster.pause_tolerance)
    if not intent.servers:
        raise BadInput("servers is empty: name the servers of the cluster")
    if len(voters) not in VOTER_COUNTS or len(set(voters)) != len(voters):
        raise BadInput(f"the voters are {', '.join(voters) or 'none'}: there must be 1, 3 or 5 different ones")
    named = {
        "a voter": voters,
        "a witness": intent.witnesses,
        "registry_on": (intent.registry_on,),
        "runs_on": tuple(intent.runs_on.values()),
        "attributes": tuple(intent.attributes),
    }
    for what, servers in named.items():
        for server in servers:
            if server is not None and server not in intent.servers:
                raise BadInput(f"{server} is named as {what} but not among servers: add it there")
    _check_definitions(intent)
    for name, seconds in intent.start_s.items():
        if seconds < 0:
            raise BadInput(f"start_s of {name} is {seconds:g}: write seconds, 0 or more")


def _check_definitions(intent: Intent) -> None:
    resources: dict[ResourceName, Resource] = {}
    for category in intent.categories.values():
        try:
            categories.build(category.name, categories.attributes_of(category))
        except BadInput as error:
            raise BadInput(f"server category {category.name}: {error} Correct the file.") from None
    for pool in intent.pools.values():
        try:
            pools.validate(pool, intent.pools, intent.categories)
        except BadInput as error:
            raise BadInput(f"server pool {pool.name}: {error} Correct the file.") from None
    for definition in intent.definitions.values():
        known = Registered(resources=resources, types=intent.types, pools=intent.pools, categories=intent.categories)
        try:
            resources[definition.name] = validate(definition, known, force=True, kept=definition.attributes)
        except BadInput as error:
            raise BadInput(f"resource {definition.name}: {error} Correct the file.") from None
