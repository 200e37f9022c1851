"""exec.sock's lines: requests and outcomes as JSON. Pure; both ends use it, so that they cannot disagree.

A line that is not a request raises BadInput with what is wrong; a missing optional field has the default of the port.
"""

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from understudy.agents.output import read_output
from understudy.errors import BadInput
from understudy.kinds.observed import Observed
from understudy.kinds.script import PARTIAL, UNCLEAR, read_status
from understudy.model.actions import Unanswered, passable
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest, Evidence

LONGEST_LINE = 1 << 20
LONGEST_ACTIVITY = 64
"""Characters."""
TOO_LONG = f"too long for exec.sock: a line has {LONGEST_LINE >> 20} MiB at most; look at the resource's longest attributes"
_AS_STATUS = {Observed.DONE: 0, Observed.ONLINE: 0, Observed.PARTIAL: PARTIAL, Observed.UNCLEAR: UNCLEAR}
_ACTIONS, _EVIDENCE, _UNANSWERED = get_args(ActionName), get_args(Evidence), get_args(Unanswered)


def encode(message: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """One line's object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not a line of JSON: {error}") from None
    if not isinstance(message, dict):
        raise BadInput("not an object")
    return message


def request_to_wire(request: ActionRequest) -> dict[str, Any]:
    """The fields of `op: run`."""
    return {
        "op": "run",
        "resource": request.resource,
        "action": request.action,
        "agent": request.agent,
        "parameters": dict(request.parameters),
        "environment": passable(request.environment),
        "timeout_s": request.timeout_s,
        "epoch": request.epoch,
        "incarnation": request.incarnation,
        "user": request.user,
        "activity": request.activity,
    }


def request_from_wire(message: Mapping[str, Any]) -> ActionRequest:
    """The request in a line with `op: run`."""
    action, timeout_s, epoch = message.get("action"), _timeout(message), message.get("epoch", 0)
    if not isinstance(action, str) or action not in _ACTIONS:
        raise BadInput(f"action is {action!r}; it is one of {', '.join(_ACTIONS)}")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise BadInput(f"epoch is {epoch!r}; it is a whole number")
    incarnation = message.get("incarnation")
    return ActionRequest(
        resource=resource_from_wire(message),
        action=cast(ActionName, action),
        agent=_text(message, "agent"),
        parameters=_texts(message, "parameters"),
        environment=_texts(message, "environment"),
        timeout_s=timeout_s,
        epoch=epoch,
        incarnation=None if incarnation is None else Incarnation(_text(message, "incarnation")),
        user=_text(message, "user") if "user" in message else "root",
        activity=activity_from_wire(message),
    )


def _timeout(message: Mapping[str, Any]) -> float:
    timeout_s = message.get("timeout_s", 60.0)
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or not 0 < timeout_s < float("inf"):
        raise BadInput(f"timeout_s is {timeout_s!r}; it is a number of seconds above 0")
    return float(timeout_s)


def site_places_from_wire(message: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """The request for places of this server in a line with `op: site-places`, and its deadline in seconds."""
    request = message.get("request")
    if not isinstance(request, dict):
        raise BadInput("request is no object")
    return request, _timeout(message)


def activity_from_wire(message: Mapping[str, Any]) -> str:
    """For people: what cannot be one is no reason not to act."""
    value = message.get("activity")
    return value if isinstance(value, str) and len(value) <= LONGEST_ACTIVITY and value.isascii() and value.isprintable() else ""


def resource_from_wire(message: Mapping[str, Any]) -> ResourceName:
    """The resource that a line is about."""
    name = _text(message, "resource")
    if name in (".", ".."):
        raise BadInput(f"resource {name!r} is no name")  # it would be a directory name
    return ResourceName(name)


def outcome_to_wire(outcome: ActionOutcome) -> dict[str, Any]:
    """The fields of the answer to `op: run`."""
    said = read_output("\n".join(outcome.output))
    return {
        "observed": outcome.observed,
        "status": _status(outcome),
        "evidence": outcome.evidence,
        "output": list(outcome.output),
        "details": outcome.details,
        "errors": list(said.errors),
        "warnings": list(said.warnings),
        "duration_ms": round(outcome.duration_s * 1000, 3),
        "unanswered": outcome.unanswered,
        "housed": outcome.housed,
        "strays": list(outcome.strays),
        "killed": outcome.killed,
        "pressure": dict(outcome.pressure),
    }


def outcome_from_wire(message: Mapping[str, Any], action: ActionName) -> ActionOutcome:
    """The outcome in an answer; where there is none, or nothing that can be one: it could not be begun, and why."""
    try:
        return _outcome(message, action)
    except BadInput as error:
        return ActionOutcome(observed=None, evidence="silent", unanswered="not-begun", output=(str(error),))


def _outcome(message: Mapping[str, Any], action: ActionName) -> ActionOutcome:
    if "error" in message:
        raise BadInput(str(message["error"]))
    observed, evidence, unanswered = _observed(message, action), message.get("evidence"), message.get("unanswered")
    if evidence not in _EVIDENCE or not (unanswered is None or unanswered in _UNANSWERED):
        raise _no_outcome(f"evidence is {evidence!r} and unanswered {unanswered!r}")
    if (observed is None) != (unanswered is not None):
        raise _no_outcome(f"observed is {observed!r} and unanswered {unanswered!r}")
    details, housed, duration_ms = message.get("details"), message.get("housed"), message.get("duration_ms")
    if not (details is None or isinstance(details, str)) or housed not in (None, True, False):
        raise _no_outcome(f"details are {details!r} and housed {housed!r}")
    return ActionOutcome(
        observed=observed,
        status=message.get("status"),
        evidence=cast(Evidence, evidence),
        output=_lines(message, "output"),
        details=details,
        duration_s=_numbers({"ms": duration_ms}).get("ms", 0.0) / 1000,
        unanswered=cast(Unanswered | None, unanswered),
        housed=None if housed is None else bool(housed),
        strays=_lines(message, "strays"),
        killed=message.get("killed") is True,
        pressure=_numbers(message.get("pressure")),
    )


def _status(outcome: ActionOutcome) -> int | None:
    """For a daemon of a version that knew of exit statuses alone, whatever the agent."""
    if outcome.observed is None or outcome.status is not None:
        return outcome.status
    return _AS_STATUS.get(outcome.observed, 1)


def _observed(message: Mapping[str, Any], action: ActionName) -> Observed | None:
    """An executor of a version before tells a status alone."""
    status = message.get("status")
    if not (status is None or _is_int(status)):
        raise _no_outcome(f"status is {status!r}")
    if "observed" not in message:
        return None if status is None else read_status(action, status)
    try:
        return None if message["observed"] is None else Observed(message["observed"])
    except ValueError:
        raise _no_outcome(f"observed is {message['observed']!r}") from None


def _no_outcome(what: str) -> BadInput:
    return BadInput(f"the executor's answer cannot be read: {what[:200]}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def _lines(message: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = message.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _no_outcome(f"{key} is {value!r}")
    return tuple(value)


def _numbers(value: object) -> dict[str, float]:
    return {name: float(number) for name, number in value.items() if _is_number(number)} if isinstance(value, dict) else {}


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadInput(f"{key} is {value!r}; it is a text")
    return value


def _texts(message: Mapping[str, Any], key: str) -> dict[str, str]:
    value = message.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise BadInput(f"{key} is {value!r}; it is an object of texts")
    return value
