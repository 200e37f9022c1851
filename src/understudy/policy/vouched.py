"""The View as it may be shown: what a server says of itself is its own lanes' and guard's word; of the others only what can be known.

Reports in the registry are not taken back when nobody leads: a server that lost its lease has stopped everything, and its report goes on
saying ONLINE. Called by the commands, and by the verbs where they ask what runs. Pure; no decision of policy or lane goes by this.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from understudy.model.conditions import Lease, Own, ago
from understudy.model.namers import Trait, with_trait
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import ALIVE, Internal, State
from understudy.model.view import Report, View
from understudy.policy.conditions import lease_of
from understudy.policy.instances import NOT_CHECKED, RUNNING

CANNOT_ACT = "SERVER CANNOT ACT"
"""STATE_DETAILS of what came from a server whose daemon, executor or way to the registry does not work now: nobody looks at it there."""
NO_LEASE = "NO LEASE"
"""STATE_DETAILS of what ran on a server whose lease is over."""
NOT_YET = "NOT CHECKED YET"
"""STATE_DETAILS of a local resource on a server that has just joined, or just learned of it."""


def vouched(view: View, own: Own) -> View:
    """The View with every report as it can be vouched for now; the very same one when all is well."""
    leases = {server: lease_of(view, own, server) for server in view.present()}
    aged = own.registry_away_s > 0
    reports = view.reports
    if aged or view.unable or any(lease not in (Lease.HELD, Lease.NONE) for lease in leases.values()):
        reports = {}
        for name, servers in view.reports.items():
            local = name in view.resources and view.resources[name].local
            reports[name] = {
                server: _word(view, own, report, leases.get(server, Lease.NONE), local=local) for server, report in servers.items()
            }
    if leases.get(own.server) is Lease.HELD:
        newer = {name: report for name, report in own.reports.items() if is_news(reports.get(name, {}).get(own.server), report)}
        if newer:
            reports = {**reports, **{name: {**reports.get(name, {}), own.server: report} for name, report in newer.items()}}
    disabled = with_trait(view.resources, Trait.DISABLED)
    if blind := {name: _unseen(reports[name]) for name in sorted(disabled) if name in reports}:
        reports = {**reports, **blind}
    for report in tuple(_not_yet(view, reports)):
        reports = {**reports, report.resource: {**reports.get(report.resource, {}), report.server: report}}
    return view if reports is view.reports else replace(view, reports=reports)


def age_of(view: View, own: Own, server: ServerName | None) -> tuple[float, Lease]:
    """How old in seconds what is shown of a server is, and what is known of its lease."""
    if server is None:
        return own.registry_away_s, Lease.NONE
    lease = lease_of(view, own, server)
    if server == own.server and own.held:
        return 0.0, lease
    if lease is Lease.UNHEARD:
        age_s = own.silence_s(server)
        return max(own.registry_away_s, own.daemon_s if age_s is None else age_s), lease
    return own.registry_away_s, lease


def _word(view: View, own: Own, report: Report, lease: Lease, *, local: bool) -> Report:
    """One report, as it can be vouched for."""
    quiet = report.state is State.OFFLINE and report.internal is Internal.STABLE
    if lease is Lease.NONE or quiet:
        return report
    if lease is Lease.HELD:
        if report.server == own.server:
            return report
        if own.registry_away_s > 0:
            return replace(report, details=_joined(report.details, f"{ago(own.registry_away_s)} old"))
        return replace(report, details=_joined(report.details, CANNOT_ACT)) if report.incarnation in view.unable else report
    if lease is Lease.OVER and not local:
        return replace(report, state=State.OFFLINE, internal=Internal.STABLE, details=NO_LEASE, guarded=True)
    age_s = own.daemon_s if report.server == own.server else age_of(view, own, report.server)[0]
    was = f"WAS {report.state.value} {ago(age_s)} AGO"
    return replace(report, state=State.UNKNOWN, internal=Internal.STABLE, details=was, guarded=True)


def _unseen(servers: Mapping[ServerName, Report]) -> Mapping[ServerName, Report]:
    """Of a disabled resource, which is not checked: where no event would tell that it has ended, nobody knows that it runs."""
    return {
        server: replace(report, state=State.UNKNOWN, details=_joined(f"WAS {report.state.value}", NOT_CHECKED))
        if report.state in RUNNING and not report.guarded
        else report
        for server, report in servers.items()
    }


def _not_yet(view: View, reports: Mapping[ResourceName, Mapping[ServerName, Report]]) -> Iterator[Report]:
    """Of each local resource on each server that has neither looked at it nor reported it: until then nobody knows."""
    local = [view.resources[name] for name in sorted(with_trait(view.resources, Trait.LOCAL)) if view.resources[name].enabled]
    for server, record in view.present().items():
        for resource in local if record.life in ALIVE else ():
            report = reports.get(resource.name, {}).get(server)
            reported = report is not None and view.alive(report.incarnation)
            if not reported and not view.looked(server, record.incarnation, resource):
                yield Report(
                    resource=resource.name, server=server, incarnation=record.incarnation, epoch=0, state=State.UNKNOWN, details=NOT_YET
                )


def is_news(before: Report | None, report: Report) -> bool:
    """What was never here, and does not run, is reported by the look alone."""
    if before is not None:
        return before != report
    runs = report.state is not State.OFFLINE or report.internal is not Internal.STABLE
    return runs or report.failure is not None or bool(report.failed_at)


def _joined(details: str, more: str) -> str:
    return f"{details},{more}" if details else more
