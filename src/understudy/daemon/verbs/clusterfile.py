"""`understudy export`, `plan` and `apply`: the cluster as a file. `intent/clusterfile/` decides.

A file is applied in one commit if one holds it, else in as many as it takes. Before the first everything is checked, by the checks of the
single commands; each commit is made on condition that nobody else has changed what it is about since. Interrupted, the same command does
what is left.
"""

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

import understudy
from understudy.daemon.shown.predicted import prediction_json
from understudy.daemon.text.changes import changes_json, changes_text
from understudy.daemon.text.timeline import timeline
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.change import carry_out
from understudy.daemon.verbs.edge import check_acl, check_address, check_script
from understudy.daemon.verbs.packed import unpacked
from understudy.daemon.verbs.rehearse import outcome_of, say_hidden
from understudy.daemon.verbs.stop import stop
from understudy.daemon.verbs.tried import tried
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput, UnderstudyError
from understudy.intent.change import Draft
from understudy.intent.clusterfile.changes import ChangeSort, FileItem
from understudy.intent.clusterfile.document import Troubles, document_in_steps, key_of, read_in_steps
from understudy.intent.clusterfile.draft import ApplyCommand, FileDraft, check_cluster, draft_in_steps
from understudy.intent.clusterfile.pieces import (
    CommitRoom,
    FilePiece,
    changed_meanwhile,
    edit_now,
    is_written,
    of_piece,
    pieces_in_steps,
    with_piece,
)
from understudy.intent.clusterfile.toml import lines
from understudy.intent.clusterfile.whole import file_of
from understudy.intent.edit import Edit
from understudy.intent.facts import may_be_running
from understudy.intent.permitted import check_permitted
from understudy.intent.refusal import Declined
from understudy.intent.resources import still_running
from understudy.intent.steps import InSteps
from understudy.intent.visible import definitions_shown
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import View
from understudy.registry.commits import BOUND

SCHEMA = Path(understudy.__file__).parent / "intent/clusterfile/cluster.schema.json"
"""For editors; the first line of an export names it."""
LARGEST, LARGEST_OF_OTHERS = 16 << 20, 1 << 20
"""Bytes of a file, as the client sends it: of root, and of users other than root."""
ROOM = CommitRoom(operations=BOUND.operations - 2, bytes=BOUND.bytes * 9 // 10)
"""Less what every commit rests on, the line of history about the whole, and what the values take besides what is counted."""
MOST_LEFT = 20
"""Names that are shown of what a file leaves out."""
CHANGES = 2
"""The exit status of a plan by which something would change."""
HEAD = """#:schema {}
# The cluster as a file: its resource types, server pools and resources, as they are registered. Made by understudy export.
# What is not given has its default. What runs, and what is wanted to run, does not stand here: that is what start and stop are for.
# understudy plan FILE shows what another version of this file would change; understudy apply FILE makes the cluster so.
"""
Answer = TypeVar("Answer")


# --- export -----------------------------------------------------------------------------------------------------------


async def export(world: CommandContext, arguments: Arguments) -> int:
    """Print it; its exit status."""
    view = definitions_shown(world.mirror.view, world.caller.who)
    file = file_of(view, world.settings.cluster if view.cluster is None else view.cluster.name)
    document = await _in_turns(world, document_in_steps(file))
    if arguments.flag("json"):
        world.output.out(json.dumps(document))
        return 0
    text = [HEAD.format(SCHEMA)]
    for row in lines(document):
        text.append(row)
        await world.turn.next()
    world.output.out("\n".join(text).rstrip("\n"))
    return 0


# --- apply ------------------------------------------------------------------------------------------------------------


async def apply(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    return await tried(world, "", _apply(world, arguments))


async def _apply(world: CommandContext, arguments: Arguments) -> bool:
    command = await _command(world, arguments)
    draft = await _drafted(world, command, other_cluster=arguments.flag("other_cluster"))
    if not draft.changes:
        world.say(20701, command.what)
        return True
    await _check_edge(world, command, draft)
    check_permitted(world.mirror.view, draft.edit, world.caller.who)  # before anything is stopped for it
    if (moved := draft.disturbed()) and not command.force:
        raise Declined(20703, command.what, below=tuple(f"  {text}" for text in moved))
    several = await _in_turns(world, pieces_in_steps(draft, ROOM))
    world.output.out(changes_text(draft.changes, draft.after))
    well = await _write_all(world, _Applying(command, draft), several)
    if not is_written(draft, several[-1], world.mirror.view):
        world.say(20715, command.what)
        return False
    world.say(20700, *_counts(draft))
    for name in draft.reloading:
        world.check(name)
    new = [name for name in draft.named("resource", ChangeSort.ADD) if name not in draft.edit.targets]
    if new:
        world.say(20713, " ".join(new[:MOST_LEFT]) + (" ..." if len(new) > MOST_LEFT else ""))
    return well


def _counts(draft: FileDraft) -> tuple[int, int, int]:
    return draft.count(ChangeSort.ADD), draft.count(ChangeSort.CHANGE), draft.count(ChangeSort.REMOVE)


async def _command(world: CommandContext, arguments: Arguments) -> ApplyCommand:
    what = arguments.one_name("file")
    try:
        text = unpacked(arguments, LARGEST if world.caller.who.root else LARGEST_OF_OTHERS, "cluster file")
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Declined(20709, what, error) from None
    file = await _in_turns(world, read_in_steps(document, what))
    return ApplyCommand(what=what, file=file, prune=arguments.flag("prune"), force=arguments.flag("force"))


async def _drafted(world: CommandContext, command: ApplyCommand, *, other_cluster: bool) -> FileDraft:
    view = await world.mirror.refresh()
    check_cluster(view, command.file, command.what, other_cluster=other_cluster)
    return await _in_turns(world, draft_in_steps(view, command, world.operator(), world.caller.who))


async def _in_turns(world: CommandContext, steps: InSteps[Answer]) -> Answer:
    """What takes long leaves the daemon's other work its turns."""
    await world.turn.begin()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        await world.turn.next()


async def _check_edge(world: CommandContext, command: ApplyCommand, draft: FileDraft) -> None:
    """What the machine and the network say of what is new: users, scripts, addresses. Each is asked once. Declined, with all of them."""
    troubles, asked = Troubles(), set[object]()

    async def ask(key: str, question: object, work: functools.partial) -> None:  # type: ignore[type-arg]
        if question not in asked:
            asked.add(question)
            try:
                await work()
            except BadInput as error:
                troubles.refused(key, error)

    for key, acl, before in _acls(draft):
        await ask(key, (acl, before), functools.partial(check_acl, world, acl, before))
    for name, resource, known in _changed_resources(draft):
        key = key_of("resource", name)
        if not command.force and (known is None or (_files(known), known.user) != (_files(resource), resource.user)):
            await ask(key, (_files(resource), resource.user), functools.partial(check_script, world, draft.after, resource))
        if known is None or known.kind.address(known) != resource.kind.address(resource):
            await ask(key, name, functools.partial(check_address, world, draft.after, resource))
        await world.turn.next()
    troubles.raise_any(command.what)


def _files(resource: Resource) -> tuple[tuple[str, str], ...]:
    return tuple(resource.kind.files(resource))


def _changed_resources(draft: FileDraft) -> list[tuple[ResourceName, Resource, Resource | None]]:
    names = (ResourceName(change.item[1]) for change in draft.changes if change.item[0] == "resource")
    return [(name, draft.after.resources[name], draft.before.resources.get(name)) for name in names if name in draft.after.resources]


def _acls(draft: FileDraft) -> list[tuple[str, str, str]]:
    """The access lists that are new or changed: key, list, and the one before."""
    found: list[tuple[str, str, str]] = []
    for change in draft.changes:
        for value in change.values:
            if value.name == "ACL" and value.after:
                found.append((f"{key_of(*change.item)}.ACL", value.after, value.before or ""))
    return found


# --- writing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Applying:
    """What is carried out."""

    command: ApplyCommand
    draft: FileDraft

    def now(self, view: View, piece: FilePiece, done: Collection[FileItem]) -> Draft:
        """One piece, decided again from the present View. Declined: somebody else has changed what it is about."""
        if (item := changed_meanwhile(self.draft, piece, view, done)) is not None:
            raise Declined(20705, key_of(*item))
        text = "" if done else "{}: {} added, {} changed, {} removed".format(self.command.what, *_counts(self.draft))
        edit = edit_now(view, piece, self.draft, text)
        return Draft(edit=edit, after=with_piece(view, piece), restarting=self.draft.restarting(view, of_piece(view, piece)))


async def _write_all(world: CommandContext, applying: _Applying, several: tuple[FilePiece, ...]) -> bool:
    draft, well = applying.draft, True
    if draft.stopping and not await stop(world, draft.stopping, force=True):
        view = world.mirror.view
        raise still_running(view, next((name for name in draft.stopping if may_be_running(view, name)), draft.stopping[0]))
    done: set[FileItem] = set()
    for number, piece in enumerate(several, 1):
        decide = functools.partial(applying.now, piece=piece, done=frozenset(done))
        try:
            if piece.moving:
                well = await carry_out(world, applying.command.what, decide, force=applying.command.force) and well
                if not is_written(draft, piece, world.mirror.view):
                    return False  # what had to be stopped for it did not stop
            else:
                await write(world, functools.partial(_edit_of, decide))
        except UnderstudyError:
            if done:
                world.say(20706, len(several), number - 1)
            raise
        done |= piece.items
        if len(several) > 1:
            world.progress([f"commit {number} of {len(several)}: {len(piece.items)} definitions"])
        await world.turn.next()
    return well


def _edit_of(decide: "functools.partial[Draft]", view: View) -> Edit:
    return decide(view).edit


# --- plan -------------------------------------------------------------------------------------------------------------


async def plan(world: CommandContext, arguments: Arguments) -> int:
    """What would be changed, and what would come of that; nothing is. 0: nothing; 2: something; 1: it is refused."""
    try:
        command = await _command(world, arguments)
        draft = await _drafted(world, command, other_cluster=arguments.flag("other_cluster"))
    except BadInput as error:
        if arguments.flag("json"):
            world.output.out(json.dumps({"exit": 1, "refused": str(error), "changes": []}))
        else:
            world.refuse(error)
        return 1
    forced = Arguments({**arguments.body, "force": True})
    outcome = await outcome_of(apply, world, forced)
    status = (CHANGES if draft.changes else 0) if not outcome.status else outcome.status
    moved = draft.disturbed()
    if arguments.flag("json"):
        said = [text for _, text in outcome.lines.lines]
        whole = {"exit": status, "changes": changes_json(draft.changes), "needs_force": bool(moved), "impact": moved, "messages": said}
        world.output.out(json.dumps({**whole, **prediction_json(outcome.seen)}))
        return status
    _show(world, command, draft, moved)
    if outcome.status:
        for _, text in outcome.lines.lines:
            world.output.out(text)
    elif draft.changes:
        world.output.out(f"\n{timeline(outcome.seen)}\n")
        say_hidden(world, outcome)
        options = {"--prune": command.prune, "--other-cluster": arguments.flag("other_cluster"), "-f": bool(moved) or command.force}
        world.say(20711, *_counts(draft), " ".join(("understudy apply", command.what, *(word for word, given in options.items() if given))))
    return status


def _show(world: CommandContext, command: ApplyCommand, draft: FileDraft, moved: tuple[str, ...]) -> None:
    """What differs, what of that needs to be insisted on, and what the file leaves alone."""
    if draft.changes:
        world.output.out(changes_text(draft.changes, draft.after))
    else:
        world.say(20701, command.what)
    if moved:
        world.say(20704)
        world.output.out("\n".join(f"  {text}" for text in moved))
    if draft.left:
        names = [key_of(*item) for item in draft.left[:MOST_LEFT]]
        world.say(20712, command.what, " ".join(names) + (" ..." if len(draft.left) > MOST_LEFT else ""))
