"""What is to be written so that a cluster is as a file says, decided from one View; or everything that is wrong with that. Pure.

Called by `daemon/verbs/clusterfile.py`, for `understudy apply` and for the rehearsal of it. The checks are those of the single commands of
crsctl (`trials.py`), made of the whole: what the file brings in together may name one another.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from understudy.errors import BadInput
from understudy.intent.change import Attributes, impact_lines
from understudy.intent.checks import check_groups
from understudy.intent.clusterfile.changes import ChangeSort, FileChange, FileItem, changes, left_out
from understudy.intent.clusterfile.document import Troubles, key_of
from understudy.intent.clusterfile.trials import Trials, resolved, supported
from understudy.intent.clusterfile.whole import ClusterFile, file_of
from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import may_be_running, running_on
from understudy.intent.networks import is_network
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.rights import Identity
from understudy.intent.steps import InSteps
from understudy.intent.visible import definitions_shown, hidden, pool_shown, type_shown, without
from understudy.kinds.network import network_name
from understudy.model import events
from understudy.model.maps import with_changes
from understudy.model.messages import line
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.profile import reloads, restarts
from understudy.model.resource import Resource
from understudy.model.state import Target
from understudy.model.types import descent
from understudy.model.view import Definition, TargetRecord, View
from understudy.policy.impact import impact


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyCommand:
    """A file, and what may be done for it."""

    what: str
    """The file's name, for messages."""
    file: ClusterFile
    prune: bool = False
    """What the file does not name is removed."""
    force: bool = False
    """What runs may be stopped, moved or restarted; servers and dependencies may be named that are yet to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDraft:
    """All that differs, and what is written for it."""

    changes: tuple[FileChange, ...]
    before: View
    after: View
    edit: Edit
    """All of it. What it rests on is added to each piece of it (`pieces.py`)."""
    restarts: Attributes = field(default_factory=dict)
    """What has to be stopped and started for it if it runs, and for which attributes."""
    stopping: tuple[ResourceName, ...] = ()
    """What is removed and may be running."""
    reloading: tuple[ResourceName, ...] = ()
    """What is to be checked at once."""
    left: tuple[FileItem, ...] = ()
    """What the file does not name, and stays."""

    def restarting(self, view: View, names: Collection[ResourceName] | None = None) -> Attributes:
        """What of it, or of some of it, was started with a value that changes, by this View."""
        chosen = {name: why for name, why in self.restarts.items() if names is None or name in names}
        return {name: why for name, why in chosen.items() if may_be_running(view, name)}

    def disturbed(self) -> tuple[str, ...]:
        """One line for each thing that runs and would stop, move or restart."""
        stopped = tuple(line(20714, name, running_on(self.before, name) or "a server") for name in self.stopping)
        restarting = self.restarting(self.before)
        return (*stopped, *impact_lines(self.after, impact(self.before, self.after, restarting), restarting))

    def count(self, sort: ChangeSort) -> int:
        """How many are added, changed or removed."""
        return sum(change.sort is sort for change in self.changes)

    def named(self, section: str, sort: ChangeSort) -> tuple[str, ...]:
        """Those of a table that are added, changed or removed."""
        return tuple(change.item[1] for change in self.changes if change.item[0] == section and change.sort is sort)


def draft_in_steps(view: View, command: ApplyCommand, operator: Operator, who: Identity) -> InSteps[FileDraft]:
    """What is to be written. Declined, with every refusal and its key; nothing of the file is done then."""
    assert view.cluster is not None, "whoever applies a file has a cluster"
    troubles = Troubles()
    _check_seen(view, command.file, who, troubles)
    troubles.raise_any(command.what)  # before a value of what may not be seen is repeated
    seen = definitions_shown(without(view, hidden(view, who)), who)
    here = _without_own(file_of(seen, view.cluster.name), command.file, operator)
    yield
    found = changes(here, command.file, prune=command.prune)
    after = yield from _after(view, command.file, found, operator)
    trials = Trials(before=view, after=after, operator=operator, force=command.force, troubles=troubles)
    yield from trials.all(found)
    troubles.tried("resource", lambda: check_groups(view, after))
    troubles.raise_any(command.what)
    left = () if command.prune else left_out(here, command.file)
    return replace(_draft(view, after, found, operator), left=left)


def _check_seen(view: View, file: ClusterFile, who: Identity, troubles: Troubles) -> None:
    """What is in the file and is there, but not for these eyes."""
    secret = hidden(view, who)
    for name in sorted(secret & set(file.resources)):
        troubles.add(key_of("resource", name), line(2725, who.user, name))
    for pool in file.pools:
        if pool in view.pools and not pool_shown(view, pool, who):
            troubles.add(key_of("serverpool", pool), line(20325, who.user, "r", "server pool", pool))
    for type_name in file.types:
        if type_name in view.types and not type_shown(view, type_name, who):
            troubles.add(key_of("type", type_name), line(20325, who.user, "r", "resource type", type_name))


def _without_own(here: ClusterFile, file: ClusterFile, operator: Operator) -> ClusterFile:
    """Networks of the settings belong to the cluster itself, which would make them again: where a file does not name them they stay."""
    own = {network_name(network.number) for network in operator.settings.networks} - {*file.resources}
    return replace(here, resources={name: definition for name, definition in here.resources.items() if name not in own})


# --- the View in which the file is true -------------------------------------------------------------------------------


def _after(view: View, file: ClusterFile, found: tuple[FileChange, ...], operator: Operator) -> InSteps[View]:
    types, pools = dict(view.types), dict(view.pools)
    definitions: dict[ResourceName, Definition | None] = {}
    for change in found:
        section, name = change.item
        gone = change.sort is ChangeSort.REMOVE
        if section == "type":
            _put(types, TypeName(name), None if gone else file.types[TypeName(name)])
        elif section == "serverpool":
            _put(pools, PoolName(name), None if gone else file.pools[PoolName(name)])
        else:
            definitions[ResourceName(name)] = None if gone else _definition(view, file.resources[ResourceName(name)], operator)
    after = replace(view, types=types, pools=pools, definitions=with_changes(view.definitions, definitions))
    resources: dict[ResourceName, Resource | None] = {}
    for name in (*definitions, *_of_changed_types(after, found)):
        yield
        definition = after.definitions.get(name)
        resources[name] = None if definition is None else resolved(definition, after)
    return replace(after, resources=with_changes(view.resources, resources))


def _put(records: dict, name: object, record: object | None) -> None:  # type: ignore[type-arg]
    if record is None:
        records.pop(name, None)
    else:
        records[name] = record


def _definition(view: View, given: Definition, operator: Operator) -> Definition:
    present = view.definitions.get(given.name)
    return replace(given, uid=operator.token if present is None else present.uid)


def _of_changed_types(after: View, found: tuple[FileChange, ...]) -> Iterator[ResourceName]:
    changed_types = {change.item[1] for change in found if change.item[0] == "type" and change.sort is ChangeSort.CHANGE}
    for definition in after.definitions.values() if changed_types else ():
        try:
            if any(record.name in changed_types for record in descent(definition.type, after.types)):
                yield definition.name
        except BadInput:
            continue  # its trial says so


# --- what is written ----------------------------------------------------------------------------------------------------


def _draft(view: View, after: View, found: tuple[FileChange, ...], operator: Operator) -> FileDraft:
    needed: dict[ResourceName, tuple[str, ...]] = {}
    reloading: list[ResourceName] = []
    for name, resource in after.resources.items():
        before = view.resources.get(name)
        if before is None or before is resource:
            continue
        known = replace(before, attributes=supported(before.attributes, resource.type, after))
        again = restarts(known, resource, after.types)
        needed |= {name: again} if again else {}
        if reloads(before, resource):
            reloading.append(name)
    gone = [ResourceName(change.item[1]) for change in found if change.item[0] == "resource" and change.sort is ChangeSort.REMOVE]
    return FileDraft(
        changes=found,
        before=view,
        after=after,
        edit=_edit(view, after, found, operator),
        restarts=needed,
        stopping=tuple(name for name in gone if may_be_running(view, name)),
        reloading=tuple(reloading),
    )


def _edit(view: View, after: View, found: tuple[FileChange, ...], operator: Operator) -> Edit:
    names: dict[str, list[str]] = {"type": [], "serverpool": [], "resource": []}
    for change in found:
        names[change.item[0]].append(change.item[1])
    resources = {ResourceName(name): after.definitions.get(ResourceName(name)) for name in names["resource"]}
    gone = [name for name, definition in resources.items() if definition is None]
    targets: dict[ResourceName, TargetRecord | None] = {name: None for name in gone if name in view.targets}
    for name, definition in resources.items():
        if definition is not None and name not in view.definitions and is_network(definition):
            targets[name] = TargetRecord(target=Target.ONLINE, by=operator.by, era=view.era)  # as `understudy network add`
    return Edit(
        types={TypeName(name): after.types.get(TypeName(name)) for name in names["type"]},
        pools={PoolName(name): after.pools.get(PoolName(name)) for name in names["serverpool"]},
        resources=resources,
        targets=targets,
        forgotten=tuple((name, server) for name in gone for server in view.reports.get(name, {})),
        history=tuple(entries_of(found).values()),
    )


_KINDS = {ChangeSort.ADD: events.DEFINED, ChangeSort.CHANGE: events.CHANGED, ChangeSort.REMOVE: events.DELETED}
_CALLED = {"type": "resource type", "serverpool": "server pool"}


def _entry(change: FileChange) -> HistoryEntry:
    section, name = change.item
    different = ", ".join(value.name for value in change.values) if change.sort is ChangeSort.CHANGE else ""
    if section == "resource":
        return HistoryEntry(kind=_KINDS[change.sort], resource=ResourceName(name), text=different)
    return HistoryEntry(kind=_KINDS[change.sort], text=f"{_CALLED[section]} '{name}'" + (f": {different}" if different else ""))


def entries_of(found: tuple[FileChange, ...]) -> dict[FileItem, HistoryEntry]:
    """The line of the history of each change."""
    return {change.item: _entry(change) for change in found}


def check_cluster(view: View, file: ClusterFile, what: str, *, other_cluster: bool) -> None:
    """Declined: the file says that it is of another cluster, or there is none yet."""
    if view.cluster is None:
        raise Declined(20709, what, "there is no cluster in this registry yet: the first server that joins makes it; try again then")
    if file.cluster and file.cluster != view.cluster.name and not other_cluster:
        raise Declined(20708, what, file.cluster, view.cluster.name)
