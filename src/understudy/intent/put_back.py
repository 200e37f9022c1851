"""What becomes of TARGETs when a start has failed: they are as they were before the command, unless somebody relies on them since. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.facts import may_be_running
from understudy.intent.needs import needed
from understudy.intent.operator import Operator
from understudy.intent.targets import aimed_otherwise, may_be_running_on
from understudy.model import events
from understudy.model.cardinality import apart, whole_resources
from understudy.model.names import ResourceName, registered_name
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a start has changed, and on what View."""

    before: View
    wrote: Mapping[ResourceName, TargetRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class PuttingBack:
    """What is written to put back what a failed start has changed."""

    edit: Edit
    names: tuple[ResourceName, ...]


def to_put_back(view: View, attempt: Attempt, failed: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """The failed ones, and what only they need, whose TARGET this start has changed and nobody else since."""
    view = apart(view)
    down = {name for name in failed if name in view.resources}  # what was deleted meanwhile has no TARGET to put back
    left = {name for name in down if _is_up_somewhere(view, attempt, name)}
    found = {name for name in needed(view, down) if _is_ours(view, attempt, name)} - left
    wanted = [name for name in view.resources if view.target(name) is Target.ONLINE and name not in found]
    return tuple(sorted(found - set(needed(view, wanted))))


def put_back(view: View, attempt: Attempt, failed: Iterable[ResourceName], operator: Operator) -> PuttingBack:
    """The TARGETs that are put back, as they were before."""
    view = apart(view)
    names, earlier = to_put_back(view, attempt, failed), apart(attempt.before).targets
    text = f"{Target.OFFLINE.value}, as before the start that failed"
    down = {name: earlier.get(name) or TargetRecord(target=Target.OFFLINE, by=operator.by, era=view.era) for name in names}
    targets = whole_resources(view, down)
    edit = Edit(
        targets=targets,
        rests=Rests(resources=names),
        history=tuple(HistoryEntry(kind=events.TARGET_SET, resource=name, text=text) for name in targets),
    )
    return PuttingBack(edit=edit, names=names)


def _is_ours(view: View, attempt: Attempt, name: ResourceName) -> bool:
    """Not what ran before."""
    written, plain = registered_name(name), view.plain or view
    if written not in attempt.wrote or plain.targets.get(written) != attempt.wrote[written]:
        return False
    if view.resources[name].local:
        return not may_be_running_on(attempt.before, name, aimed_otherwise(attempt.before, view, name))
    return not may_be_running(apart(attempt.before), name)


def _is_up_somewhere(view: View, attempt: Attempt, name: ResourceName) -> bool:
    """Of a local resource that has failed on some of its servers only: that is left, and the rest goes on trying."""
    return view.resources[name].local and may_be_running_on(view, name, aimed_otherwise(attempt.before, view, name))
