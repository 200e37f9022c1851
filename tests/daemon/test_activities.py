"""From a line of the history to the logs: what belongs together is called by one name, in daemon, executor, script and history."""

import json
from typing import Any

from daemon.cluster import Cluster, running
from support import wait_until
from understudy.model.names import ResourceName
from understudy.model.view import Event
from understudy.ports import ActionOutcome, ActionRequest, LeaseChanged
from understudy.registry.wire import PRESENT
from understudy.sim.formats import NEXT

DB = ResourceName("db")
ADD = 'crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db,PLACEMENT=restricted,HOSTING_MEMBERS=ctr1,RESTART_ATTEMPTS=0"'


def requests_of(cluster: Cluster, server: str) -> list[ActionRequest]:
    """Those that its executor gets from now on."""
    found: list[ActionRequest] = []
    executor = cluster.executors[server]
    run = executor.run

    async def remembered(request: ActionRequest) -> ActionOutcome:
        found.append(request)
        return await run(request)

    executor.run = remembered  # type: ignore[method-assign]
    return found


async def events_of(cluster: Cluster) -> list[dict[str, Any]]:
    """The history of the database, as a program gets it."""
    shown = await cluster.run("understudy history db --json")
    return [json.loads(line) for line in shown.text.splitlines()]


async def test_a_start_that_fails_is_found_by_its_activity(logged: list[dict[str, Any]]) -> None:
    """In the request to the executor, in the history, in the daemon's log; and the decision before it in the leader's log."""
    async with running("ctr1", "ctr2") as cluster:
        asked = requests_of(cluster, "ctr1")
        cluster.executors["ctr1"].service(DB).fails["start"] = 1
        await cluster.run(ADD)
        await cluster.run("crsctl start resource db")
        events = await events_of(cluster)
        shown = await cluster.run("understudy history db --activity")
        plain = await cluster.run("understudy history db")

    failed = next(event for event in events if event["kind"] == "start-failed")
    activity = failed["activity"]
    assert activity.startswith(cluster.life_of("ctr1")[:8])
    assert {request.action for request in asked if request.activity == activity} >= {"start"}
    assert {event["kind"] for event in events if event["activity"] == activity} >= {"start-begun", "start-failed"}
    (line,) = [line for line in logged if line["event"] == "start-failed" and line.get("activity") == activity]
    assert (line["resource"], line["on"], line["level"]) == ("db", "ctr1", "warning")
    assert activity in shown.text
    assert activity not in plain.text

    assigned = next(event for event in events if event["kind"] == "assigned")
    decided = [line for line in logged if line["event"] == "decided" and line["activity"] == assigned["activity"]]
    assert any(word.startswith("db to ctr1, epoch ") for line in decided for word in line["assigned"])
    assert assigned["activity"].startswith("t1r")


async def test_what_an_administrator_looks_for_is_logged_once(logged: list[dict[str, Any]]) -> None:
    """A lease, joining, a leader; then nothing, however long nothing happens."""
    async with running("ctr1", "ctr2"):
        await wait_until(lambda: sum(line["event"] == "joined" for line in logged) == 2, 10, "both have joined")
        found = [line["event"] for line in logged]
        assert found.count("lease-held") == 2
        assert found.count("leader") == 1
        assert found.count("joining") == 2


async def test_a_command_is_logged_with_who_gave_it(logged: list[dict[str, Any]]) -> None:
    async with running("ctr1") as cluster:
        await cluster.run(ADD)
        await cluster.run("crsctl start resource db")
    (line,) = [line for line in logged if line["event"] == "target-set"]
    assert line["resource"] == "db"
    assert line["cause"].startswith("by root")


async def test_a_lease_that_is_lost_is_logged(logged: list[dict[str, Any]]) -> None:
    async with running("ctr1", "ctr2") as cluster:
        guard = cluster.guards["ctr1"]
        guard.holds = False
        guard.news.put_nowait(LeaseChanged(cluster.life_of("ctr1"), False))
        await wait_until(lambda: any(line["event"] == "lease-lost" for line in logged), 10, "it is said")


def test_an_event_of_a_version_without_activities_is_read_and_one_with_them_is_read_by_it() -> None:
    """The field is only added: no new format."""
    event = PRESENT.decode_as(Event, b'{"v":1,"wall":1.5,"server":"ctr1","kind":"joined"}')
    assert event.activity == ""
    told = Event(wall=1.5, server=event.server, kind="joined", activity="t3r1204")
    for formats in (PRESENT, NEXT):
        assert formats.decode_as(Event, formats.encode(told, formats.newest)) == told
