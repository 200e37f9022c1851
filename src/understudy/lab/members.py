"""The members of a lab's etcd: which of them leads, and leadership moved to another.

For benchmarks and stories in which it matters whose power is lost. Asks each member from its own host, with that host's certificate. Only
for labs whose settings the lab has written (not bare ones).
"""

import json
import time
from typing import Any

from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.lab.plan import TLS
from understudy.model.engines import PORT

_WITHIN_S = 30.0
_POLL_S = 0.1
_ASK = ("curl", "-sf", "-m", "2", "--cacert", TLS.ca, "--cert", TLS.certificate, "--key", TLS.key)


def leader(lab: Lab) -> str:
    """The server whose member leads, once all members that have power agree on it; LabError: they do not within half a minute."""
    return _agreed(lab)[0]


def lead_from(lab: Lab, server: str) -> None:
    """Move the leadership to the member on a server; returns when all members agree on it. LabError: it did not come about."""
    deadline = time.monotonic() + _WITHIN_S
    while True:
        leads, numbers = _agreed(lab)
        if leads == server:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the member of etcd on {server} does not lead within {_WITHIN_S:g} s")
        _ask(lab, leads, "maintenance/transfer-leadership", {"targetID": numbers[server]})


def _agreed(lab: Lab) -> tuple[str, dict[str, str]]:
    """Who leads, and every member's number."""
    deadline = time.monotonic() + _WITHIN_S
    hosts = [host for host in lab.plan.registry_hosts if lab.is_on(host)]
    while True:
        said = {host: _ask(lab, host, "maintenance/status", {}) for host in hosts}
        numbers = {host: str(status.get("header", {}).get("member_id", "")) for host, status in said.items()}
        leaders = {str(status.get("leader", "")) for status in said.values()}
        found = [host for host, number in numbers.items() if leaders == {number}]
        if len(found) == 1:
            return found[0], numbers
        if time.monotonic() > deadline:
            raise LabError(f"the members of etcd on {', '.join(hosts)} do not agree within {_WITHIN_S:g} s on who leads")
        time.sleep(_POLL_S)


def _ask(lab: Lab, host: str, what: str, question: dict[str, str]) -> dict[str, Any]:
    """The answer of the member on a host; empty: none."""
    address = lab.plan.host(host).address("interconnect")
    command = [*_ASK, "--data", json.dumps(question), f"https://{address}:{PORT}/v3/{what}"]
    answer = lab.exec(host, command, check=False)
    found: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 and answer.stdout else {}
    return found
