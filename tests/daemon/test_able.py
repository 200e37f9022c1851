"""What commands say of a server that holds its lease and cannot act, and of one that an operator calls off."""

import asyncio
from dataclasses import replace

from daemon.cluster import Cluster, running
from support import wait_until
from understudy.daemon.alerts import alert_lines
from understudy.model import events
from understudy.model.conditions import BEGINNING
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.state import Life, State, Target
from understudy.model.view import Assignment, Event, Failure, Holder, IncarnationRecord, Report, TargetRecord
from understudy.ports import AbilityChanged
from understudy.registry import keys

WHY = "its daemon does not answer"


def present(cluster: Cluster, server: str) -> IncarnationRecord:
    """The server's newest life, as ctr1 knows it."""
    return cluster.nodes["ctr1"].mirror.view.present()[ServerName(server)]


def hears(cluster: Cluster, server: str, *, able: bool, incarnation: Incarnation | None = None) -> None:
    """The guard of ctr1 reports it."""
    life = incarnation or present(cluster, server).incarnation
    cluster.nodes["ctr1"]._note_ability(AbilityChanged(ServerName(server), life, able, "" if able else WHY, 4.0))


async def test_every_command_about_servers_tells_who_cannot_act() -> None:
    """With why, and for how long; and no more once it can again."""
    async with running("ctr1", "ctr2") as cluster:
        hears(cluster, "ctr2", able=False)
        told = {
            command: await cluster.run(command, on="ctr1")
            for command in (
                "crsctl check cluster", "crsctl check cluster -all", "crsctl stat server", "crsctl stat server ctr2 -f",
                "understudy server list", "understudy cluster status", "crsctl check cluster -n ctr2 --json",
            )
        }  # fmt: skip
        hears(cluster, "ctr2", able=True)
        after = await cluster.run("crsctl check cluster -all", on="ctr1")

        assert all(WHY in lines.text for lines in told.values()), [name for name, lines in told.items() if WHY not in lines.text]
        assert f"UND-0101: Server 'ctr2' holds its lease but cannot act: {WHY} (for " in told["crsctl check cluster"].text
        assert (told["crsctl check cluster"].status, told["crsctl check cluster -all"].status) == (0, 1)
        assert (after.status, WHY in after.text) == (0, False), after.text


async def test_another_reason_is_told_again_and_the_same_is_not() -> None:
    """Whoever mends the first cause must not look for what is mended already."""
    async with running("ctr1", "ctr2") as cluster:
        node, ctr2 = cluster.nodes["ctr1"], ServerName("ctr2")
        life = present(cluster, "ctr2").incarnation
        await wait_until(node.leader.leads, 10, "ctr1 leads")
        for why in ("its executor does not answer", "its executor does not answer", "it cannot reach the registry", ""):
            node._note_ability(AbilityChanged(ctr2, life, not why, why, 4.0))
        told = (events.CANNOT_ACT, events.CAN_ACT)
        await wait_until(lambda: any(event.kind == events.CAN_ACT for event in node.mirror.history()), 10, "all is told")

        assert [event.cause for event in node.mirror.history() if event.kind in told] == [
            "its executor does not answer", "it cannot reach the registry", "",
        ]  # fmt: skip


async def test_a_start_waits_for_a_daemon_that_has_just_begun() -> None:
    """It is ONLINE, and proves in a moment that it can act: the first command after a boot was refused (CRS-2632)."""
    async with running("ctr1") as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x"')
        node, life = cluster.nodes["ctr1"], present(cluster, "ctr1").incarnation
        node._note_ability(AbilityChanged(ServerName("ctr1"), life, False, BEGINNING, 0.1))
        begun = asyncio.ensure_future(cluster.run("crsctl start resource db"))
        await asyncio.wait([begun], timeout=0.3)
        assert not begun.done(), begun.result().text
        hears(cluster, "ctr1", able=True)
        async with asyncio.timeout(10):
            started = await begun
        assert started.status == 0, started.text

        hears(cluster, "ctr1", able=False)
        await cluster.run("crsctl stop resource db")
        refused = await cluster.run("crsctl start resource db")
        assert (refused.status, "CRS-2632" in refused.text, WHY in refused.text) == (1, True, True), refused.text


async def test_an_executor_that_can_begin_nothing_cannot_act() -> None:
    """It answers, and yet nothing could be started there; said with what is used up, and with where to look."""
    async with running("ctr1") as cluster:
        cluster.executors["ctr1"].nothing_begins = "Resource temporarily unavailable"
        node = cluster.nodes["ctr1"]
        await wait_until(lambda: bool(node.ability.why), 20, "it finds that it cannot act")
        told = await cluster.run("crsctl check crs")
        cluster.executors["ctr1"].nothing_begins = ""
        await wait_until(lambda: not node.ability.why, 20, "it can act again")

        assert "UND-0101: Server 'ctr1' holds its lease but cannot act: its executor can begin nothing: Resource temporarily" in told.text
        assert "Look at what uses it up on ctr1: processes" in told.text
        assert told.status == 1


async def test_nothing_is_started_where_nobody_acts() -> None:
    """A command that names such a server is refused with the reason."""
    async with running("ctr1", "ctr2") as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        hears(cluster, "ctr2", able=False)
        told = await cluster.run("crsctl start resource db -n ctr2", on="ctr1")

        assert f"it holds its lease but cannot act: {WHY}" in told.text
        assert told.status == 1


async def test_another_life_of_the_server_is_not_meant() -> None:
    """What was said of an incarnation that is over says nothing about the next."""
    async with running("ctr1", "ctr2") as cluster:
        hears(cluster, "ctr2", able=False, incarnation=Incarnation("f" * 32))

        assert WHY not in (await cluster.run("crsctl check cluster -all", on="ctr1")).text


async def test_off_is_believed_of_a_silent_server_alone_and_asked_first() -> None:
    """Alive: refused. Fenced by silence: a question, then the word, which becomes the proof."""
    async with running("ctr1", "ctr2") as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        refused = await cluster.run("understudy server confirm-off ctr2 -f", on="ctr1")
        fenced = replace(present(cluster, "ctr2"), life=Life.FENCED, proof="silent; quiet time over")
        await mirror.commit({keys.incarnation(fenced.incarnation): fenced}, decided_on=mirror.view)
        question = await cluster.run("understudy server confirm-off ctr2", on="ctr1")
        before = present(cluster, "ctr2").proof
        done = await cluster.run("understudy server confirm-off ctr2 -f", on="ctr1")

        assert "UND-0103: Server 'ctr2' is ONLINE" in refused.text
        assert "Does ctr2 have no power?" in question.text
        assert (refused.status, question.status, done.status) == (1, 1, 0)
        assert before == "silent; quiet time over"
        assert present(cluster, "ctr2").proof == "silent; quiet time over; confirmed off by root@ctr1"


async def test_a_first_start_says_whose_check_does_not_answer() -> None:
    """It could be running there by hand; refused with what to do, rather than waiting without end."""
    async with running("ctr1", "ctr2") as cluster:
        service = cluster.executors["ctr2"].service(ResourceName("db"))
        service.fails["check"] = 3
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        told = await cluster.run("crsctl start resource db", on="ctr1")

        assert "UND-0105: Resource 'db' was never started by the cluster, and server 'ctr2' cannot tell" in told.text
        assert "fix what the check waits for on ctr2" in told.text
        assert told.status == 1


async def test_what_could_not_be_ended_is_shown_where_it_may_still_run() -> None:
    """Its server is fenced by silence: UNKNOWN there, with whom it waits for and what to do, until an operator says that it is off."""
    async with running("ctr1", "ctr2") as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        mirror, life, db = cluster.nodes["ctr1"].mirror, present(cluster, "ctr2"), ResourceName("db")
        held = Holder(server=life.server, incarnation=life.incarnation, epoch=1)
        stuck = Failure(kind="stop", epoch=1, text="a write that does not return")
        records = {
            keys.incarnation(life.incarnation): replace(life, life=Life.FENCED, proof="silent; quiet time over"),
            keys.assignment(db): Assignment(resource=db, epoch=1, owner=held, holders=(held,)),
            keys.target(db): TargetRecord(target=Target.ONLINE),
            keys.report(db, life.server): Report(
                resource=db, server=life.server, incarnation=life.incarnation, epoch=1, state=State.UNKNOWN, failure=stuck
            ),
        }
        await mirror.commit(records, decided_on=mirror.view)
        shown = await cluster.run("crsctl stat res db", on="ctr1")
        explained = await cluster.run("understudy explain db", on="ctr1")
        await cluster.run("understudy server confirm-off ctr2 -f", on="ctr1")
        async with asyncio.timeout(10):
            while (assignment := mirror.view.assignments[db]).owner in (None, held):
                await mirror.wait(mirror.view.revision, 1.0)

        assert "STATE=UNKNOWN on ctr2" in shown.text
        assert "it said that something of it could not be ended (a write that does not return)" in explained.text
        assert "understudy server confirm-off ctr2" in explained.text
        assert assignment.owner is not None
        assert assignment.owner.server == "ctr1"


def test_alerts_of_our_own_have_our_numbers() -> None:
    """In the log of every server, for whoever greps for it."""
    event = Event(wall=0.0, server=ServerName("ctr1"), kind=events.CANNOT_ACT, on=ServerName("ctr2"), cause=WHY)

    assert alert_lines(event, "understudyd(1)")[1] == f"[understudyd(1)]UND-0110:Server 'ctr2' holds its lease but cannot act: {WHY}"
