"""What a cluster file would change, for people and as JSON. Decides nothing.

Called by `verbs/clusterfile.py`.
"""

from collections.abc import Iterator, Sequence

from understudy.errors import BadInput
from understudy.intent.clusterfile.changes import ChangeSort, FileChange, ValueChange
from understudy.intent.rights import BUILT_IN_ACL
from understudy.model import pools
from understudy.model.names import TypeName
from understudy.model.types import defaults
from understudy.model.view import View

_SIGNS = {ChangeSort.ADD: "+", ChangeSort.CHANGE: "~", ChangeSort.REMOVE: "-"}


def changes_text(changes: Sequence[FileChange], after: View) -> str:
    """`~ resource db`, and below it each value: `CHECK_INTERVAL: 5 -> 10`. `after`: the View in which the file is true, for defaults."""
    return "\n".join(_lines(changes, after))


def _lines(changes: Sequence[FileChange], after: View) -> Iterator[str]:
    for change in changes:
        section, name = change.item
        yield f"{_SIGNS[change.sort]} {section} {name}"
        for value in change.values:
            yield f"    {value.name}: {_value(change, value, after)}"


def _value(change: FileChange, value: ValueChange, after: View) -> str:
    if change.sort is ChangeSort.ADD:
        return value.after or "''"
    usual = _usual(change, value.name, after)
    return f"{_said(value.before, usual)} -> {_said(value.after, usual)}"


def _said(value: str | None, usual: str | None) -> str:
    if value is not None:
        return value or "''"
    return "none" if usual is None else f"{usual or chr(39) * 2} (the default)"


def _usual(change: FileChange, attribute: str, after: View) -> str | None:
    """What counts where nothing is given; None: nothing does."""
    section, name = change.item
    if attribute == "ACL" and section != "type":
        return BUILT_IN_ACL
    if section == "serverpool":
        return pools.ATTRIBUTES[attribute].cluster if attribute in pools.ATTRIBUTES else None
    definition = after.definitions.get(name)  # type: ignore[call-overload]
    if section != "resource" or definition is None:
        return None
    base, _, scope = attribute.partition("@")
    try:
        found = defaults(TypeName(definition.type), after.types).get(base)
    except BadInput:
        return None
    return definition.attributes.get(base, found) if scope else found


def changes_json(changes: Sequence[FileChange]) -> list[dict[str, object]]:
    """The same for machines."""
    return [
        {
            "change": change.sort.value,
            "kind": change.item[0],
            "name": change.item[1],
            "attributes": [{"name": value.name, "before": value.before, "after": value.after} for value in change.values],
        }
        for change in changes
    ]
