"""`pullup`: when what it names comes ONLINE, a resource that waits to be tried again is tried at once. Pure; asked by `driver.py`.

What is wanted is started again in any case, as soon as what it needs is up; after a failure with growing pauses. A pullup ends that pause.
Which TARGETs become ONLINE by `pullup:always` is the leader's to decide (`policy/pullup.py`).
"""

from collections.abc import Collection, Iterator

from understudy.lane.neighbours import Here, meant, who_names
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName
from understudy.model.resource import Dependency, DependencyKind
from understudy.model.state import State
from understudy.model.view import View

_GOOD = (State.ONLINE, State.INTERMEDIATE)


def risen(before: View, view: View, changed: Collection[ResourceName] | None) -> Iterator[ResourceName]:
    """What is reported to have come up by this View, if anything is pulled up at all. `changed` as in `Driver.see`."""
    if before.reports is view.reports or not with_trait(view.resources, Trait.PULLED):
        return
    for name in view.reports if changed is None else changed:
        if _states(view, name) - _states(before, name):
            yield name


def pulled_up(here: Here, names: Collection[ResourceName]) -> Iterator[ResourceName]:
    """Who is pulled up by these, which have come up: all that pulls it up has."""
    pulled = with_trait(here.view.resources, Trait.PULLED)
    by_them = {other for name in names if name in here.view.resources for other in who_names(here.view, here.view.resources[name])}
    for name in sorted(by_them & pulled):
        pullups = [each for each in here.view.resources[name].start if each.kind is DependencyKind.PULLUP]
        mine = name in here.locals and any(other in names for each in pullups for other in meant(here.view, each))
        if mine and all(any(_is_up(here, other, each) for other in meant(here.view, each)) for each in pullups):
            yield name


def _is_up(here: Here, name: ResourceName, dependency: Dependency) -> bool:
    """On any server: what is pulled up may start where it can."""
    good = _GOOD if "intermediate" in dependency.modifiers else (State.ONLINE,)
    local = here.locals.get(name)
    if local is not None and local.up and local.state in good:
        return True
    return any(state in good for _, state in _states(here.view, name))


def _states(view: View, name: ResourceName) -> set[tuple[str, State]]:
    """Where it is up, and how."""
    reports = ((server, view.report(name, server)) for server in view.reports.get(name, {}))
    return {(server, report.state) for server, report in reports if report is not None and report.state in _GOOD}
