"""`understudy cluster restore`: a backup is said again, into a new registry or into one that lives.

Shown first, then written in this order, each step on condition that nobody came in between: a new era with its epoch floor; types, pools
and resources; and, once every server has looked at these, TARGETs. Interrupted, the same command goes on: what is there already is not
written again. What may be written is `intent/backup.py`'s, what is shown `intent/restoring.py`'s.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from understudy.daemon.text.columns import columns
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.packed import unpacked
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent.backup import (
    Backup,
    Definitions,
    check_cluster,
    definitions,
    edits,
    new_era,
    targets,
    targets_edit,
)
from understudy.intent.edit import Edit
from understudy.intent.restoring import RestoreRow, after_of, rows, stops, troubles
from understudy.model.messages import words
from understudy.model.names import ResourceName
from understudy.model.state import Life
from understudy.model.view import View
from understudy.registry.backup import LARGEST, decode

MOST_RECORDS = 40
"""Of definitions in one commit: with the longest attributes they fit, and so does what a small registry allows."""
NOTICED_S = 10.0
"""How long a registry that has just gone back may take to begin its own new era."""
LOOKED_S, RECOVERED_S = 30.0, 60.0
"""How long the looks at what is new, and the end of the recovery, are waited for; both go on without the command."""


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        backup = decode(unpacked(arguments, LARGEST, "backup"))
    except BadInput as error:
        world.say(20350, error)
        return 1
    view = await _settled(world)
    restore = _Restore(world, backup, overwrite=arguments.flag("overwrite"))
    try:
        check_cluster(view, backup, other_cluster=arguments.flag("other_cluster"))
        plan = restore.plan(view)
        world.output.out(_heading(backup))
        if plan.rows:
            world.output.out(columns([(row.step.value, row.what, row.name, row.text) for row in plan.rows]))
        restore.check(plan, force=arguments.flag("force"))
    except BadInput as error:
        world.refuse(error)
        return 1
    if arguments.flag("dry_run"):
        for text in plan.stops:
            world.output.out(text)
        world.output.out("nothing was changed")
        return 0
    if not plan.changes:
        world.output.out("everything that the backup holds is there: there is nothing to restore")
        return 0
    return await restore.carry_out()


def _heading(backup: Backup) -> str:
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(backup.made))
    old = f", from a reading {backup.read_s_ago:g} s old" if backup.read_s_ago else ""
    return f"backup of cluster {backup.intent.cluster.name}, made {made} by {backup.made_by} at revision {backup.revision}{old}"


async def _settled(world: CommandContext) -> View:
    """A View that may be written to: a registry that went back first begins its era."""
    view = await world.mirror.refresh()
    until = world.clock.monotonic() + NOTICED_S
    while (view.set_back or view.cluster is None) and (left := until - world.clock.monotonic()) > 0:
        view = await world.mirror.wait(view.revision, left)
    return view


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is shown before anything is done."""

    rows: tuple[RestoreRow, ...]
    troubles: tuple[str, ...]
    stops: tuple[str, ...]
    changes: bool


class _Restore:
    """One backup, into one registry."""

    def __init__(self, world: CommandContext, backup: Backup, *, overwrite: bool) -> None:
        self._world, self._backup, self._overwrite = world, backup, overwrite
        self._uids = {name: world.token() for name in backup.intent.definitions}

    def definitions(self, view: View) -> Definitions:
        """Those that are to be written."""
        return definitions(view, self._backup.intent, overwrite=self._overwrite, uids=self._uids)

    def plan(self, view: View) -> _Plan:
        """What is to be shown."""
        found = self.definitions(view)
        after = after_of(view, found)
        written = targets(after, self._backup.intent, overwrite=self._overwrite, by=self._world.by)
        return _Plan(
            rows=rows(view, self._backup, found, written),
            troubles=troubles(view, after, found),
            stops=stops(view, after, written),
            changes=bool(found.types or found.categories or found.servers or found.pools or found.resources or written),
        )

    @staticmethod
    def check(plan: _Plan, *, force: bool) -> None:
        """BadInput: something cannot be registered, or (unless forced) something that runs would stop."""
        if plan.troubles:
            raise BadInput("\n  ".join((words(20351), *plan.troubles)), code=20351)
        if plan.stops and not force:
            raise BadInput("\n  ".join((words(20352), *plan.stops)), code=20352)

    async def carry_out(self) -> int:
        """Write it, step by step; the exit status."""
        world, backup = self._world, self._backup
        branch = int(world.token()[:16], 16) >> 1
        try:
            await write(world, lambda view: new_era(view, backup, branch=branch, wall=world.clock.wall()))
            first = self.definitions(world.mirror.view)
            for edit in edits(first, most=MOST_RECORDS):
                await write(world, _still_missing(edit, self.definitions))
            await self._looked(tuple(first.resources))
            await write(world, lambda view: targets_edit(targets(view, backup.intent, overwrite=self._overwrite, by=world.by)))
        except BadInput as error:
            world.refuse(error)
            world.say(20356)
            return 1
        return await self._until_recovered()

    async def _looked(self, names: tuple[ResourceName, ...]) -> None:
        """Until every server has looked at what is new: only then it is known what of it runs, and its TARGET may be said."""
        await self._until(LOOKED_S, lambda view: not any(self._unlooked(view, name) for name in names))

    @staticmethod
    def _unlooked(view: View, name: ResourceName) -> bool:
        resource = view.resources.get(name)
        present = [record for record in view.present().values() if record.life is Life.ONLINE]
        return resource is not None and not all(
            view.looked(record.server, record.incarnation, resource) or view.could_not_tell(record.server, record.incarnation, resource)
            for record in present
        )

    async def _until_recovered(self) -> int:
        done = await self._until(RECOVERED_S, lambda view: not view.recovering)
        self._world.say(20355 if done else 20358)
        return 0

    async def _until(self, within_s: float, met: Callable[[View], bool]) -> bool:
        world, until = self._world, self._world.clock.monotonic() + within_s
        view = world.mirror.view
        while not met(view) and (left := until - world.clock.monotonic()) > 0:
            view = await world.mirror.wait(view.revision, left)
        return met(view)


def _still_missing(edit: Edit, decide: Callable[[View], Definitions]) -> Callable[[View], Edit]:
    """Of an edit, what is to be written now: somebody may have come in between."""

    def of_now(view: View) -> Edit:
        found = decide(view)
        return Edit(
            types={name: record for name, record in found.types.items() if name in edit.types},
            categories={name: record for name, record in found.categories.items() if name in edit.categories},
            servers={name: record for name, record in found.servers.items() if name in edit.servers},
            pools={name: record for name, record in found.pools.items() if name in edit.pools},
            resources={name: record for name, record in found.resources.items() if name in edit.resources},
            history=tuple(entry for entry in edit.history if entry.resource in found.resources),
        )

    return of_now
