"""A backup as a value, and what a restore makes of it: what is written, what is kept, what it would do to what runs. Pure.

A restore adds what is missing; what differs it sets back only if that is asked for; it deletes nothing. Assignments are never restored:
a new era begins, in which it is found out where everything runs, and every epoch from then on is above all that were ever given. Called by
`daemon/verbs/restore.py` and by the simulator's operators; `registry/backup.py` has the file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from understudy.errors import BadInput
from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import may_be_running
from understudy.intent.whole import Intent
from understudy.model import events
from understudy.model.cardinality import highest_epoch
from understudy.model.categories import OF_HARDWARE
from understudy.model.names import CategoryName, PoolName, ResourceName, ServerName, TypeName, registered_name
from understudy.model.servers import ServerCategory, ServerRecord
from understudy.model.state import Target
from understudy.model.view import ClusterRecord, Definition, Pool, TargetRecord, TypeRecord, View

Name = TypeVar("Name", bound=str)
Stored = TypeVar("Stored")
EPOCHS_APART = 1_000_000
"""So far above everything that is known epochs go on where the clock is no help; see `floor_of`."""
CLOCKS_APART_MS = 60_000
"""By so much the clocks of two servers may differ that both are of help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What is needed after the loss of everything."""

    intent: Intent
    epochs: Mapping[ResourceName, int] = field(default_factory=dict)
    """The highest of each resource that the cluster knew, guards included."""
    made: float = 0.0
    """Seconds since 1970, on the clock of the server where it was made."""
    made_by: str = ""
    """User and server."""
    revision: int = 0
    """Of the registry that was read."""
    read_s_ago: float = 0.0
    """How old that reading was: 0 while the registry answers."""


def epochs_of(view: View) -> dict[ResourceName, int]:
    """The highest epoch of each resource that registry or guards know."""
    found = {name: highest_epoch(view, name) for name in map(registered_name, view.assignments)}
    for look in view.looks.values():
        for name, epoch in look.epochs.items():
            found[name] = max(epoch, found.get(name, 0))
    return found


def floor_of(view: View, backup: Backup, wall: float) -> int:
    """Above everything that the backup, the registry or any guard knows, and above what nobody knows any more but the data that is guarded
    by it (`_CRS_EPOCH`): what was given after the backup was made, also after an earlier restore of it. So it is the time, in milliseconds
    since 1970 (versions before took seconds, which are below that): nothing is given a new epoch every millisecond for long.

    Where that is no more than is known by a little, somebody has restored a moment ago, perhaps on a server whose clock is ahead: then one
    above what is known, for a step would lead epochs away from the time, and after the loss of everything those would be given once more
    that were given before it. A clock that is further behind is wrong; then it is much more than is known."""
    guards = (look.floor for look in view.looks.values())
    floors = (view.epoch_floor, backup.intent.cluster.epoch_floor, *guards)
    known = max((*floors, *epochs_of(view).values(), *backup.epochs.values()))
    now_ms = int(wall * 1000)
    if now_ms > known:
        return now_ms
    return known + (1 if known - now_ms <= CLOCKS_APART_MS else EPOCHS_APART)


def new_era(view: View, backup: Backup, *, branch: int, wall: float) -> Edit:
    """What a restore writes first. From then on no assignment counts until it is confirmed by what runs (docs/design/0005). `branch`: 63
    random bits; `wall`: seconds since 1970."""
    assert view.cluster is not None, "nothing is restored before the cluster's record is there"
    era = 1 + max(view.era, backup.intent.cluster.era)
    record: ClusterRecord = replace(view.cluster, era=era, branch=branch, recovering=True, epoch_floor=floor_of(view, backup, wall))
    entry = HistoryEntry(kind=events.RESTORED, text=f"backup of revision {backup.revision}, made by {backup.made_by}")
    return Edit(cluster=record, history=(entry,))


# --- definitions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Types, categories, pools and resources that are to be written, by name."""

    types: Mapping[TypeName, TypeRecord] = field(default_factory=dict)
    categories: Mapping[CategoryName, ServerCategory] = field(default_factory=dict)
    pools: Mapping[PoolName, Pool] = field(default_factory=dict)
    resources: Mapping[ResourceName, Definition] = field(default_factory=dict)
    servers: Mapping[ServerName, ServerRecord] = field(default_factory=dict)
    """With what operators had said of them."""


def definitions(view: View, intent: Intent, *, overwrite: bool, uids: Mapping[ResourceName, str]) -> Definitions:
    """What is missing; with `overwrite` also what differs. `uids`: the identity that each new definition gets."""

    def wanted(present: object, stored: object) -> bool:
        return present is None or (overwrite and present != stored)

    resources = {}
    for name, stored in intent.definitions.items():
        present = view.definitions.get(name)
        known = replace(stored, uid=uids[name] if present is None else present.uid)
        if wanted(present, known):
            resources[name] = known
    return Definitions(
        types={name: stored for name, stored in intent.types.items() if wanted(view.types.get(name), stored)},
        categories={name: stored for name, stored in intent.categories.items() if wanted(view.categories.get(name), stored)},
        servers=_servers(view, intent, overwrite=overwrite),
        pools={name: stored for name, stored in intent.pools.items() if wanted(view.pools.get(name), stored)},
        resources=resources,
    )


def _servers(view: View, intent: Intent, *, overwrite: bool) -> dict[ServerName, ServerRecord]:
    """Records of servers that are there, with what operators had said of them; what a server's hardware is, it says itself."""
    found = {}
    for name, said in intent.attributes.items():
        record = view.servers.get(name)
        own = {key: value for key, value in said.items() if key not in OF_HARDWARE}
        kept = {} if record is None else {**record.attributes, **own} if overwrite else {**own, **record.attributes}
        if record is not None and kept != record.attributes:
            found[name] = replace(record, attributes=kept)
    return found


def edits(found: Definitions, *, most: int) -> tuple[Edit, ...]:
    """Edits of at most so many records, in their order: what others are made of comes first."""
    return (
        *(Edit(types=part) for part in _parts(found.types, most)),
        *(Edit(servers=part) for part in _parts(found.servers, most)),
        *(Edit(categories=part) for part in _parts(found.categories, most)),
        *(Edit(pools=part) for part in _parts(found.pools, most)),
        *(Edit(resources=part, history=_defined(part)) for part in _parts(found.resources, most)),
    )


def _parts(records: Mapping[Name, Stored], most: int) -> list[dict[Name, Stored]]:
    items = list(records.items())
    return [dict(items[start : start + most]) for start in range(0, len(items), most)]


def _defined(names: Iterable[ResourceName]) -> tuple[HistoryEntry, ...]:
    return tuple(HistoryEntry(kind=events.DEFINED, resource=name, text="restored") for name in names)


# --- TARGETs --------------------------------------------------------------------------------------------------------


def targets(view: View, intent: Intent, *, overwrite: bool, by: str) -> dict[ResourceName, TargetRecord]:
    """TARGETs that are to be written. What was said since stays, and what runs although it was OFFLINE when the backup was made goes on
    running, unless these too are to be as they were (`overwrite`)."""
    found = {}
    for name, stored in intent.targets.items():
        present = view.targets.get(name)
        if name not in view.definitions or (present is not None and (is_same_wish(present, stored) or not overwrite)):
            continue
        down = stored.target is Target.OFFLINE and not (stored.otherwise or stored.numbers)
        stays = down and not overwrite and may_be_running(view, name)
        found[name] = replace(stored, target=Target.ONLINE if stays else stored.target, by=by, era=view.era)
    return found


def is_same_wish(present: TargetRecord, other: TargetRecord) -> bool:
    """Whether both want the same on every server, whoever said so."""
    return (present.target, present.otherwise, present.numbers) == (other.target, other.otherwise, other.numbers)


def targets_edit(written: Mapping[ResourceName, TargetRecord]) -> Edit:
    """What writes them."""
    entries = tuple(HistoryEntry(kind=events.TARGET_SET, resource=name, text=record.target.value) for name, record in written.items())
    return Edit(targets=written, history=entries)


# --- what is shown before it is done --------------------------------------------------------------------------------


def check_cluster(view: View, backup: Backup, *, other_cluster: bool) -> ClusterRecord:
    """The cluster's own record. BadInput: there is none yet, or the backup is of another cluster."""
    if view.cluster is None:
        raise BadInput("there is no cluster in this registry yet: the first server that joins makes it; try again then")
    if backup.intent.cluster.name != view.cluster.name and not other_cluster:
        there, here = backup.intent.cluster.name, view.cluster.name
        raise BadInput(f"it is of cluster '{there}', and this is cluster '{here}'; if that is meant, say --other-cluster")
    return view.cluster
