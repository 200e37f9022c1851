"""Back to this server's own member of the registry: asked only where this daemon is connected to another."""

import asyncio
from typing import Any

from understudy.daemon.ownmember import AGAIN_S, CHECK_S, OwnMember
from understudy.model.settings import ServerSettings, Settings
from understudy.sim.loop import VirtualLoop

OWN, OTHER = "[fd00::1]:7400", "10.0.0.2:7400"
SETTINGS = Settings(
    cluster="c", server="ctr1", servers=(ServerSettings(name="ctr1", addresses=("fd00::1",)),), voters=("ctr1",), registry=(OTHER, OWN)
)


class MembersThatAnswerAlike:
    """One answer for all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.there = False

    async def answers(self, endpoint: str) -> bool:
        self.asked.append(endpoint)
        return self.there


class OwnConnection:
    """Of a daemon: to which member, and whether it goes over to another when it is asked to."""

    def __init__(self) -> None:
        self.endpoint = OWN
        self.goes_over = True
        self.asked: list[str] = []

    async def go_over(self, endpoint: str) -> None:
        self.asked.append(endpoint)
        if self.goes_over:
            self.endpoint = endpoint


def test_a_daemon_goes_back_to_its_own_member_once_that_answers() -> None:
    """And asks nobody while it is connected to it."""
    loop, connection = VirtualLoop(), OwnConnection()  # type: ignore[abstract]
    members: Any = MembersThatAnswerAlike()
    own = OwnMember(lambda: SETTINGS, members, lambda: connection.endpoint, go_over=connection.go_over)

    async def story() -> None:
        watching = asyncio.ensure_future(own.watch())
        await asyncio.sleep(CHECK_S * 2.5)
        assert members.asked == []
        connection.endpoint = OTHER
        await asyncio.sleep(CHECK_S)
        assert (set(members.asked), connection.asked) == ({OWN}, [])
        members.there = True
        await asyncio.sleep(AGAIN_S)
        assert (connection.asked, connection.endpoint) == ([OWN], OWN)
        members.asked.clear()
        await asyncio.sleep(CHECK_S * 2)
        assert members.asked == []
        watching.cancel()

    loop.run_until_complete(story())


def test_it_is_asked_to_go_back_until_it_has() -> None:
    """What answers may be cut off again before it was read over."""
    loop, connection = VirtualLoop(), OwnConnection()  # type: ignore[abstract]
    members: Any = MembersThatAnswerAlike()
    members.there, connection.endpoint, connection.goes_over = True, OTHER, False
    own = OwnMember(lambda: SETTINGS, members, lambda: connection.endpoint, go_over=connection.go_over)

    async def story() -> None:
        watching = asyncio.ensure_future(own.watch())
        await asyncio.sleep(AGAIN_S * 2.5)
        assert connection.asked == [OWN] * 3
        connection.goes_over = True
        await asyncio.sleep(AGAIN_S * 10)
        assert connection.asked == [OWN] * 4
        watching.cancel()

    loop.run_until_complete(story())


def test_who_has_no_member_misses_none() -> None:
    """A registry of one process; a server that is no voter."""
    loop, members = VirtualLoop(), MembersThatAnswerAlike()  # type: ignore[abstract]
    elsewhere = Settings(cluster="c", server="ctr1", servers=SETTINGS.servers, voters=("ctr2",), registry=(OTHER,))

    async def story(members: Any, settings: Settings) -> None:
        connection = OwnConnection()
        own = OwnMember(lambda: settings, members, str, go_over=connection.go_over)
        watching = asyncio.ensure_future(own.watch())
        await asyncio.sleep(CHECK_S * 3)
        assert connection.asked == []
        watching.cancel()

    loop.run_until_complete(story(None, SETTINGS))
    loop.run_until_complete(story(members, elsewhere))
    assert members.asked == []
