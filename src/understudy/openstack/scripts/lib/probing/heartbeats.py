"""Services that serve no port: their rows in the database, which they renew, and what network agents have built."""

import contextlib
import os
import socket
import time

from probing.answer import CONNECT_S, NO, PARTIAL, ProbeAnswer
from probing.mysql import MySql, QueryRefused
from probing.needs import NEIGHBOUR_S, login, options, require_broker

_NO_COLUMN = 1054
_DOWN_S = {"nova": 60, "cinder": 60, "neutron": 75}
"""How old a heartbeat may be: the projects' own service_down_time and agent_down_time, if their files do not say."""
_DOWN_OPTION = {"nova": "service_down_time", "cinder": "service_down_time", "neutron": "agent_down_time"}
_ROWS = {
    "nova": "services where `binary`={binary} and host={host} and deleted=0",
    "cinder": "services where `binary`={binary} and deleted=0 and (host={host} or left(host, char_length({host})+1)=concat({host}, '@'))",
    "neutron": "agents where `binary`={binary} and host={host}",
}
_TIMES = {"nova": ("last_seen_up", "updated_at"), "cinder": ("updated_at",), "neutron": ("heartbeat_timestamp",)}
_BUILT = {
    "neutron-l3-agent": (
        "router",
        "qrouter-",
        "select r.id from routers r join routerl3agentbindings b on b.router_id=r.id join agents a on a.id=b.l3_agent_id "
        "where a.host={host} and a.`binary`='neutron-l3-agent' and r.admin_state_up=1",
    ),
    "neutron-dhcp-agent": (
        "network",
        "qdhcp-",
        "select n.id from networks n join networkdhcpagentbindings b on b.network_id=n.id join agents a on a.id=b.dhcp_agent_id "
        "where a.host={host} and a.`binary`='neutron-dhcp-agent' and n.admin_state_up=1 "
        "and exists (select 1 from subnets s where s.network_id=n.id and s.enable_dhcp=1)",
    ),
}
"""Agent -> what it should have built for what is scheduled to it, as a network namespace."""
_NAMESPACES = "/run/netns"
NOTED_IN = "OPENSTACK_HA_OVERDUE"
"""The variable with the file in which a check leaves for the next one since when a report is overdue."""


class _StillTime(ProbeAnswer):
    """A report is overdue, and may yet come."""


def literal(text: str) -> str:
    """As SQL has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def project_of(file: str) -> str:
    """Whose heartbeats these are, by the name of the file."""
    return next((name for name in _ROWS if f"/{name}" in file), "nova")


def youngest(database: MySql, project: str, binary: str, host: str) -> tuple[str, int | None]:
    """The last time of this service's rows, and how many seconds ago that is; None: there is no row."""
    for time_of in _TIMES[project]:
        known = f"coalesce({time_of}, created_at)"
        rows_of = _ROWS[project].format(binary=literal(binary), host=literal(host))
        try:
            rows = database.rows(f"select {known}, timestampdiff(second, {known}, utc_timestamp()) from {rows_of}")
        except QueryRefused as refused:
            if refused.number == _NO_COLUMN and time_of != _TIMES[project][-1]:
                continue
            raise
        last = max(rows, default=["", ""])
        return last[0], int(last[1]) if last[1] else None
    return "", None


def own_host(known: dict[tuple[str, str], str]) -> str:
    """By what name the service reports."""
    return known.get(("DEFAULT", "host")) or socket.gethostname()


def ask_mark(file: str, binary: str, *, deadline: float) -> None:
    """For the start: whose row it is not to be taken in by. Empty if the database cannot say."""
    database = login(file, ["database"], 0)
    print(youngest(database, project_of(file), binary, own_host(options(file)))[0])
    database.close()


def ask_heartbeat(file: str, binary: str, unlike: str = "", *, deadline: float) -> None:
    """Its row is young; of a network agent: and it has built what it should."""
    try:
        _ask_heartbeat(file, binary, unlike.replace("T", " "), deadline)
    except _StillTime:
        raise
    except ProbeAnswer:  # with a neighbour away its time has not begun
        _forget()
        raise
    _forget()


def _ask_heartbeat(file: str, binary: str, unlike: str, deadline: float) -> None:
    known, project = options(file), project_of(file)
    host = own_host(known)
    longest = int(known.get(("DEFAULT", _DOWN_OPTION[project]), _DOWN_S[project]))
    database = login(file, ["database"], max(0.0, min(NEIGHBOUR_S, deadline - time.monotonic() - CONNECT_S)))
    last, age = youngest(database, project, binary, host)
    if age is None or age > longest or (unlike and last == unlike):
        others = project == "neutron" and somebody_reports(database, longest)
        database.close()
        require_broker(file)
        said = f"{binary} on {host} " + ("has not reported yet" if age is None or last == unlike else f"last reported {age} s ago")
        if project == "neutron" and not others and not unlike:
            raise ProbeAnswer(PARTIAL, f"no agent's report reaches neutron-server; {said}")
        if not unlike and (left_s := longest - overdue_s(last)) > 0:
            raise _StillTime(PARTIAL, f"{said}; what it reports by serves, and it is given {left_s:.0f} s")
        raise ProbeAnswer(NO, said)
    lacking = unbuilt(database, binary, host)
    database.close()
    if lacking:
        raise ProbeAnswer(PARTIAL, lacking)


def overdue_s(last: str) -> float:
    """For how long checks have found this report overdue, and whatever it goes by serving. While the database or the broker was away
    nobody could report: a healthy agent that was ended for that would take its routers with it. Without a place for a note: without end."""
    now, path = time.clock_gettime(time.CLOCK_BOOTTIME), os.environ.get(NOTED_IN, "")
    with contextlib.suppress(OSError, ValueError):
        with open(path) as file:
            noted, since = file.read().rsplit(" ", 1)
        if noted == last and float(since) <= now:
            return now - float(since)
    try:
        with open(path, "w") as file:
            file.write(f"{last} {now}")
    except OSError:
        return float("inf")
    return 0.0


def _forget() -> None:
    with contextlib.suppress(OSError):
        os.unlink(os.environ.get(NOTED_IN, ""))


def somebody_reports(database: MySql, longest: int) -> bool:
    """Any agent's report has come in: else it is not this agent that fails."""
    age = "timestampdiff(second, heartbeat_timestamp, utc_timestamp())"
    return bool(database.rows(f"select 1 from agents where {age} <= {longest} limit 1"))


def unbuilt(database: MySql, binary: str, host: str) -> str:
    """What is scheduled to this agent and has no namespace, in words; empty: nothing."""
    if binary not in _BUILT:
        return ""
    what, prefix, query = _BUILT[binary]
    wanted = [row[0] for row in database.rows(query.format(host=literal(host)))]
    lacking = [name for name in wanted if not os.path.exists(f"{_NAMESPACES}/{prefix}{name}")]
    if not lacking:
        return ""
    return f"{len(lacking)} of {len(wanted)} {what}s not built yet, the first {lacking[0]}"
