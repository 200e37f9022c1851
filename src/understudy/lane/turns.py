"""START_CONCURRENCY and STOP_CONCURRENCY: whose turn it is, of the servers on which instances of a local resource are to start or stop.

No server asks another: all go by the reports in the registry, and by the order of their names. Who acts counts, and who is about to and
comes first by name. Nobody is waited for who waits himself (for what he depends on), has failed, or cannot act. While the registry is away
each goes by what it read last. A cluster resource has one instance, so that any bound holds. Pure.
"""

from understudy.lane.neighbours import Here, meant
from understudy.model.membership import has_instance
from understudy.model.names import ServerName
from understudy.model.resource import DependencyKind, Resource
from understudy.model.state import Internal, Life, State, Target
from understudy.model.view import Report, View

_UP = (State.ONLINE, State.INTERMEDIATE)


def starts_first(here: Here, resource: Resource) -> tuple[ServerName, ...]:
    """Those for whom a start here has to wait; empty: it may begin."""
    if not resource.start_concurrency:
        return ()
    found = [server for server, report in _others(here, resource) if _starts(here, resource, server, report)]
    return tuple(found) if len(found) >= resource.start_concurrency else ()


def stops_first(here: Here, resource: Resource) -> tuple[ServerName, ...]:
    """The same of a stop. A server that leaves asks nobody: its time is short."""
    if not resource.stop_concurrency or here.leaving:
        return ()
    found = [server for server, report in _others(here, resource) if _stops(here, resource, server, report)]
    return tuple(found) if len(found) >= resource.stop_concurrency else ()


def _others(here: Here, resource: Resource) -> list[tuple[ServerName, Report | None]]:
    """The other servers that can act and have an instance, with what they report of it."""
    view, found = here.view, []
    for server, record in view.workers().items():
        if server == here.server or record.life is not Life.ONLINE or record.incarnation in view.unable:
            continue
        report = view.report(resource.name, server)
        found.append((server, report if report is not None and report.incarnation == record.incarnation else None))
    return found


def _starts(here: Here, resource: Resource, server: ServerName, report: Report | None) -> bool:
    if report is not None and report.internal in (Internal.STARTING, Internal.CLEANING):
        return report.state not in _UP
    down = report is None or (report.state is State.OFFLINE and report.failure is None and report.internal is Internal.STABLE)
    wanted = here.view.target_on(resource.name, server) is Target.ONLINE and has_instance(here.view, resource, server)
    return down and wanted and server < here.server and _may_start(here.view, resource, server)


def _may_start(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether what it needs is up, as far as is reported: else it waits, and others need not wait for it."""
    for dependency in resource.start:
        if dependency.kind is DependencyKind.HARD:
            places = [server] if dependency.same_server else list(view.present())
            reports = (view.report(name, place) for name in meant(view, dependency) for place in places)
            if not any(report is not None and report.state in _UP for report in reports):
                return False
    return True


def _stops(here: Here, resource: Resource, server: ServerName, report: Report | None) -> bool:
    if report is None:
        return False
    if report.internal is Internal.STOPPING:
        return True
    wanted = here.view.target_on(resource.name, server) is Target.ONLINE and has_instance(here.view, resource, server)
    stops = report.state in _UP and report.internal is Internal.STABLE and not wanted
    return stops and server < here.server and not _leaned_on(here, resource, server)


def _leaned_on(here: Here, resource: Resource, server: ServerName) -> bool:
    """Whether something there has to stop before it: then it waits, and others need not wait for it."""
    reports = (here.view.report(name, server) for name in here.dependents.get(resource.name, ()))
    return any(report is not None and report.state is not State.OFFLINE for report in reports)
