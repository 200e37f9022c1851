"""What a lane's memory says to the registry: the report of one resource on this server. Pure; called by `daemon/reporting.py`."""

from dataclasses import replace

from understudy.lane.local import Local
from understudy.lane.phases import Cleaning, Climbing, Phase, Rung, Starting, Up
from understudy.model.excerpt import CAUSE_BYTES, EVENT_BYTES, excerpt
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Internal, State
from understudy.model.view import Report


def report_of(local: Local, server: ServerName, incarnation: Incarnation) -> Report:
    """The report, as this incarnation would write it now."""
    phase, failure = local.phase, local.budget.failure
    shown_as = phase.before if isinstance(phase, Climbing) else phase
    return Report(
        resource=local.resource,
        server=server,
        incarnation=incarnation,
        epoch=local.epoch,
        state=local.state or State.UNKNOWN,
        internal=_internal(local.phase),
        details=excerpt(local.cannot or local.details, CAUSE_BYTES),
        restarts=local.budget.restarts,
        starts=local.starts,
        failure=None if failure is None else replace(failure, text=excerpt(failure.text, EVENT_BYTES)),
        proven=isinstance(shown_as, Up) and shown_as.proven,
        changed_wall=local.changed_wall,
        started_wall=local.started_wall,
        guarded=phase.guarded if isinstance(phase, Up) else True,
        failed_at=local.failed_at,
        failed_after=local.failed_after,
        tried=local.start_epoch,
    )


def _internal(phase: Phase) -> Internal:
    match phase:
        case Climbing(rung=Rung.STOP | Rung.ABORT):
            return Internal.STOPPING
        case Climbing() | Cleaning():
            return Internal.CLEANING
        case Starting():
            return Internal.STARTING
        case _:
            return Internal.STABLE
