"""The TARGET of a resource as a command leaves it: of all its instances, or of a local resource on one server alone. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from understudy.intent.facts import instances, servers
from understudy.intent.operator import Operator
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import State, Target
from understudy.model.view import TargetRecord, View


def aimed(view: View, name: ResourceName, target: Target, operator: Operator, server: ServerName | None = None) -> TargetRecord:
    """The record by which this is wanted from now on; on one server only where it is named and the resource is local."""
    start_id = operator.token if target is Target.ONLINE else ""
    fresh = TargetRecord(target=target, by=operator.by, era=view.era, start_id=start_id)
    if server is None or not view.resources[name].local:
        return fresh
    before = view.targets.get(name, TargetRecord(target=Target.OFFLINE))
    known = {*servers(view, operator.settings)}  # who was removed from the cluster is named no more
    others = {other for other in before.otherwise if other in known and other != server}
    otherwise = tuple(sorted(others if target is before.target else {*others, server}))
    return replace(before, by=operator.by, era=view.era, otherwise=otherwise, start_id=start_id or before.start_id)


def is_aimed(view: View, name: ResourceName, target: Target, server: ServerName | None = None) -> bool:
    """Whether that is wanted already: on this server, or (None) of every instance."""
    record = view.targets.get(name, TargetRecord(target=Target.OFFLINE))
    if server is not None and view.resources[name].local:
        return record.on(server) is target
    return record.target is target and not record.otherwise


def wanted_on(view: View, name: ResourceName) -> tuple[ServerName, ...]:
    """Of a local resource: the servers on which it is wanted."""
    return tuple(server for server in view.workers() if view.target_on(name, server) is Target.ONLINE)


def aimed_otherwise(before: View, after: View, name: ResourceName) -> tuple[ServerName, ...]:
    """Of a local resource: the servers of which a command has changed the TARGET."""
    return tuple(server for server in after.workers() if before.target_on(name, server) is not after.target_on(name, server))


def may_be_running_on(view: View, name: ResourceName, places: Iterable[ServerName]) -> bool:
    """Whether anything of a local resource may still be up on one of these servers."""
    among = set(places)
    return any(instance.server in among and instance.state is not State.OFFLINE for instance in instances(view, view.resources[name]))


def said(view: View, name: ResourceName, record: TargetRecord) -> str:
    """The record in the history's words."""
    if record.numbers:
        return f"{record.of(record.numbers[0]).value} of instance {', '.join(map(str, record.numbers))}, else {record.target.value}"
    changed = [server for server in view.workers() if record.on(server) is not view.target_on(name, server)]
    if not view.resources[name].local or not record.otherwise or not changed:
        return record.target.value
    return f"{record.on(changed[0]).value} on {', '.join(changed)}"
