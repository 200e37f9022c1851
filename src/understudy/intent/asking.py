"""`crsctl request action`: a custom action of resources, asked for where they run. Pure.

What is written stands with the TARGET: the server that runs the resource sees it there, runs it once, and reports what came of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.intent.edit import Edit, Rests
from understudy.intent.facts import find, running_places
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.rights import Identity
from understudy.intent.targets import wanted_on
from understudy.model.custom import AskedAction, AskedAnswer, custom_actions
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import State, Target
from understudy.model.view import View

_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_RESERVED = "_CRS_"
LONGEST_ENVIRONMENT = 2048
"""Bytes of what -env gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCommand:
    """What shall be run, and of whom."""

    action: str
    names: tuple[ResourceName, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is written for it."""

    edit: Edit
    id: str
    places: Mapping[ResourceName, tuple[ServerName, ...]]
    """Where each is run: of a local resource, everywhere where it runs."""


def ask(view: View, command: AskCommand, operator: Operator, who: Identity) -> Asking:
    """Declined if one of them has no such action, does not run, or gives it to others alone."""
    places = {name: _places(view, name, command.action, who) for name in command.names}
    for name in command.names if command.environment else ():
        if not who.root and who.user != (owner := view.resources[name].user):  # variables decide what a script does as its owner
            raise Declined(20547, who.user, name, owner)
    asked = AskedAction(id=operator.token, name=command.action, by=operator.by, environment=dict(command.environment))
    targets = {name: replace(view.targets[name], action=asked) for name in command.names}
    return Asking(edit=Edit(targets=targets, rests=Rests(resources=command.names)), id=asked.id, places=places)


def _places(view: View, name: ResourceName, action: str, who: Identity) -> tuple[ServerName, ...]:
    resource = find(view, name)
    known = custom_actions(resource.attributes.get("ACTIONS", ""))
    if (custom := known.get(action)) is None:
        raise Declined(20541, name, action, f"its ACTIONS are {' '.join(known)}" if known else "its ACTIONS are empty")
    own = who.root or who.user in custom.users or bool(custom.groups & (who.groups or frozenset()))
    if (custom.users or custom.groups) and not own:
        raise Declined(20542, who.user, action, name, ", ".join(sorted({*custom.users, *custom.groups})))
    if not wanted_on(view, name) if resource.local else view.target(name) is not Target.ONLINE:
        raise Declined(20543, action, name, "its TARGET is OFFLINE")
    if resource.local:
        reports = ((server, view.report(name, server)) for server in sorted(wanted_on(view, name)))
        places = tuple(server for server, report in reports if report is not None and report.state in (State.ONLINE, State.INTERMEDIATE))
    else:
        places = running_places(view, name)
    if not places:
        raise Declined(20543, action, name, "it does not run")
    return places


def answered(view: View, name: ResourceName, server: ServerName, asked: str) -> AskedAnswer | None:
    """What came of it there; None: nothing is reported yet."""
    report = view.reports.get(name, {}).get(server)
    return report.asked if report is not None and report.asked is not None and report.asked.id == asked else None


def overtaken(view: View, name: ResourceName, asked: str) -> bool:
    """Whether somebody has started or stopped it, or asked for something else, since."""
    record = view.targets.get(name)
    return record is None or record.action is None or record.action.id != asked


def environment_of(text: str) -> dict[str, str]:
    """What `-env "e1=v1,e2=v2"` says. Declined if that is no such list."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        match = _VARIABLE.fullmatch(part.strip())
        if match is None or match[1].startswith(_RESERVED):
            raise Declined(20010, f"'{part}' in -env is not NAME=value, with a name that does not begin with {_RESERVED}")
        found[match[1]] = match[2]
    if len(text.encode()) > LONGEST_ENVIRONMENT:
        raise Declined(20010, f"-env has more than {LONGEST_ENVIRONMENT} bytes")
    return found
