"""What a lane's memory says to the registry: the report of one resource on this server. Pure; called by `daemon/reporting.py`."""

from dataclasses import replace

from understudy.lane.local import Local, Rung
from understudy.lane.silence import UP
from understudy.model.excerpt import CAUSE_BYTES, EVENT_BYTES, excerpt
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Internal, State
from understudy.model.view import Report


def report_of(local: Local, server: ServerName, incarnation: Incarnation) -> Report:
    """The report, as this incarnation would write it now."""
    return Report(
        resource=local.resource,
        server=server,
        incarnation=incarnation,
        epoch=local.epoch,
        state=local.state or State.UNKNOWN,
        internal=_internal(local),
        details=excerpt(local.cannot or local.details, CAUSE_BYTES),
        restarts=local.restarts,
        starts=local.starts,
        failure=None if local.failure is None else replace(local.failure, text=excerpt(local.failure.text, EVENT_BYTES)),
        proven=local.proven,
        changed_wall=local.changed_wall,
        started_wall=local.started_wall,
        guarded=local.guarded or local.state not in UP or _internal(local) is not Internal.STABLE,
    )


def _internal(local: Local) -> Internal:
    if local.rung in (Rung.STOP, Rung.ABORT):
        return Internal.STOPPING
    if local.rung in (Rung.CLEAN, Rung.KILL) or local.action == "clean":
        return Internal.CLEANING
    return Internal.STARTING if local.starting else Internal.STABLE
