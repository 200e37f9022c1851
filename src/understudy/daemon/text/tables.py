"""The table of `crsctl stat res -t`, to the character. Called by `verbs/stat_resource.py`; decides nothing."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from understudy.intent.facts import Instance
from understudy.model.shown import one_line

LINE = "-" * 80
HEADER = "Name           Target  State        Server                   State details       "
_DETAILS = 20
_INDENT = " " * 61


def table(instances: Iterable[Instance]) -> str:
    """The whole table: local resources first, then cluster resources, names in byte order; sections without content left out."""
    ordered = sorted(instances, key=_place)
    lines = [LINE, HEADER, LINE]
    for local, section in groupby(ordered, key=lambda instance: instance.resource.local):
        lines += ["Local Resources" if local else "Cluster Resources", LINE]
        for name, group in groupby(section, key=lambda instance: instance.resource.registered):
            lines.append(name)
            lines += _rows(list(group))
        lines.append(LINE)
    return "\n".join(lines)


def _place(instance: Instance) -> tuple[object, ...]:
    resource = instance.resource
    return not resource.local, resource.registered.encode(), (instance.server or "") if resource.local else resource.number


def _rows(group: Sequence[Instance]) -> Iterable[str]:
    for instance in group:
        # A longer number grows to the left, so that the columns stay.
        first = " " * 15 if instance.resource.local else f"{instance.resource.number:>7}" + " " * 8
        details = one_line(instance.details_text)
        row = f"{first}{instance.target.value:<8}{instance.state.value:<13}{instance.server or '':<25}"
        yield f"{row}{details[:_DETAILS]}"
        for start in range(_DETAILS, len(details), _DETAILS):
            yield _INDENT + details[start : start + _DETAILS]
