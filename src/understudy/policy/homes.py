"""Where else each resource could live: what is left of its candidates when the server that has it is gone.

Called by `sim/drill.py`. Pure, and no rule of its own: a View in which that server is fenced is asked the questions of `eligibility.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from understudy.model.cardinality import apart
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Life
from understudy.model.view import View
from understudy.policy.eligibility import group_standings
from understudy.policy.explain import ExplainLine, explain
from understudy.policy.ground import Ground, is_wanted, survey
from understudy.policy.groups import groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """The servers that one resource can live on."""

    resource: ResourceName
    home: ServerName | None
    """The server it belongs to now."""
    others: tuple[ServerName, ...]
    """Who may run it when its home is gone, best first; for one that has no home, who may run it now."""
    refused: tuple[ExplainLine, ...] = ()
    """If nobody: every other server, why not, and what would change it."""


def homes(view: View) -> tuple[Homes, ...]:
    """Of every resource that moves and is wanted, by name."""
    found: list[Homes] = []
    view = apart(view)
    without: dict[ServerName | None, Ground] = {}
    for members in groups(view):
        wanted = [name for name in members if is_wanted(view, name)]
        for home in sorted({_home(view, name) for name in wanted}, key=str):
            if home not in without:
                without[home] = survey(_without(view, home))
            here = [name for name in wanted if _home(view, name) == home]
            found += _of_group(without[home], wanted, here, home)
    return tuple(sorted(found, key=lambda home: home.resource))


def _of_group(ground: Ground, wanted: Sequence[ResourceName], here: Sequence[ResourceName], home: ServerName | None) -> list[Homes]:
    others = tuple(group_standing.server for group_standing in group_standings(ground, wanted) if group_standing.admitted)
    if home is not None and not all(ground.view.resources[name].instance_failover for name in wanted):
        others = ()  # it waits for its home
    if others:
        return [Homes(resource=name, home=home, others=others) for name in here]
    refused = {name: tuple(server for server in explain(ground.view, name).servers if server.server != home) for name in here}
    return [Homes(resource=name, home=home, others=(), refused=refused[name]) for name in here]


def _home(view: View, name: ResourceName) -> ServerName | None:
    assignment = view.assignments.get(name)
    return None if assignment is None or assignment.owner is None else assignment.owner.server


def _without(view: View, server: ServerName | None) -> View:
    record = None if server is None else view.present().get(server)
    if record is None:
        return view
    return replace(view, incarnations={**view.incarnations, record.incarnation: replace(record, life=Life.FENCED)})
