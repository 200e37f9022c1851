"""`crsctl relocate resource`: one request for each group that is to move; a move leaves no constraint behind. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.intent.edit import Edit, Rests
from understudy.intent.facts import find, groups_of, may_be_running, running_on
from understudy.intent.instances import on_server
from understudy.intent.operator import Operator
from understudy.intent.places import check_may_follow, check_place, check_server
from understudy.intent.refusal import Declined
from understudy.intent.start import refused_by
from understudy.intent.stop import OnServer, running_there
from understudy.model.cardinality import apart
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import Request, View
from understudy.policy.eligibility import group_standings
from understudy.policy.ground import Ground, survey


@dataclass(frozen=True, slots=True, kw_only=True)
class RelocateCommand:
    """What shall be moved, and where (None: to the best other server)."""

    names: tuple[ResourceName, ...]
    server: ServerName | None = None
    force: bool = False
    """Others of their groups may move with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocating:
    """What a relocation writes, and whom it is about."""

    edit: Edit
    names: tuple[ResourceName, ...]
    """Everything that moves."""
    owners: Mapping[ResourceName, Incarnation]
    """Who has it now."""


def relocate(view: View, command: RelocateCommand, operator: Operator) -> Relocating:
    """What is to be written. Declined when others would have to move, unless forced, or when nothing may run it elsewhere."""
    view = apart(view)
    member_of = groups_of(view)
    groups = sorted({_movable(view, name, member_of) for name in command.names})
    if command.server is not None:
        check_server(view, operator.settings, command.server)
    ground = survey(view)
    for group in groups:
        _check(ground, group, command)
    moving = tuple(name for group in groups for name in group)
    requests = tuple(
        Request(id=f"{operator.token}-{number:04d}", verb="relocate", resources=group, server=command.server, by=operator.by)
        for number, group in enumerate(groups, 1)
    )
    held = ((name, view.assignments[name].owner) for name in moving if name in view.assignments)
    owners = {name: owner.incarnation for name, owner in held if owner is not None}
    return Relocating(edit=Edit(requests=requests, rests=Rests(resources=moving, targets=moving)), names=moving, owners=owners)


def relocate_from(view: View, names: tuple[ResourceName, ...], server: ServerName, *, named: bool) -> OnServer:
    """What `relocate -s` means: of what is `named` each must run there, if it runs; of what a filter chose, that which does."""
    if named:
        return running_there(view, names, server)
    moving = [name for name in names if not view.resources[name].local]
    several = [name for name in moving if view.resources[name].several]
    single = (name for name in moving if name not in several and running_on(view, name) == server)
    return OnServer(names=(*single, *(instance for name in several for instance in on_server(view, name, server))))


def _movable(view: View, name: ResourceName, member_of: Mapping[ResourceName, tuple[ResourceName, ...]]) -> tuple[ResourceName, ...]:
    """The members of its group that are wanted; refuses what cannot be moved at all."""
    resource = find(view, name)
    if resource.local:
        raise Declined(2904, name)
    if not may_be_running(view, name) or view.target(name) is not Target.ONLINE:
        raise Declined(2562, name)
    return tuple(member for member in member_of[name] if view.target(member) is Target.ONLINE)


def _check(ground: Ground, group: tuple[ResourceName, ...], command: RelocateCommand) -> None:
    view = ground.view
    asked = next(name for name in command.names if name in group)
    others = [name for name in group if name not in command.names]
    if command.server is not None and all(running_on(view, name) == command.server for name in group):
        raise Declined(5702, asked, command.server)
    if others and not command.force:
        raise Declined(2529, asked, others[0])
    for name in others:
        check_may_follow(view, name, asked)
    if command.server is not None:
        check_place(ground, group, command.server)
    else:
        home = running_on(view, asked)
        if not any(standing.admitted and standing.server != home for standing in group_standings(ground, group)):
            raise Declined(2632, asked, below=refused_by(view, asked))
