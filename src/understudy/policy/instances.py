"""The instances of a resource as they are shown, by `crsctl stat res` and by `understudy explain` alike. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from understudy.model.cardinality import apart
from understudy.model.failures import failures, too_many
from understudy.model.membership import has_instance
from understudy.model.names import ServerName
from understudy.model.reasons import Why
from understudy.model.resource import Resource
from understudy.model.state import ALIVE, Internal, State, Target
from understudy.model.view import Assignment, Report, View
from understudy.policy.liveness import unended

_MOST_RUNNING = (State.ONLINE, State.INTERMEDIATE, State.UNKNOWN, State.OFFLINE)
RUNNING = (State.ONLINE, State.INTERMEDIATE)
WAITS_FOR_ITS_SERVER = (Why.BOUND, Why.FAILOVER_DELAYED)
"""Why something belongs to nobody that others could run."""
NOT_CHECKED = "NOT CHECKED (ENABLED=0)"
"""STATE_DETAILS of what is disabled: its last known state, and nobody looks."""
UNAVAILABLE = "FAILURE THRESHOLD EXHAUSTED"
"""STATE_DETAILS of what has failed too often: nothing is done about it until it is started by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance of a resource as it is shown."""

    resource: Resource
    target: Target
    state: State
    server: ServerName | None
    """Where it runs, or is being started or stopped; a local resource's own server even when it is down."""
    internal: Internal = Internal.STABLE
    details: str = ""
    report: Report | None = None
    target_server: ServerName | None = None
    waits: str = ""
    """Of what belongs to nobody: the server that it waits for, and why it does not start on another."""
    failures: tuple[float, ...] = ()
    """When it failed, as far as that counts (`model/failures.py`)."""
    also: tuple[ServerName, ...] = ()
    """Other servers on which more of it runs than anybody wants: a copy that was started by hand."""

    @property
    def state_text(self) -> str:
        """`ONLINE on ctr1`, `OFFLINE`."""
        return self.state.value if self.state is State.OFFLINE else f"{self.state.value} on {self.server}"

    @property
    def at_rest(self) -> bool:
        """Whether it is down, and nothing is being done about it."""
        return self.state is State.OFFLINE and self.internal is Internal.STABLE

    @property
    def details_text(self) -> str:
        """State details as the table shows them."""
        return ",".join(text for text in (self.state_details, self.internal.value) if text)

    @property
    def state_details(self) -> str:
        """STATE_DETAILS: what its lane says of it, and what else has to be known."""
        return ",".join(text for text in (self.details, self.remark) if text)

    @property
    def remark(self) -> str:
        """What else has to be known to believe the state; empty: nothing."""
        twice = f"ALSO RUNS ON {', '.join(self.also)}" if self.also else ""
        blind = NOT_CHECKED if not self.resource.enabled and self.state in RUNNING else ""
        failed = UNAVAILABLE if self.target is Target.ONLINE and too_many(self.resource, self.failures) else ""
        return ",".join(text for text in (twice, blind, failed, self.waits) if text)


def instances(view: View, resource: Resource) -> tuple[Instance, ...]:
    """The instances of a resource, by number; of a local one, one per living server. Where each instance is a resource: that one."""
    if resource.local:
        return tuple(_local_instances(view, resource))
    if not view.apart and (each := apart(view)).apart and (siblings := _siblings(each, resource)):
        shown = [_cluster_instance(each, sibling) for sibling in siblings]
        return tuple(instance for instance in shown if not (instance.resource.beyond and instance.at_rest)) or tuple(shown[:1])
    counted = failures(view, resource)
    instance = _cluster_instance(view, resource)
    return (replace(instance, failures=counted) if counted else instance,)


def _siblings(each: View, resource: Resource) -> tuple[Resource, ...]:
    known = each.resources.get(resource.name)
    return () if known is None else tuple(each.resources[name] for name in known.siblings)


def _local_instances(view: View, resource: Resource) -> Iterator[Instance]:
    for server, record in view.workers().items():
        report = view.report(resource.name, server)
        runs = report is not None and report.state is not State.OFFLINE
        if record.life in ALIVE and (runs or has_instance(view, resource, server)):
            instance = _instance(resource, view.target_on(resource.name, server), report, server, None)
            yield replace(instance, failures=failures(view, resource, server))


def _cluster_instance(view: View, resource: Resource) -> Instance:
    target = view.target(resource.name)
    assignment = view.assignments.get(resource.name)
    owner = assignment.owner if assignment else None
    reports = [report for server in view.reports.get(resource.name, {}) if (report := view.report(resource.name, server))]
    for holder in assignment.holders if assignment else ():
        if unended(view, resource.name, holder) is not None:  # its server is fenced by silence, but nobody has seen it end
            reports.append(view.reports[resource.name][holder.server])
    owners = owner.server if owner else None
    # What runs is shown, wherever it is; among equals the owner's word, then the newest.
    reports.sort(key=lambda known: (_MOST_RUNNING.index(known.state), known.server != owners, -known.started_wall, known.server))
    aimed = owners if target is Target.ONLINE else None
    waits = "" if assignment is None or target is not Target.ONLINE else _waits(assignment)
    if not reports:
        return replace(_instance(resource, target, None, None, aimed), waits=waits)
    best = reports[0]
    busy = best.state is not State.OFFLINE or best.internal is not Internal.STABLE
    also = tuple(other.server for other in reports[1:] if other.state is not State.OFFLINE)
    return replace(_instance(resource, target, best, best.server if busy else None, aimed), also=also, waits="" if busy else waits)


def _waits(assignment: Assignment) -> str:
    reason = assignment.reason
    if assignment.owner is not None or reason is None or reason.why not in WAITS_FOR_ITS_SERVER:
        return ""
    attribute = "INSTANCE_FAILOVER=0" if reason.why is Why.BOUND else f"FAILOVER_DELAY={reason.of[1]}"
    return f"WAITS FOR {reason.of[0]} ({attribute})"


def _instance(
    resource: Resource, target: Target, report: Report | None, server: ServerName | None, target_server: ServerName | None
) -> Instance:
    if report is None:
        return Instance(resource=resource, target=target, state=State.OFFLINE, server=server, target_server=target_server)
    return Instance(
        resource=resource,
        target=target,
        state=report.state,
        server=server,
        internal=report.internal,
        details=report.details,
        report=report,
        target_server=target_server,
    )
