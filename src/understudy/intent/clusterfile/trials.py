"""Each type, server pool and resource of a file against the View in which all of the file is true: what the single commands refuse. Pure.

Made by `draft.py`. What must be asked of a disk or a network is the verb's to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.errors import BadInput
from understudy.intent import types as intent_types
from understudy.intent.checks import check_free_address, check_servers
from understudy.intent.clusterfile.changes import ChangeSort, FileChange
from understudy.intent.clusterfile.document import Troubles, key_of
from understudy.intent.contradictions import check_contradictions
from understudy.intent.facts import named_by, registered, servers
from understudy.intent.networks import check_network, is_network
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.steps import InSteps
from understudy.model import pools
from understudy.model.attributes import base_name
from understudy.model.dependencies import Registered
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import changed, check_name, resolve, validate
from understudy.model.resource import Resource
from understudy.model.types import CLUSTER, defaults, is_built_in
from understudy.model.view import Definition, View


def resolved(definition: Definition, view: View) -> Resource:
    """The resource; of a definition that cannot be read, one of its name, so that whatever names it is not refused as well."""
    try:
        return resolve(definition, view.types)
    except (BadInput, ValueError, KeyError):
        return resolve(replace(definition, type=CLUSTER, attributes={}), {})


def supported(attributes: Mapping[str, str], type_name: TypeName, view: View) -> dict[str, str]:
    """Those that the type has in this View: what a type has lost, its resources lose with it."""
    known = defaults(type_name, view.types)
    return {name: value for name, value in attributes.items() if base_name(name) in known}


@dataclass(kw_only=True)
class Trials:
    """One file's. What is refused is noted in `troubles`."""

    before: View
    after: View
    """In which the whole of the file is true."""
    operator: Operator
    force: bool
    troubles: Troubles
    _known: Registered = field(init=False)
    _servers: tuple[ServerName, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._known = registered(self.after)
        self._servers = servers(self.before, self.operator.settings)

    def all(self, found: tuple[FileChange, ...]) -> InSteps[None]:
        """Everything that changes, and what is of a type that does."""
        there = {"type": self._type, "serverpool": self._pool, "resource": self._resource}
        gone = {"type": self._type_gone, "serverpool": self._pool_gone, "resource": self._resource_gone}
        named = set()
        for change in found:
            yield
            section, name = change.item
            named.add(change.item)
            trial = (gone if change.sort is ChangeSort.REMOVE else there)[section]
            self.troubles.tried(key_of(section, name), lambda trial=trial, name=name: trial(name))  # type: ignore[misc]
        for name, resource in self.after.resources.items():
            if ("resource", name) not in named and resource is not self.before.resources.get(name):
                yield
                self.troubles.tried(key_of("resource", name), lambda name=name: self._of_changed_type(name))  # type: ignore[misc]

    # --- what is there afterwards

    def _type(self, name: str) -> None:
        record, before = self.after.types[TypeName(name)], self.before.types.get(TypeName(name))
        if is_built_in(record.name):
            raise Declined(20027, name)
        if before is None:
            check_name(name)
        elif before.base != record.base:
            raise Declined(20710, "BASE_TYPE", name, before.base, record.base)
        intent_types.check_record(record, self.after)
        kept: Mapping[str, str] = {} if before is None else before.attributes
        different = {key: value for key, value in record.attributes.items() if kept.get(key) != value}
        intent_types.check_named(self.after, self.operator, kept, different, force=self.force)

    def _pool(self, name: str) -> None:
        pool, before = self.after.pools[PoolName(name)], self.before.pools.get(PoolName(name))
        if name in pools.BUILT_IN:
            raise Declined(20025, name, "changed")
        pools.validate(pool, self.after.pools, self.after.categories)
        if not self.force:
            check_servers(self._servers, {} if before is None else pools.attributes_of(before), pools.attributes_of(pool))

    def _resource(self, text: str) -> None:
        name = ResourceName(text)
        definition, before = self.after.definitions[name], self.before.definitions.get(name)
        if before is not None and before.type != definition.type:
            raise Declined(20710, "TYPE", name, before.type, definition.type)
        if before is None and not is_network(definition):
            check_name(name)
        kept: Mapping[str, str] = {} if before is None else before.attributes
        resource = validate(definition, self._known, force=self.force, kept=kept)
        if is_network(definition):
            check_network(self.after, definition)
        if not self.force:
            check_servers(self._servers, kept, {key: value for key, value in definition.attributes.items() if kept.get(key) != value})
        if before is not None:
            same_type = replace(before, attributes=supported(before.attributes, definition.type, self.after))
            changed(resolved(same_type, self.after), resource, self.after.types)  # what its own lines change, not its type's
        check_contradictions(self.before, self.after, name, self._servers, force=self.force)
        address = resource.kind.address(resource)
        if address and (before is None or address != resource.kind.address(self.before.resources[name])):
            check_free_address(self.after, self.operator.settings, resource)

    def _of_changed_type(self, name: ResourceName) -> None:
        """Refused if the change of its type breaks what was well before."""
        definition = self.after.definitions[name]
        try:
            validate(definition, self._known, force=True, kept=definition.attributes)
        except BadInput:
            try:
                validate(definition, registered(self.before), force=True, kept=definition.attributes)
            except BadInput:
                return
            raise

    # --- what is removed

    def _type_gone(self, name: str) -> None:
        used = sorted(definition.name for definition in self.after.definitions.values() if definition.type == name)
        if used:
            raise Declined(2559, name, " ".join(used))
        heirs = sorted(record.name for record in self.after.types.values() if record.base == name)
        if heirs:
            raise Declined(20028, name, heirs[0])

    def _pool_gone(self, name: str) -> None:
        users = [f"resource '{resource.name}'" for resource in self.after.resources.values() if name in resource.server_pools]
        users += [f"server pool '{pool.name}'" for pool in self.after.pools.values() if name in pool.parent_pools]
        if users:
            raise Declined(20026, name, users[0])

    def _resource_gone(self, text: str) -> None:
        name = ResourceName(text)
        left = named_by(self.after, name)
        if left and not self.force:
            raise Declined(2730, left[0], name)
