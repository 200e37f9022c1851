"""What `understudy openstack` prints, as text and as JSON; secrets are hidden everywhere. Called by `openstack.py`."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence

from understudy.model.messages import line
from understudy.openstack.core.compare import Comparison, Judged
from understudy.openstack.core.endpoints import SERVER as ENDPOINTS
from understudy.openstack.core.plan import Blocked, PlaceStep, ServersPlan, diff, title
from understudy.openstack.core.registered import JudgedRegistered, RegistryStep
from understudy.openstack.core.templates import hide, hide_unknown
from understudy.openstack.core.wanted import Desired, WantedEntry
from understudy.openstack.kept import Former, FormerRegistered
from understudy.openstack.work import RunOutcome


def progress(step: PlaceStep | RegistryStep | Former | FormerRegistered, why: str) -> None:
    """One line to standard error, when a step is over."""
    print(f"{'done' if not why else 'LEFT'}  {_named(step)}{f': {why}' if why else ''}", file=sys.stderr, flush=True)


def _named(step: PlaceStep | RegistryStep | Former | FormerRegistered) -> str:
    match step:
        case PlaceStep():
            return f"{step.server}  {title(step)}"
        case RegistryStep():
            return shlex.join(step.command)
        case Former():
            return f"{step.server}  put back {step.place}"
        case FormerRegistered():
            return shlex.join(step.undo)


def plan_text(
    desired: Desired,
    planned: ServersPlan,
    steps: Sequence[RegistryStep],
    why: str,
    secrets: Mapping[str, str],
    *,
    endpoints: ServersPlan | None = None,
) -> str:
    """Per server, then the cluster, then endpoints. `endpoints` None: they are left to the operator."""
    lines: list[str] = []
    for server in desired.servers:
        of_server = [step for step in planned.steps if step.server == server]
        lines += [server, *(f"  {row}" for step in of_server for row in _rows(step, secrets))] if of_server else []
    if steps:
        lines += ["the cluster", *(f"  {shlex.join(step.command)}" for step in steps)]
    if endpoints is not None and endpoints.steps:
        lines += [ENDPOINTS, *(f"  {row}" for step in endpoints.steps for row in _rows(step, secrets))]
    if endpoints is None and desired.endpoints:
        lines.append("endpoints, by hand, once Keystone answers, with the credentials of an administrator (those that are missing)")
        lines += [f"  {command}" for endpoint in desired.endpoints for command in endpoint.commands]
    lines += _left(_blocked(planned, why, endpoints))
    lines.append(_count(planned, steps, endpoints))
    return "\n".join(lines)


def _count(planned: ServersPlan, steps: Sequence[RegistryStep], endpoints: ServersPlan | None) -> str:
    made = len(endpoints.steps) if endpoints else 0
    if not planned.steps and not steps and not made:
        return line(20435)
    servers = len({step.server for step in planned.steps})
    return line(20446, made) if made and not planned.steps and not steps else line(20434, len(planned.steps), servers, len(steps))


def _blocked(planned: ServersPlan, why: str, endpoints: ServersPlan | None) -> list[Blocked]:
    """With the cluster and Keystone, where they cannot be asked."""
    cluster = [Blocked(server="", place="the cluster", cause=why)] if why else []
    return [*planned.blocked, *cluster, *(endpoints.blocked if endpoints else ())]


def _rows(step: PlaceStep, secrets: Mapping[str, str]) -> list[str]:
    because = f"  ({'; '.join(step.because)})" if step.because else ""
    return [title(step) + because, *(f"  {row}" for row in diff(step, secrets).split("\n") if row)]


def _left(blocked: Sequence[Blocked]) -> list[str]:
    return [line(20436, " ".join(part for part in (item.server, item.place) if part), item.cause) for item in blocked]


def plan_json(
    desired: Desired,
    planned: ServersPlan,
    steps: Sequence[RegistryStep],
    why: str,
    secrets: Mapping[str, str],
    *,
    endpoints: ServersPlan | None = None,
) -> str:
    """The same for machines. `to_make`: endpoints that apply makes; None: by hand, by the commands of `endpoints`."""
    return json.dumps(
        {
            "steps": [
                {
                    "server": step.server,
                    "place": step.place,
                    "what": title(step),
                    "because": list(step.because),
                    "diff": diff(step, secrets),
                }
                for step in planned.steps
            ],
            "commands": [list(step.command) for step in steps],
            "endpoints": [{"name": endpoint.name, "commands": list(endpoint.commands)} for endpoint in desired.endpoints],
            "to_make": None if endpoints is None else [title(step) for step in endpoints.steps],
            "left": [_blocked_json(item) for item in _blocked(planned, why, endpoints)],
        }
    )


def _blocked_json(item: Blocked) -> dict[str, str]:
    return {"server": item.server, "place": item.place, "cause": item.cause}


def outcome_text(outcome: RunOutcome) -> str:
    """What was done and what is left, in the end."""
    return "\n".join([*_left(outcome.left), line(20437, len(outcome.done), len(outcome.left))])


def outcome_json(outcome: RunOutcome) -> str:
    """The same for machines."""
    return json.dumps({"done": outcome.done, "left": [_blocked_json(item) for item in outcome.left]})


# --- verify


def verdict(judged: Sequence[Judged], registered: Sequence[JudgedRegistered], why: str) -> int:
    """0: all is right; 1: something differs; 2: nothing is known to differ, and something is not known."""
    found = set(_verdicts(judged, registered))
    if found & {Comparison.WRONG, Comparison.MISSING}:
        return 1
    return 2 if why or Comparison.UNKNOWN in found else 0


def _verdicts(judged: Sequence[Judged], registered: Sequence[JudgedRegistered]) -> list[Comparison]:
    return [item.verdict for item in judged] + [item.verdict for item in registered]


def verify_text(judged: Sequence[Judged], registered: Sequence[JudgedRegistered], why: str, secrets: Mapping[str, str]) -> str:
    """What is not right, then a count."""
    lines = [
        f"{item.verdict:<8} {item.server}  {item.wanted.place}  {item.wanted.name}{_there(item, secrets)}"
        for item in judged
        if item.verdict is not Comparison.RIGHT
    ]
    lines += [
        f"{item.verdict:<8} the cluster  {item.name}{f': {item.there}' if item.there else ''}"
        for item in registered
        if item.verdict is not Comparison.RIGHT
    ]
    if why:
        lines.append(line(20436, "the cluster", why))
    every = _verdicts(judged, registered)
    lines.append(line(20438, *(every.count(kind) for kind in Comparison)))
    return "\n".join(lines)


def _there(item: Judged, secrets: Mapping[str, str]) -> str:
    if not item.there:
        return ""
    if isinstance(item.wanted, WantedEntry):
        return f": {hide_unknown(hide(f'{item.wanted.key} = {item.there}', secrets))}"
    return f": {hide(item.there, secrets)}"


def verify_json(judged: Sequence[Judged], registered: Sequence[JudgedRegistered], why: str, secrets: Mapping[str, str]) -> str:
    """The same for machines."""
    every = _verdicts(judged, registered)
    differing = [
        {
            "server": item.server,
            "place": item.wanted.place,
            "name": item.wanted.name,
            "verdict": str(item.verdict),
            "there": _there(item, secrets).removeprefix(": "),
        }
        for item in judged
        if item.verdict is not Comparison.RIGHT
    ]
    return json.dumps(
        {
            "status": verdict(judged, registered, why),
            "counts": {str(kind): every.count(kind) for kind in Comparison},
            "servers": differing,
            "cluster": [
                {"name": item.name, "verdict": str(item.verdict), "there": item.there}
                for item in registered
                if item.verdict is not Comparison.RIGHT
            ],
            "not_known": why,
        }
    )
