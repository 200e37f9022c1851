"""A file in several commits, where one does not hold it: in an order in which the cluster is a valid one after each. Pure.

All that fits goes into one. Otherwise what comes into being follows what it is made of and names, and what goes away goes after whatever
named it; what must come together (two that name each other) stays together. So does everything by which what runs may be placed
otherwise: of that a part could move something that the whole leaves where it is. Called by `daemon/verbs/clusterfile.py`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from understudy.errors import BadInput
from understudy.intent.clusterfile.changes import ChangeSort, FileChange, FileItem
from understudy.intent.clusterfile.draft import FileDraft, entries_of
from understudy.intent.clusterfile.trials import resolved
from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import may_be_running, registered
from understudy.intent.permitted import MOST_NAMED
from understudy.intent.refusal import Declined
from understudy.intent.resources import still_running
from understudy.intent.steps import InSteps
from understudy.model import events
from understudy.model.dependencies import targets
from understudy.model.maps import with_changes
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.resource import Resource
from understudy.model.types import descent
from understudy.model.view import TargetRecord, View
from understudy.policy.impact import is_placed_otherwise

FileNeeds = Mapping[FileItem, frozenset[FileItem]]
_PER_RECORD = 400
"""Bytes of a record besides its names and values: its key, its line of the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRoom:
    """How much one commit of the registry holds."""

    operations: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePiece:
    """One commit's part of a file."""

    items: frozenset[FileItem]
    edit: Edit
    moving: bool
    """Whether it may matter to what runs."""


def pieces_in_steps(draft: FileDraft, room: CommitRoom) -> InSteps[tuple[FilePiece, ...]]:
    """In the order in which they are to be written. Declined: what has to be written together is more than one commit holds."""
    items = tuple(change.item for change in draft.changes)
    sizes = _Sizes(draft)
    whole = _Packing(sizes, room)
    if whole.takes(items):
        return (_piece(sizes, whole, moving=True),)
    moving = frozenset(change.item for change in draft.changes if _moves(draft, change))
    found = [_Packing(sizes, room)]
    yield
    for together in components(items, _needs(draft, moving)):
        yield
        if found[-1].takes(together):
            continue
        found.append(_Packing(sizes, room))
        if not found[-1].takes(together):
            text = f"{len(together)} definitions of it have to change together, and one holds about {room.operations // 2}"
            raise Declined(20707, text, below=tuple(f"  {section}.{name}" for section, name in sorted(together)[:MOST_NAMED]))
    made: list[FilePiece] = []
    for packing in found:
        yield
        made += [_piece(sizes, packing, moving=not moving.isdisjoint(packing.items))] if packing.items else []
    return tuple(made)


def _moves(draft: FileDraft, change: FileChange) -> bool:
    """Whether it may be of consequence for what runs: every decision about places looks at pools and types."""
    section, name = change.item
    if section != "resource":
        return section == "serverpool" or change.sort is ChangeSort.CHANGE
    before, after = draft.before.resources.get(ResourceName(name)), draft.after.resources.get(ResourceName(name))
    if before is None or after is None:
        return name in draft.stopping
    return name in draft.restarts or is_placed_otherwise(before, after)


# --- how much it is -----------------------------------------------------------------------------------------------------


class _Sizes:
    """Operations and bytes of each item, and what it rests on."""

    def __init__(self, draft: FileDraft) -> None:
        self.draft = draft
        self._known = registered(draft.after)
        self.entries = entries_of(draft.changes)
        self._reports = Counter(name for name, _ in draft.edit.forgotten)

    def of(self, item: FileItem) -> tuple[int, int]:
        """Operations and bytes of what is written for it, its line of the history included."""
        section, name = item
        edit = self.draft.edit
        values: Mapping[str, str] = {}
        if section == "resource" and (definition := edit.resources[ResourceName(name)]) is not None:
            values = definition.attributes
        elif section == "type" and (record := edit.types[TypeName(name)]) is not None:
            values = {key: f"{value} {record.flags.get(key, '')}" for key, value in record.attributes.items()}
        more = self._reports[ResourceName(name)] + (name in edit.targets) if section == "resource" else 0
        size = sum(2 * len(key.encode()) + len(value.encode()) + 8 for key, value in values.items())
        return 2 + more, size + _PER_RECORD * (2 + more)

    def rests(self, item: FileItem, seen: Collection[ResourceName]) -> set[FileItem]:
        """What a definition was checked against, but for what leads there over those that were seen already."""
        section, name = item
        found: set[FileItem] = set()
        if section == "serverpool":
            pool = self.draft.after.pools.get(PoolName(name))
            found |= {("serverpool", parent) for parent in (() if pool is None else pool.parent_pools)}
        elif section == "type":
            found |= set(_lineage(self.draft.after, name))
        elif (resource := self.draft.after.resources.get(ResourceName(name))) is not None:
            found |= {*_lineage(self.draft.after, resource.type), *(("serverpool", pool) for pool in resource.server_pools)}
            found |= {("resource", other) for other in self._reached(resource, seen)}
        return {other for other in found - {item} if other[0] != "serverpool" or other[1] in self.draft.after.pools}

    def _reached(self, resource: Resource, seen: Collection[ResourceName]) -> set[ResourceName]:
        found: set[ResourceName] = set()
        waiting = [resource]
        while waiting:
            here = waiting.pop()
            for dependency in (*here.start, *here.stop):
                for name in targets(dependency, self._known):
                    if name not in found and name not in seen:
                        found.add(name)
                        waiting.append(self._known.resources[name])
        return found


def _lineage(view: View, type_name: str) -> Iterator[FileItem]:
    try:
        yield from (("type", record.name) for record in descent(TypeName(type_name), view.types) if record.name in view.types)
    except BadInput:
        return


class _Packing:
    """What is to go into one commit, and how much that is."""

    def __init__(self, sizes: _Sizes, room: CommitRoom) -> None:
        self._sizes, self._room = sizes, room
        self.items: dict[FileItem, None] = {}
        self.reached: set[FileItem] = set()
        """What they rest on, those among them included."""
        self._names: set[ResourceName] = set()
        self._operations = self._bytes = 0

    def takes(self, items: Iterable[FileItem]) -> bool:
        """Whether there is room for these as well; then they are in it. A commit has a condition for each key that it writes, and for each
        that these rest on."""
        given = dict.fromkeys(items)
        sizes = [self._sizes.of(item) for item in given]
        operations, size = self._operations + sum(each for each, _ in sizes), self._bytes + sum(each for _, each in sizes)
        if operations > self._room.operations or size > self._room.bytes:
            return False
        reached: set[FileItem] = set()
        for item in given:
            reached |= self._sizes.rests(item, self._names | {ResourceName(name) for section, name in reached if section == "resource"})
        written = {*self.items, *given}
        if operations + len({*self.reached, *reached} - written) > self._room.operations:
            return False
        self.items |= given
        self.reached |= reached
        self._names |= {ResourceName(name) for section, name in reached if section == "resource"}
        self._operations, self._bytes = operations, size
        return True


# --- what needs what ----------------------------------------------------------------------------------------------------


def _needs(draft: FileDraft, moving: frozenset[FileItem]) -> FileNeeds:
    """Of each item, those that may not come after it."""
    sorts = {change.item: change.sort for change in draft.changes}
    found: dict[FileItem, set[FileItem]] = {item: set() for item in sorts}
    for item, sort in sorts.items():
        if sort is not ChangeSort.REMOVE:
            found[item] |= {other for other in _made_of(draft.after, item) if other in sorts}
        if sort is not ChangeSort.ADD:
            for other in _made_of(draft.before, item):
                dropped = sorts.get(other) is ChangeSort.CHANGE and other[0] == "type"  # it may lose an attribute that this one had
                if other != item and (sorts.get(other) is ChangeSort.REMOVE or dropped):
                    found[other].add(item)
    together = sorted(moving)
    for here, there in zip(together, (*together[1:], *together[:1]), strict=True):
        found[here].add(there)
    return {item: frozenset(others - {item}) for item, others in found.items()}


def _made_of(view: View, item: FileItem) -> Iterator[FileItem]:
    """What it names, as it is in this View."""
    section, name = item
    if section == "serverpool":
        pool = view.pools.get(PoolName(name))
        yield from (("serverpool", parent) for parent in (() if pool is None else pool.parent_pools))
    elif section == "type":
        yield from (other for other in _lineage(view, name) if other != item)
    elif (resource := view.resources.get(ResourceName(name))) is not None:
        yield from _lineage(view, resource.type)
        yield from (("serverpool", pool) for pool in resource.server_pools)
        for dependency in (*resource.start, *resource.stop):
            if dependency.is_type:
                yield from _lineage(view, dependency.entity)
            else:
                yield ("resource", dependency.entity)


def components(items: Iterable[FileItem], needs: FileNeeds) -> tuple[tuple[FileItem, ...], ...]:
    """Items that lead to one another, in an order in which what is needed comes first (Tarjan, 1972; without recursion)."""
    number: dict[FileItem, int] = {}
    low: dict[FileItem, int] = {}
    on_stack: dict[FileItem, None] = {}
    found: list[tuple[FileItem, ...]] = []
    for root in items:
        ways = [] if root in number else [(root, iter(sorted(needs[root])))]
        while ways:
            here, ahead = ways[-1]
            if here not in number:
                number[here] = low[here] = len(number)
                on_stack[here] = None
            step = next((other for other in ahead if other not in number or other in on_stack), None)
            if step is None:
                ways.pop()
                if ways:
                    low[ways[-1][0]] = min(low[ways[-1][0]], low[here])
                if low[here] == number[here]:
                    found.append(_cut_off(on_stack, here))
            elif step in number:
                low[here] = min(low[here], number[step])
            else:
                ways.append((step, iter(sorted(needs[step]))))
    return tuple(found)


def _cut_off(stack: dict[FileItem, None], root: FileItem) -> tuple[FileItem, ...]:
    found: list[FileItem] = []
    while not found or found[-1] != root:
        found.append(stack.popitem()[0])
    return tuple(reversed(found))


# --- one of them --------------------------------------------------------------------------------------------------------


def _piece(sizes: _Sizes, packing: _Packing, *, moving: bool) -> FilePiece:
    edit, chosen = sizes.draft.edit, packing.items
    rests = sorted(packing.reached - set(chosen))
    made = Edit(
        types={TypeName(name): edit.types[TypeName(name)] for section, name in chosen if section == "type"},
        pools={PoolName(name): edit.pools[PoolName(name)] for section, name in chosen if section == "serverpool"},
        resources={ResourceName(name): edit.resources[ResourceName(name)] for section, name in chosen if section == "resource"},
        rests=Rests(
            types=tuple(TypeName(name) for section, name in rests if section == "type"),
            pools=tuple(PoolName(name) for section, name in rests if section == "serverpool"),
            resources=tuple(ResourceName(name) for section, name in rests if section == "resource"),
        ),
        history=tuple(sizes.entries[item] for item in chosen),
    )
    return FilePiece(items=frozenset(chosen), edit=made, moving=moving)


def edit_now(view: View, piece: FilePiece, draft: FileDraft, about: str = "") -> Edit:
    """A piece as it is written into this View: with what goes together with a resource that is removed, and with the line of history
    about the whole, if there is one. Declined: one of these may run."""
    edit = piece.edit
    gone = tuple(name for name, definition in edit.resources.items() if definition is None)
    for name in gone:
        if may_be_running(view, name):
            raise still_running(view, name)
    targets: dict[ResourceName, TargetRecord | None] = {name: None for name in gone if name in view.targets}
    targets |= {name: target for name, target in draft.edit.targets.items() if target is not None and name in edit.resources}
    whole = (HistoryEntry(kind=events.APPLIED, text=about),) if about else ()
    return replace(
        edit,
        history=(*whole, *edit.history),
        targets=targets,
        forgotten=tuple((name, server) for name in gone for server in view.reports.get(name, {})),
        rests=replace(edit.rests, assignments=gone),
    )


def changed_meanwhile(draft: FileDraft, piece: FilePiece, view: View, done: Collection[FileItem]) -> FileItem | None:
    """The first thing of a piece, or of what it rests on, that somebody else has changed since the plan was made; None: nothing.
    `done`: what earlier pieces have written."""
    rests = piece.edit.rests
    around: list[FileItem] = [("type", name) for name in rests.types] + [("serverpool", name) for name in rests.pools]
    around += [("resource", name) for name in rests.resources]
    for item in (*sorted(piece.items), *around):
        if _record(view, item) != _record(draft.after if item in done else draft.before, item):
            return item
    return None


def _record(view: View, item: FileItem) -> object:
    section, name = item
    if section == "type":
        return view.types.get(TypeName(name))
    return view.pools.get(PoolName(name)) if section == "serverpool" else view.definitions.get(ResourceName(name))


def is_written(draft: FileDraft, piece: FilePiece, view: View) -> bool:
    """Whether all of a piece is in the View."""
    return all(_record(view, item) == _record(draft.after, item) for item in piece.items)


def of_piece(view: View, piece: FilePiece) -> frozenset[ResourceName]:
    """The resources that it is about: also those of a type that it changes."""
    types = piece.edit.types
    of_types = (name for name, resource in view.resources.items() if any(kind in types for kind in resource.lineage)) if types else ()
    return frozenset((*piece.edit.resources, *of_types))


def with_piece(view: View, piece: FilePiece) -> View:
    """The View in which it is written."""
    edit = piece.edit
    after = replace(
        view,
        types={name: record for name, record in {**view.types, **edit.types}.items() if record is not None},
        pools={name: pool for name, pool in {**view.pools, **edit.pools}.items() if pool is not None},
        definitions=with_changes(view.definitions, edit.resources),
    )
    definitions = {name: after.definitions.get(name) for name in sorted(of_piece(view, piece))}
    resources = {name: None if definition is None else resolved(definition, after) for name, definition in definitions.items()}
    return replace(after, resources=with_changes(view.resources, resources))
