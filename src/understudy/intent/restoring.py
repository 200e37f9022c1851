"""What a restore would do, before it is done: what is added, set back or kept, what of it cannot be, and what of what runs it would stop.

Called by `daemon/verbs/restore.py`. What is written is `backup.py`'s. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from understudy.errors import BadInput
from understudy.intent.backup import Backup, Definitions, is_same_wish
from understudy.intent.change import impact_lines
from understudy.intent.checks import check_groups
from understudy.intent.contradictions import check_instances
from understudy.intent.facts import may_be_running, registered, running_on
from understudy.intent.whole import Intent
from understudy.model import categories, pools
from understudy.model.messages import words
from understudy.model.names import ResourceName
from understudy.model.profile import resolve, restarts, validate
from understudy.model.resource import Resource
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.policy.impact import impact


class RestoreStep(StrEnum):
    """What becomes of one record."""

    ADD = "add"
    SET_BACK = "set back"
    KEEP = "keep"
    ONLY_HERE = "only here"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRow:
    """One line of what is shown."""

    step: RestoreStep
    what: str
    """`server pool`, `server category`, `server`, `resource type`, `resource` or `TARGET`."""
    name: str
    text: str = ""


def after_of(view: View, found: Definitions) -> View:
    """The View in which the definitions are written."""
    after = replace(
        view,
        types={**view.types, **found.types},
        pools={**view.pools, **found.pools},
        categories={**view.categories, **found.categories},
        servers={**view.servers, **found.servers},
        definitions={**view.definitions, **found.resources},
    )
    return replace(after, resources={**view.resources, **_resolved(after, found)})


def _resolved(after: View, found: Definitions) -> dict[ResourceName, Resource]:
    resources: dict[ResourceName, Resource] = {}
    for name, definition in after.definitions.items():
        if name not in found.resources and not found.types:
            continue
        try:
            resources[name] = resolve(definition, after.types)
        except (BadInput, ValueError):
            continue  # `troubles` says why
    return resources


def troubles(view: View, after: View, found: Definitions) -> tuple[str, ...]:
    """Why some of it cannot be registered, one sentence each."""
    return tuple(_troubles(view, after, found))


def _troubles(view: View, after: View, found: Definitions) -> Iterator[str]:
    for category in found.categories.values():
        try:
            categories.build(category.name, categories.attributes_of(category))
        except BadInput as error:
            yield f"server category '{category.name}': {error}"
    for pool in found.pools.values():
        try:
            pools.validate(pool, after.pools, after.categories)
        except BadInput as error:
            yield f"server pool '{pool.name}': {error}"
    for name, definition in found.resources.items():
        try:
            validate(definition, registered(after), force=True, kept=definition.attributes)
        except (BadInput, ValueError) as error:
            yield f"resource '{name}': {error}"
        try:
            if name in after.resources:
                check_instances(after, after.resources[name])
        except BadInput as error:
            yield f"resource '{name}': {error}"
    try:
        check_groups(view, after)
    except BadInput as error:
        yield str(error)
    for name, resource in view.resources.items():
        changed = after.resources.get(name, resource)
        again = () if changed == resource else restarts(resource, changed, after.types)
        if again and may_be_running(view, name):
            yield words(20357, name, ", ".join(again))


def stops(view: View, after: View, written: Mapping[ResourceName, TargetRecord]) -> tuple[str, ...]:
    """What runs now and would stop, move or restart, one line each."""
    found = [
        f"'{name}' runs on '{running_on(view, name) or 'a server'}' and is stopped: its TARGET is set back to OFFLINE"
        for name, record in written.items()
        if record.target is Target.OFFLINE and name in view.resources and may_be_running(view, name)
    ]
    return (*found, *impact_lines(after, impact(view, after)))


def rows(view: View, backup: Backup, found: Definitions, written: Mapping[ResourceName, TargetRecord]) -> tuple[RestoreRow, ...]:
    """All that differs between backup and registry, and what becomes of it."""
    intent = backup.intent
    return (
        *_of_records("resource type", view.types, intent.types, found.types),
        *_of_records("server category", view.categories, intent.categories, found.categories),
        *_of_servers(view, intent, found),
        *_of_records("server pool", view.pools, intent.pools, found.pools),
        *_of_records("resource", view.definitions, intent.definitions, found.resources),
        *_of_targets(view, backup, written),
    )


def _of_records(what: str, here: Mapping[Any, object], there: Mapping[Any, object], found: Mapping[Any, object]) -> Iterator[RestoreRow]:
    for name in sorted({*here, *there}):
        if name not in there:
            yield RestoreRow(step=RestoreStep.ONLY_HERE, what=what, name=name, text="not in the backup; it stays as it is")
        elif name not in here:
            yield RestoreRow(step=RestoreStep.ADD, what=what, name=name)
        elif different := ", ".join(_differing(here[name], there[name])):
            step = RestoreStep.SET_BACK if name in found else RestoreStep.KEEP
            yield RestoreRow(step=step, what=what, name=name, text=different)


def _of_servers(view: View, intent: Intent, found: Definitions) -> Iterator[RestoreRow]:
    """What operators had said of servers that are there."""
    for name, said in sorted(intent.attributes.items()):
        record = view.servers.get(name)
        for key, value in sorted(said.items()) if record is not None else ():
            mine = record.attributes.get(key, "") if record is not None else ""
            if key in categories.OF_HARDWARE or mine == value:
                continue
            taken = name in found.servers and found.servers[name].attributes.get(key) == value
            step = RestoreStep.KEEP if not taken else RestoreStep.SET_BACK if mine else RestoreStep.ADD
            yield RestoreRow(step=step, what="server", name=name, text=f"{key} {_said(mine)}, {value} in the backup")


def _differing(here: object, there: object) -> Iterable[str]:
    """`CHECK_INTERVAL 5, 30 in the backup`, for everything but the identity of a definition."""
    mine, theirs = _flat(here), _flat(there)
    for key in sorted({*mine, *theirs}):
        if mine.get(key) != theirs.get(key):
            yield f"{key} {_said(mine.get(key))}, {_said(theirs.get(key))} in the backup"


def _flat(record: object) -> dict[str, object]:
    found = {name: getattr(record, name) for name in record.__dataclass_fields__ if name not in ("name", "uid")}  # type: ignore[attr-defined]
    for name in ("attributes", "flags"):
        found |= dict(found.pop(name, {}))
    return found


def _said(value: object) -> str:
    return "not set" if value in (None, "", ()) else " ".join(value) if isinstance(value, tuple) else str(value)


def _of_targets(view: View, backup: Backup, written: Mapping[ResourceName, TargetRecord]) -> Iterator[RestoreRow]:
    for name, stored in sorted(backup.intent.targets.items()):
        present = view.targets.get(name)
        if present is None:
            yield RestoreRow(step=RestoreStep.ADD, what="TARGET", name=name, text=stored.target.value)
        elif not is_same_wish(present, stored):
            step = RestoreStep.SET_BACK if name in written else RestoreStep.KEEP
            text = f"{present.target.value}, {stored.target.value} in the backup"
            yield RestoreRow(step=step, what="TARGET", name=name, text=text)
