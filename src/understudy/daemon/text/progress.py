"""History events as the lines crsctl prints while it follows a command. Called by `verbs/follow.py`; decides nothing."""

from understudy.model import events
from understudy.model.messages import line
from understudy.model.shown import indented
from understudy.model.view import Event

_ONE_LINE = {
    events.START_BEGUN: 2672,
    events.START_DONE: 2676,
    events.STOP_BEGUN: 2673,
    events.STOP_DONE: 2677,
    events.CLEAN_BEGUN: 2679,
    events.CLEAN_DONE: 2681,
}
_FAILED = {events.START_FAILED: (2674, "start"), events.STOP_FAILED: (2675, "stop"), events.CLEAN_FAILED: (2680, "clean")}


def lines(event: Event) -> tuple[str, ...]:
    """What an event looks like to someone who waits for it; nothing for events that are no progress."""
    name, server = event.resource, event.on or event.server
    if event.kind == events.CLEAN_DONE and event.cause:
        return (line(20162, name, server, event.cause),)
    if event.kind == events.KILLED:
        return (line(20161, name, server, ", and not all of it has ended" if event.text else ""),)
    if event.kind == events.PROGRESS:
        return (line(20546, name, server, event.text),)
    if event.kind in _ONE_LINE:
        return (line(_ONE_LINE[event.kind], name, server),)
    if event.kind in _FAILED:
        code, action = _FAILED[event.kind]
        return (*_reason(event, action), line(code, name, server))
    if event.kind == events.UNRECOVERABLE:
        return (line(2678, name, server), line(267))
    if event.kind == events.FAILED:
        return (line(2765, name, server),)
    return ()


def _reason(event: Event, action: str) -> tuple[str, ...]:
    """The script's own last words stand beside the failure, below it: none of them is taken for a line of ours."""
    said = [word.removeprefix("CRS_ERROR:").removeprefix("CRS_WARNING:") for word in event.text.rstrip().split("\n")]
    return (line(5017, event.resource, action), *indented("\n".join(said))) if event.text.strip() else ()
