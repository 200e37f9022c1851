"""Which members of the registry answer: asked only where this daemon is connected to another."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from understudy.daemon.memberwatch import CHECK_S, OTHERS_TURNS, MemberWatch
from understudy.model.names import ServerName
from understudy.model.settings import ServerSettings, Settings
from understudy.sim.loop import VirtualLoop

OWN, OTHER, THIRD = "[fd00::1]:7400", "10.0.0.2:7400", "10.0.0.3:7400"
SETTINGS = Settings(
    cluster="c", server="ctr1", voters=("ctr1", "ctr2", "ctr3"), registry=(OTHER, OWN, THIRD),
    servers=tuple(ServerSettings(name=f"ctr{n}", addresses=(f"10.0.0.{n}", f"fd00::{n}")) for n in (1, 2, 3, 4)),
)  # fmt: skip


class MembersOfWhichSomeAreDead:
    """And who was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dead: set[str] = set()

    async def answers(self, endpoint: str) -> bool:
        self.asked.append(endpoint)
        return endpoint not in self.dead

    def asked_since(self) -> list[str]:
        """In order."""
        asked, self.asked = sorted(self.asked), []
        return asked


class OneServersClock:
    """Of the loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time
        self.wall = loop.time


def watched(story: Callable[[MemberWatch, Any], Awaitable[None]], settings: Settings = SETTINGS, connected: str = OWN) -> None:
    """A story of one who watches, in virtual time; each turn comes just before the second in which the story goes on."""
    loop = VirtualLoop()  # type: ignore[abstract]
    members: Any = MembersOfWhichSomeAreDead()
    watch = MemberWatch(lambda: settings, members, lambda: connected, OneServersClock(loop))

    async def told() -> None:
        watching = asyncio.ensure_future(watch.watch())
        await asyncio.sleep(1)
        await story(watch, members)
        watching.cancel()

    loop.run_until_complete(told())


def test_others_are_asked_seldom_until_one_does_not_answer() -> None:
    """Whose member is silent for long is known until it answers; one that is restarted is not named."""

    async def story(watch: MemberWatch, members: MembersOfWhichSomeAreDead) -> None:
        assert members.asked_since() == [OTHER, THIRD], "all but that to which it is connected"
        members.dead = {THIRD}
        await asyncio.sleep(CHECK_S * (OTHERS_TURNS - 1))
        assert members.asked_since() == []
        await asyncio.sleep(CHECK_S)
        assert (members.asked_since(), watch.away()) == ([OTHER, THIRD], {})
        await asyncio.sleep(CHECK_S)
        assert members.asked_since() == [THIRD]
        assert watch.away() == {"ctr3": CHECK_S + 1}
        members.dead = set()
        await asyncio.sleep(CHECK_S)
        assert watch.away() == {}
        members.asked.clear()
        await asyncio.sleep(CHECK_S / 2)
        assert members.asked_since() == []

    watched(story)


def test_the_own_member_is_asked_each_time_where_this_daemon_is_connected_to_another() -> None:
    async def story(watch: MemberWatch, members: MembersOfWhichSomeAreDead) -> None:
        members.asked.clear()
        await asyncio.sleep(CHECK_S)
        assert members.asked_since() == [OWN]

    watched(story, connected=OTHER)


def test_a_member_that_is_taken_out_is_missed_no_more() -> None:
    """And what is on no server is not asked."""
    settings = SETTINGS

    async def story(watch: MemberWatch, members: MembersOfWhichSomeAreDead) -> None:
        assert members.asked_since() == []
        assert watch.away() == {}

    watched(story, Settings(cluster="c", server="ctr1", servers=settings.servers, voters=("ctr2",), registry=("10.0.0.99:7400",)))


def test_the_member_of_a_server_that_is_lost_is_not_missed_nor_when_it_has_just_come_back() -> None:
    async def story(watch: MemberWatch, members: MembersOfWhichSomeAreDead) -> None:
        members.dead = {THIRD}
        await asyncio.sleep(CHECK_S * (OTHERS_TURNS + 1))
        assert [*watch.away()] == ["ctr3"]
        watch.silent = lambda: (ServerName("ctr3"),)
        members.asked.clear()
        await asyncio.sleep(CHECK_S * OTHERS_TURNS)
        assert (watch.away(), members.asked_since()) == ({}, [OTHER])
        watch.silent = tuple
        await asyncio.sleep(CHECK_S)
        assert watch.away() == {}

    watched(story)


def test_a_registry_without_members_is_not_asked() -> None:
    loop = VirtualLoop()  # type: ignore[abstract]
    watch = MemberWatch(lambda: SETTINGS, None, str, OneServersClock(loop))
    loop.run_until_complete(watch._ask(others=True))
    assert watch.away() == {}
