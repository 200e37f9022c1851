"""FAILURE_INTERVAL and FAILURE_THRESHOLD: which failures of a resource count, and when they are too many. Pure.

A failure is what ran and ceased to run by itself, with nothing down that it stands on. Each server reports when that happened there, and
keeps it over its own lives; those of all servers count, since the last start by hand. So whoever has the View has the same count: another
leader, another daemon, another server. Called by policy, lanes and commands alike. `docs/design/0023-failures-that-count.md`.
"""

from collections.abc import Iterable
from dataclasses import replace

from understudy.model.names import ServerName
from understudy.model.resource import Resource
from understudy.model.view import Report, View

MOST = 20
"""Failures that a server keeps of a resource; the highest FAILURE_THRESHOLD."""


def are_counted(resource: Resource) -> bool:
    """Whether both attributes are set."""
    return resource.failure_threshold > 0 and resource.failure_interval_s > 0


def counted_after(view: View, resource: Resource) -> str:
    """What the failures that count came after: the last start by hand, or the registration if there was none."""
    record = view.targets.get(resource.name)
    return (record.start_id if record is not None else "") or resource.uid


def failures(view: View, resource: Resource, server: ServerName | None = None, own: Iterable[float] = ()) -> tuple[float, ...]:
    """When it failed, oldest first, seconds since the epoch. Of a local resource an instance counts for itself: that on `server`.

    `own`: what `server` knows of itself and may not have reported yet.
    """
    if not are_counted(resource):
        return ()
    after = counted_after(view, resource)
    reports = view.reports.get(resource.name, {}).values()
    known = {report.server: set(report.failed_at) for report in reports if report.failed_after == after}
    if server is not None:
        known[server] = known.get(server, set()) | set(own)
    return tuple(sorted(at for place, times in known.items() if place == server or not resource.local for at in times))


def too_many(resource: Resource, found: tuple[float, ...]) -> bool:
    """Whether the last FAILURE_THRESHOLD of these failures came within FAILURE_INTERVAL. Time that passes does not change that."""
    if not are_counted(resource) or len(found) < resource.failure_threshold:
        return False
    return found[-1] - found[-resource.failure_threshold] <= resource.failure_interval_s


def unavailable(view: View, resource: Resource, server: ServerName | None = None, own: Iterable[float] = ()) -> bool:
    """Whether it has failed too often: then it is not to run, and nothing is done about it until it is started by hand."""
    return are_counted(resource) and too_many(resource, failures(view, resource, server, own))


def in_window(resource: Resource, found: tuple[float, ...], wall: float | None = None) -> tuple[float, ...]:
    """Of these failures, those within FAILURE_INTERVAL before this time; of what is unavailable, or without a time, before the last."""
    if not found:
        return ()
    until = found[-1] if wall is None or too_many(resource, found) else wall
    return tuple(at for at in found if at >= until - resource.failure_interval_s)


def one_more(before: tuple[float, ...], at: float) -> tuple[float, ...]:
    """With a failure at this time, to the millisecond, or the next free one: a clock that was set back repeats itself. So many are kept."""
    at = round(at, 3)
    while at in before:
        at = round(at + 0.001, 3)
    return (*before, at)[-MOST:]


def with_earlier(report: Report, before: Report | None) -> Report:
    """A report with the failures that its server has reported before, also in an earlier life: no other may be written over it."""
    if before is None or not before.failed_at or (report.failed_at and report.failed_after != before.failed_after):
        return report  # since another start by hand the earlier ones do not count
    kept = tuple(sorted({*report.failed_at, *before.failed_at}))[-MOST:]
    return replace(report, failed_after=before.failed_after, failed_at=kept)


def exhausted_text(resource: Resource) -> str:
    """For people: how often it has failed, and what to do."""
    return (
        f"{resource.failure_threshold} failures within {resource.failure_interval_s:g} s (FAILURE_THRESHOLD={resource.failure_threshold}, "
        f"FAILURE_INTERVAL={resource.failure_interval_s:g}): nothing is done about it until it is started by hand: "
        f"crsctl start resource {resource.name}"
    )
