"""Room for connections and answers, without a socket; and one line for each complaint."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from daemon.cluster import running
from understudy.daemon.api import application
from understudy.daemon.callers import SENTENCES, Callers, Complaints, Room
from understudy.daemon.http import HttpRequest, Peer

NOBODY, SOMEBODY = 65534, 1000


def test_nobody_takes_the_room_of_others_and_others_not_that_of_root() -> None:
    callers = Callers(room=Room(connections=6, others=4, one_user=3))
    assert [callers.come(NOBODY) for _ in range(3)] == ["", "", ""]
    assert "this user has 3 connections open" in callers.come(NOBODY)
    assert callers.come(SOMEBODY) == ""
    assert "users other than root have 4" in callers.come(SOMEBODY)
    assert [callers.come(0), callers.come(0)] == ["", ""]
    assert "6 connections are open" in callers.come(0)

    callers.go(0)
    callers.go(NOBODY)

    assert callers.come(SOMEBODY) == ""
    assert callers.come(0) == ""


def test_a_process_of_few_files_takes_few_callers() -> None:
    assert Room.within(1 << 20) == Room()
    assert Room.within(1024) == Room(connections=512, others=128, one_user=16)
    assert Room.within(64) == Room(connections=32, others=8, one_user=1)


def test_who_does_not_read_is_begun_nothing_more_for() -> None:
    callers = Callers(room=Room(unread=100, unread_one_user=60))
    callers.hold(NOBODY, 61)
    assert "this user" in callers.busy(NOBODY)
    assert callers.busy(SOMEBODY) == ""
    callers.hold(SOMEBODY, 40)
    assert "users other than root" in callers.busy(SOMEBODY)
    assert callers.busy(0) == ""
    callers.drop(NOBODY, 61)
    assert callers.busy(NOBODY) == ""


def test_the_log_takes_a_few_lines_a_minute_of_each(logged: list[dict[str, Any]]) -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    for number in range(100):
        complaints.say(NOBODY, f"{number // 10}" + "x" * 5000 + "\x1b[2J")
    complaints.say(SOMEBODY, "\x1b[2Jhello\n")
    now = 61.0
    complaints.say(NOBODY, "again")
    assert len(logged) == SENTENCES + 2
    assert max(len(line["why"]) for line in logged) < 400
    assert (logged[-2]["user"], logged[-2]["why"], logged[-2]["not_logged"]) == (SOMEBODY, "\x1b[2Jhello\n", 59)
    assert (logged[-1]["user"], logged[-1]["why"], logged[-1].get("not_logged")) == (NOBODY, "again", None)


async def test_what_nobody_reads_is_counted_until_its_reader_is_gone() -> None:
    """Whoever goes away first: the command, or its caller."""
    async with running("ctr1") as cluster:
        callers = Callers()
        peer = Peer(uid=NOBODY, gid=NOBODY, pid=1, callers=callers)
        app = application(cluster.services("ctr1"))
        for body, read in ((b"{}", True), (b"{}", False), (b'{"follow": true}', False)):
            reply = await app(HttpRequest(method="POST", path="/v1/verb/history", query={}, body=body, peer=peer))
            assert isinstance(reply.body, AsyncIterator)
            async for _ in reply.body:
                if not read:
                    break
            reply.ended()
            await asyncio.gather(*(task for task in asyncio.all_tasks() if "_run" in repr(task.get_coro())), return_exceptions=True)
            assert callers.unread.total() == 0
