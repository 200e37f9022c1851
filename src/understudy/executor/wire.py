"""exec.sock's lines: requests and outcomes as JSON. Pure; both ends use it, so that they cannot disagree.

A line that is not a request raises BadInput with what is wrong; a missing optional field has the default of the port.
"""

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from understudy.agents.output import read_output
from understudy.errors import BadInput
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest, Evidence

LONGEST_LINE = 1 << 20
_ACTIONS, _EVIDENCE = get_args(ActionName), get_args(Evidence)


def encode(message: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """One line's object."""
    try:
        message = json.loads(line)
    except ValueError as error:
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
        "environment": dict(request.environment),
        "timeout_s": request.timeout_s,
        "epoch": request.epoch,
        "incarnation": request.incarnation,
        "user": request.user,
    }


def request_from_wire(message: Mapping[str, Any]) -> ActionRequest:
    """The request in a line with `op: run`."""
    action, timeout_s, epoch = message.get("action"), message.get("timeout_s", 60.0), message.get("epoch", 0)
    if action not in _ACTIONS:
        raise BadInput(f"action is {action!r}; it is one of {', '.join(_ACTIONS)}")
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or timeout_s <= 0:
        raise BadInput(f"timeout_s is {timeout_s!r}; it is a number of seconds above 0")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise BadInput(f"epoch is {epoch!r}; it is a whole number")
    incarnation = message.get("incarnation")
    return ActionRequest(
        resource=resource_from_wire(message),
        action=cast(ActionName, action),
        agent=_text(message, "agent"),
        parameters=_texts(message, "parameters"),
        environment=_texts(message, "environment"),
        timeout_s=float(timeout_s),
        epoch=epoch,
        incarnation=None if incarnation is None else Incarnation(_text(message, "incarnation")),
        user=_text(message, "user") if "user" in message else "root",
    )


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
        "status": outcome.status,
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


def outcome_from_wire(message: Mapping[str, Any]) -> ActionOutcome:
    """The outcome in an answer."""
    evidence = message.get("evidence")
    if "error" in message or evidence not in _EVIDENCE:
        why = str(message.get("error", "no outcome in the executor's answer"))
        return ActionOutcome(status=None, evidence="silent", unanswered="not-begun", output=(why,))
    return ActionOutcome(
        status=message["status"],
        evidence=cast(Evidence, evidence),
        output=tuple(message["output"]),
        details=message["details"],
        duration_s=message["duration_ms"] / 1000,
        unanswered=message["unanswered"],
        housed=message["housed"],
        strays=tuple(message["strays"]),
        killed=message["killed"],
        pressure=message["pressure"],
    )


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadInput(f"{key} is {value!r}; it is a text")
    return value


def _texts(message: Mapping[str, Any], key: str) -> dict[str, str]:
    value = message.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise BadInput(f"{key} is {value!r}; it is an object of texts")
    return value
