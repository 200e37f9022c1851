"""What commands say of a server that holds its lease and cannot act, and of one that an operator calls off."""

from dataclasses import replace

from daemon.cluster import Cluster, running
from understudy.daemon.alerts import alert_lines
from understudy.model import events
from understudy.model.names import Incarnation, ServerName
from understudy.model.state import Life
from understudy.model.view import Event, IncarnationRecord
from understudy.ports import AbilityChanged
from understudy.registry import keys

WHY = "its daemon does not answer"


def present(cluster: Cluster, server: str) -> IncarnationRecord:
    """The server's newest life, as ctr1 knows it."""
    return cluster.nodes["ctr1"].mirror.view.present()[ServerName(server)]


def hears(cluster: Cluster, server: str, *, able: bool, incarnation: Incarnation | None = None) -> None:
    """The guard of ctr1 tells it."""
    one = incarnation or present(cluster, server).incarnation
    cluster.nodes["ctr1"]._heard(AbilityChanged(ServerName(server), one, able, "" if able else WHY, 4.0))


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

        assert all(WHY in one.text for one in told.values()), [name for name, one in told.items() if WHY not in one.text]
        assert f"UND-0101: Server 'ctr2' holds its lease but cannot act: {WHY} (for " in told["crsctl check cluster"].text
        assert (told["crsctl check cluster"].status, told["crsctl check cluster -all"].status) == (0, 1)
        assert (after.status, WHY in after.text) == (0, False)


async def test_nothing_is_started_where_nobody_acts() -> None:
    """A command that names such a server is refused with the reason."""
    async with running("ctr1", "ctr2") as cluster:
        await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db.scr"')
        hears(cluster, "ctr2", able=False)
        told = await cluster.run("crsctl start resource db -n ctr2", on="ctr1")

        assert f"it holds its lease but cannot act: {WHY}" in told.text
        assert told.status == 1


async def test_another_life_of_the_server_is_not_meant() -> None:
    """What was said of a life that is over says nothing about the next."""
    async with running("ctr1", "ctr2") as cluster:
        hears(cluster, "ctr2", able=False, incarnation=Incarnation("f" * 32))

        assert WHY not in (await cluster.run("crsctl check cluster -all", on="ctr1")).text


async def test_off_is_believed_of_a_silent_server_alone_and_asked_first() -> None:
    """Alive: refused. Fenced by silence: a question, then the word, which becomes the proof."""
    async with running("ctr1", "ctr2") as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        refused = await cluster.run("understudy server confirm-off ctr2 -f", on="ctr1")
        fenced = replace(present(cluster, "ctr2"), life=Life.FENCED, proof="silent; quiet time over")
        await mirror.commit({keys.incarnation(fenced.incarnation): fenced})
        question = await cluster.run("understudy server confirm-off ctr2", on="ctr1")
        before = present(cluster, "ctr2").proof
        done = await cluster.run("understudy server confirm-off ctr2 -f", on="ctr1")

        assert "UND-0103: Server 'ctr2' is ONLINE" in refused.text
        assert "Has ctr2 no power?" in question.text
        assert (refused.status, question.status, done.status) == (1, 1, 0)
        assert before == "silent; quiet time over"
        assert present(cluster, "ctr2").proof == "silent; quiet time over; confirmed off by root@ctr1"


def test_alerts_of_our_own_have_our_numbers() -> None:
    """In the log of every server, for whoever greps for it."""
    event = Event(wall=0.0, server=ServerName("ctr1"), kind=events.CANNOT_ACT, on=ServerName("ctr2"), cause=WHY)

    assert alert_lines(event, "understudyd(1)")[1] == f"[understudyd(1)]UND-0110:Server 'ctr2' holds its lease but cannot act: {WHY}"
