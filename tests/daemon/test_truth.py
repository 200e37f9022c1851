"""What commands say when something is not as it should be, and what the alert log and the history say about it.

Each state is made of what a server knows itself: what its guard reports, its lanes, whether the registry answers.
`tests/e2e/test_states.py` tests the same in a lab.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from daemon.cluster import Cluster, running
from support import wait_until
from understudy.daemon import sight
from understudy.daemon.alerts import Alerts, alert_lines
from understudy.daemon.sight import Sight
from understudy.lane.phases import Starting
from understudy.model import events
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.ports import AbilityChanged, GuardSight, LastMessage

NEW_LIFE = Incarnation("f" * 32)


@asynccontextmanager
async def with_db(*servers: str) -> AsyncIterator[Cluster]:
    """A cluster in which `db` runs on ctr1."""
    async with running(*servers) as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        await cluster.run("crsctl start resource db -n ctr1")
        yield cluster


def lapse(cluster: Cluster, *servers: str, for_s: float = 31.0) -> None:
    """Their leases are over, and their guards, in new incarnations, receive nothing; as daemons that have begun since see it."""
    for name in servers:
        cluster.guards[name].holds = False
        cluster.guards[name].said = GuardSight(
            incarnation=NEW_LIFE, voters=tuple(map(ServerName, cluster.servers)), lapsed_s=for_s, gap_s=None
        )
        cluster.sights[name] = Sight(cluster.nodes[name])
        cluster.sights[name]._began -= 2.0


def registry_goes_away(cluster: Cluster, server: str, *, for_s: float) -> None:
    """As its daemon sees it."""
    node = cluster.nodes[server]
    node.mirror.reachable = False
    node.ability.reached_at -= for_s


async def test_with_the_majority_lost_no_command_says_that_all_is_well() -> None:
    """The survivor has stopped everything. Every command says so, with what to do, and ends with 1."""
    async with with_db("ctr1", "ctr2", "ctr3") as cluster:
        lapse(cluster, "ctr1", "ctr2", "ctr3")
        told = {
            command: await cluster.run(command, on="ctr1")
            for command in ("crsctl check crs", "crsctl check cluster", "crsctl check cluster -all", "understudy cluster status")
        }
        shown = {
            command: (await cluster.run(command, on="ctr1")).text
            for command in (
                "crsctl stat res db", "crsctl stat res -t", "understudy server list", "understudy explain db", "crsctl stat server",
            )
        }  # fmt: skip
        why = "UND-0140: No majority of voters: of 3 voters 2 are needed, and only ctr1 can be reached from ctr1 (for 31 s)"

        assert {lines.status for lines in told.values()} == {1}
        assert all(why in text for text in (*(lines.text for lines in told.values()), *shown.values()))
        assert "CRS-4535: Cannot communicate with Cluster Ready Services" in told["crsctl check crs"].text
        assert "CRS-4530: Communications failure" in told["crsctl check crs"].text
        assert "resources down          db" in told["understudy cluster status"].text
        assert "STATE=OFFLINE" in shown["crsctl stat res db"]
        assert "db: TARGET ONLINE, OFFLINE" in shown["understudy explain db"]
        assert "NAME=ctr2\nSTATE=UNKNOWN" in shown["crsctl stat server"]
        assert "ctr1    OFFLINE" in shown["understudy server list"]


async def test_what_ran_on_a_server_that_nobody_hears_is_unknown() -> None:
    """It may have no power, or run on beyond a cut: with the age of what was known last."""
    async with with_db("ctr1", "ctr2", "ctr3") as cluster:
        lapse(cluster, "ctr2")
        text = (await cluster.run("crsctl stat res db -v", on="ctr2")).text
        found = json.loads((await cluster.run("crsctl stat res db --json", on="ctr2")).text.splitlines()[-1])

        assert "STATE=UNKNOWN on ctr1" in text
        assert "STATE_DETAILS=WAS ONLINE" in text
        assert found["resources"][0]["lease"] == "unheard"
        assert found["conditions"][0]["kind"] == "majority-lost"


@pytest.mark.parametrize("command", ["start", "stop", "relocate", "restart"])
async def test_a_verb_that_nobody_could_carry_out_says_so_at_once(command: str) -> None:
    """Instead of waiting without a word, or of taking an old report for a resource that runs. Nothing was changed."""
    async with with_db("ctr1", "ctr2", "ctr3") as cluster:
        before = cluster.revision
        lapse(cluster, "ctr1", "ctr2", "ctr3")
        done = await cluster.run(f"crsctl {command} resource db", on="ctr1")

        assert done.status == 1
        assert done.text.startswith("UND-0148: That cannot be done now; nothing was changed:\nUND-0140: No majority of voters")
        assert done.text.endswith(f"CRS-4000: Command {command.capitalize()} failed, or completed with errors.")
        assert "already running" not in done.text
        assert not cluster.store.read("request/")[1]
        assert before <= cluster.revision


async def test_with_the_registry_away_what_is_shown_is_said_to_be_old() -> None:
    """What runs goes on; of the others it is said how old the word is, and of this server what its own lanes know."""
    async with with_db("ctr1", "ctr2") as cluster:
        registry_goes_away(cluster, "ctr2", for_s=40.0)
        elsewhere = await cluster.run("crsctl stat res db -v", on="ctr2")
        check = await cluster.run("crsctl check crs", on="ctr2")
        start = await cluster.run("crsctl start res db", on="ctr2")
        registry_goes_away(cluster, "ctr1", for_s=40.0)
        here = await cluster.run("crsctl stat res db -v", on="ctr1")

        assert "UND-0068: The registry does not answer: for 40 s; what is shown is 40 s old." in elsewhere.text
        assert "STATE=ONLINE on ctr1" in elsewhere.text
        assert "STATE_DETAILS=40 s old" in elsewhere.text
        assert "STATE_DETAILS=\n" in here.text
        assert (check.status, start.status) == (1, 1)
        assert "CRS-4534: Cannot communicate with Event Manager" in check.text
        assert start.text.startswith("UND-0148")


async def test_a_start_does_not_take_an_old_report_for_a_resource_that_runs() -> None:
    """Its server has begun a new incarnation: what the registry says of the old one is over."""
    async with with_db("ctr1", "ctr2") as cluster:
        guard = cluster.guards["ctr2"]
        guard.said = replace(guard.said, last_messages={ServerName("ctr1"): LastMessage(incarnation=NEW_LIFE, age_s=0.1)})
        well = await cluster.run("crsctl start res db", on="ctr1")
        done = await cluster.run("crsctl start res db", on="ctr2")

        assert "CRS-5702: Resource 'db' is already running on 'ctr1'" in well.text
        assert "already running" not in done.text
        check = await cluster.run("crsctl check cluster", on="ctr2")
        assert "UND-0141: Server 'ctr1' holds no lease: it has begun a new incarnation" in check.text


async def test_what_begins_while_a_verb_waits_is_printed() -> None:
    """A registry that goes away in the middle of a start, for instance."""
    async with running("ctr1") as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        service = cluster.executors["ctr1"].service(ResourceName("db"))
        service.took_s["start"] = 2.0
        node = cluster.nodes["ctr1"]
        running_start = cluster.run("crsctl start res db", on="ctr1")

        async def goes_away() -> None:
            lanes = node.lanes
            assert lanes is not None
            await wait_until(lambda: isinstance(lanes.locals[ResourceName("db")].phase, Starting), 5, "it starts")
            registry_goes_away(cluster, "ctr1", for_s=3.0)

        done, _ = await asyncio.gather(running_start, goes_away())

        assert "UND-0068: The registry does not answer" in done.text


async def test_what_was_so_before_a_verb_waits_is_printed_when_it_has_waited_for_a_while() -> None:
    """A stop on a server whose executor hangs said nothing for ten seconds, until that server was evicted."""
    async with with_db("ctr1", "ctr2") as cluster:
        node = cluster.nodes["ctr1"]
        cluster.executors["ctr1"].service(ResourceName("db")).took_s["stop"] = 4.0
        node._note_ability(AbilityChanged(ServerName("ctr2"), cluster.life_of("ctr2"), False, "its daemon does not answer", 4.0))
        done = await cluster.run("crsctl stop res db", on="ctr1")
        told = [line for line in done.text.splitlines() if line.startswith("UND-0101")]

        assert done.status == 0
        assert [line[:50] for line in told] == ["UND-0101: Server 'ctr2' holds its lease but cannot"]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"priority": "normal priority, real time refused"}, "UND-0145: Not as it should be: understudy-guard has no real-time"),
        ({"gate": "unavailable: this kernel has no nf_tables"}, "UND-0145: Not as it should be: there is no gate"),
        ({"not_kept": "/var/lib/x cannot be written: full. Until it can, wait"}, "UND-0145: Not as it should be: /var/lib/x cannot be"),
    ],
)
async def test_what_has_no_effect_yet_ends_with_3(said: dict[str, Any], line: str) -> None:
    """All that is wanted runs; a script can distinguish it from healthy, and from down."""
    async with running("ctr1") as cluster:
        cluster.guards["ctr1"].said = replace(cluster.guards["ctr1"].said, **said)
        found = [await cluster.run(command) for command in ("crsctl check crs", "crsctl check cluster", "understudy cluster status")]

        assert all(line in lines.text for lines in found)
        assert {lines.status for lines in found} == {3}
        for command in ("crsctl stat res -t", "understudy explain ora.net1.network"):
            assert line in (await cluster.run(command)).text


async def test_a_guard_that_does_not_answer_is_shown_with_its_age() -> None:
    """`check has` speaks of it too: it is one of this server's own processes."""
    async with running("ctr1") as cluster:
        cluster.guards["ctr1"].answers = False
        cluster.sights["ctr1"]._said_at -= 9.0
        found = [await cluster.run(command) for command in ("crsctl check has", "crsctl check crs")]

        assert all("UND-0142: The guard of this server does not answer: it has not answered for 9 s" in lines.text for lines in found)
        assert {lines.status for lines in found} == {1}


async def test_states_are_told_in_the_alert_log_of_their_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entered and left, one line each, without the registry; what is over at once is not logged."""
    async with with_db("ctr1", "ctr2", "ctr3") as cluster:
        lapse(cluster, "ctr1")
        told: list[str] = []
        own_sight = cluster.sights["ctr1"]
        own_sight.alert = told.append
        await own_sight.look()
        own_sight._report_changes()
        early = list(told)
        exchange_value(monkeypatch, sight, "REPORT_AFTER_S", 0.0)
        own_sight._report_changes()
        own_sight._report_changes()
        cluster.guards["ctr1"].holds = True
        cluster.guards["ctr1"].said = replace(
            cluster.guards["ctr2"].said, incarnation=cluster.life_of("ctr1"), last_messages={}, gap_s=31.0
        )
        await own_sight.look()
        own_sight._report_changes()

        assert early == []
        assert [line.partition(":")[0] for line in told][:1] == ["UND-0140"]
        assert len([line for line in told if line.startswith("UND-0140:No majority")]) == 1
        assert [line for line in told if "Over after" in line] == ["UND-0140:Over after 0 s: No majority of voters (majority-lost)"]


async def test_another_cause_of_the_same_state_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has mended the first must not take its line for the last word; that it lasts longer is no news."""
    exchange_value(monkeypatch, sight, "REPORT_AFTER_S", 0.0)
    async with running("ctr1") as cluster:
        told: list[str] = []
        own_sight = cluster.sights["ctr1"]
        own_sight.alert = told.append
        for gate in ("unavailable: Operation not permitted", "unavailable: Operation not permitted", "unavailable: No buffer space"):
            cluster.guards["ctr1"].said = replace(cluster.guards["ctr1"].said, gate=gate)
            await own_sight.look()
            own_sight._report_changes()
        cluster.guards["ctr1"].answers = False
        for age_s in (9.0, 10.0):
            own_sight._said_at -= age_s
            own_sight._report_changes()

        assert [line.partition(": if")[0] for line in told if "gate" in line] == [
            "UND-0145:Not as it should be: there is no gate (unavailable: Operation not permitted)",
            "UND-0145:Not as it should be: there is no gate (unavailable: No buffer space)",
        ]
        assert len([line for line in told if line.startswith("UND-0142")]) == 1


async def test_what_no_leader_tells_each_server_tells_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history says who cannot act as long as somebody leads who writes it; with every executor hanging the alert logs said nothing."""
    exchange_value(monkeypatch, sight, "REPORT_AFTER_S", 0.0)
    async with running("ctr1", "ctr2") as cluster:
        node, ctr2, told = cluster.nodes["ctr1"], ServerName("ctr2"), list[str]()
        cluster.sights["ctr1"].alert = told.append
        word = AbilityChanged(ctr2, cluster.life_of("ctr2"), False, "its executor does not answer", 4.0)
        monkeypatch.setattr(node.leader, "leads", lambda: False)
        node._note_ability(word)
        cluster.sights["ctr1"]._report_changes()
        alone = [line for line in told if "UND-0101" in line]
        node._note_ability(replace(word, able=True, why=""))
        cluster.sights["ctr1"]._report_changes()
        monkeypatch.setattr(node.leader, "leads", lambda: True)
        node._note_ability(word)
        await wait_until(lambda: any(event.kind == events.CANNOT_ACT for event in node.mirror.history()), 10, "the leader tells it")
        cluster.sights["ctr1"]._report_changes()

        assert [line[:68] for line in alone] == ["UND-0101:Server 'ctr2' holds its lease but cannot act: its executor "]
        assert [line for line in told if "UND-0101" in line] == alone


async def test_what_runs_and_is_not_registered_is_said_by_every_server() -> None:
    """The registry was recreated: nobody would notice its end. It is reported until it is registered again, and then adopted."""
    async with running("ctr1", "ctr2") as cluster:
        for name in ("webVIP", "web"):
            cluster.executors["ctr1"].service(ResourceName(name)).alive = True
        mirror = cluster.nodes["ctr2"].mirror
        await cluster.run("crsctl check crs", on="ctr2")  # from here on it sees the leader at work
        await wait_until(lambda: mirror.view.looks[ServerName("ctr1")].unregistered, 30, "its look tells it")
        told = {command: await cluster.run(command, on="ctr2") for command in ("crsctl check cluster -all", "understudy cluster status")}
        elsewhere = await cluster.run("crsctl check crs", on="ctr2")
        await wait_until(lambda: any(happened.kind == events.UNREGISTERED for happened in mirror.history()), 10, "in history")
        (event,) = [happened for happened in mirror.history() if happened.kind == events.UNREGISTERED]
        asked = ("crsctl start resource web", "understudy explain web", "crsctl stat res web")
        unknown = [await cluster.run(command, on="ctr2") for command in asked]
        for name in ("webVIP", "web"):
            await cluster.run(f'crsctl add resource {name} -type cluster_resource -attr "ACTION_SCRIPT=/web.scr"')
        after = await cluster.run("understudy cluster status", on="ctr2")
        started = await cluster.run("crsctl start resource web", on="ctr2")

        assert all(
            "UND-0230: Server 'ctr1' runs what is not registered: web, webVIP. Nothing watches" in lines.text for lines in told.values()
        )
        assert {lines.status for lines in told.values()} == {3}
        assert elsewhere.status == 0
        assert (event.on, event.cause) == ("ctr1", "web, webVIP")
        assert all("UND-0233: Something of the name 'web' runs on server 'ctr1'" in lines.text for lines in unknown)
        assert "UND-0230" not in after.text
        assert started.status == 0
        assert cluster.nodes["ctr1"].mirror.view.reports[ResourceName("web")][ServerName("ctr1")].state == "ONLINE"


async def test_a_daemon_that_has_only_just_read_the_registry_does_not_say_that_nobody_leads() -> None:
    """It began long before, and the registry was away, or it got no processor: a start was refused for a leader that was at work."""
    async with running("ctr1", "ctr2") as cluster:
        cluster.sights["ctr2"]._began -= 60.0
        check = await cluster.run("crsctl check cluster -all", on="ctr2")
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"', on="ctr2")
        started = await cluster.run("crsctl start resource db", on="ctr2")

        assert "UND-0143" not in check.text
        assert (check.status, started.status) == (0, 0), (check.text, started.text)


async def test_after_the_majority_is_back_the_history_says_how_long_it_was_away_and_what_was_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, by whoever leads; and one of each server that had no lease."""
    async with with_db("ctr1", "ctr2", "ctr3") as cluster:
        lapse(cluster, "ctr1", "ctr2", "ctr3", for_s=251.0)
        await cluster.sights["ctr1"].look()
        cluster.sights["ctr1"]._report_changes()
        for name in cluster.servers:
            cluster.guards[name].holds = True
        cluster.guards["ctr1"].said = replace(cluster.guards["ctr1"].said, incarnation=cluster.life_of("ctr1"), lapsed_s=None, gap_s=251.0)
        monkeypatch.setattr(cluster.nodes["ctr1"].leader, "leads", lambda: True)
        await cluster.sights["ctr1"].look()
        cluster.sights["ctr1"]._report_changes()
        mirror = cluster.nodes["ctr2"].mirror
        await wait_until(lambda: any(event.kind == events.MAJORITY_BACK for event in mirror.history()), 10, "the history tells it")
        (back,) = [event for event in mirror.history() if event.kind == events.MAJORITY_BACK]
        (lapsed,) = [event for event in mirror.history() if event.kind == events.LAPSED]

        assert (back.cause, back.text) == ("after 4 min 11 s without one", "down meanwhile: db")
        assert lapsed.cause == "it held no lease for 4 min 11 s"
        assert "UND-0140:A majority of voters is back after 4 min 11 s without one; down meanwhile: db" in alert_lines(back, "x")[1]


async def test_cluster_status_counts_what_is_unknown_or_cannot_be_told() -> None:
    """A local resource too, on each server; neither is `down`, and neither is well."""
    async with with_db("ctr1", "ctr2") as cluster:
        service = cluster.executors["ctr1"].service(ResourceName("db"))
        service.fails["check"] = 4
        await cluster.run("crsctl check resource db")
        mirror = cluster.nodes["ctr1"].mirror
        await wait_until(lambda: mirror.view.reports[ResourceName("db")][ServerName("ctr1")].state == "INTERMEDIATE", 10, "it is so")
        done = await cluster.run("understudy cluster status --json")

        assert json.loads(done.text)["resources_intermediate"] == ["db"]
        assert json.loads(done.text)["resources_down"] == []
        assert done.status == 3


async def test_alerts_that_cannot_be_written_are_counted_and_shown() -> None:
    """Nothing waits for the disk of a log; how many lines it has lost, and why, is said until a line can be written again."""
    log = Alerts(Path("/dev/full"), "ctr1")
    log.write("UND-0140:No majority of voters")
    async with running("ctr1") as cluster:
        cluster.sights["ctr1"].unwritten = log.unwritten
        await wait_until(lambda: log.unwritten()[0], 5, "it is counted")
        done = await cluster.run("crsctl check crs")

    assert log.unwritten() == (1, "No space left on device")
    assert "UND-0147: The alert log cannot be written: 1 lines are lost (No space left on device)." in done.text
    assert done.status == 3
