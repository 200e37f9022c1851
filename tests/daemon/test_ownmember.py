"""Whether this server's own member of the registry answers: asked only where this daemon is connected to another."""

import asyncio
from typing import Any

from understudy.daemon.ownmember import CHECK_S, OwnMember
from understudy.model.settings import ServerSettings, Settings
from understudy.ports import RegistryMembers
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


class OneServersClock:
    """Of the loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time
        self.wall = loop.time


def test_a_member_that_is_silent_for_long_is_known_until_it_answers() -> None:
    """Not one that is restarted; and nobody is asked who is connected to."""
    loop = VirtualLoop()  # type: ignore[abstract]
    members: Any = MembersThatAnswerAlike()
    connected = OWN
    own = OwnMember(lambda: SETTINGS, members, lambda: connected, OneServersClock(loop))

    async def story() -> None:
        nonlocal connected
        watching = asyncio.ensure_future(own.watch())
        await asyncio.sleep(CHECK_S * 2.5)
        assert (members.asked, own.away_s()) == ([], 0.0)
        connected = OTHER
        await asyncio.sleep(CHECK_S)
        assert (members.asked, own.away_s()) == ([OWN], 0.0)
        await asyncio.sleep(CHECK_S)
        assert own.away_s() > CHECK_S
        members.there = True
        await asyncio.sleep(CHECK_S)
        assert own.away_s() == 0.0
        watching.cancel()

    loop.run_until_complete(story())


def test_who_has_no_member_misses_none() -> None:
    """A registry of one process; a server that is no voter."""

    async def answers(members: RegistryMembers | None, settings: Settings) -> bool:
        return await OwnMember(lambda: settings, members, str, OneServersClock(loop))._answers()

    loop = VirtualLoop()  # type: ignore[abstract]
    members: Any = MembersThatAnswerAlike()
    elsewhere = Settings(cluster="c", server="ctr1", servers=SETTINGS.servers, voters=("ctr2",), registry=(OTHER,))
    assert loop.run_until_complete(answers(None, SETTINGS))
    assert loop.run_until_complete(answers(members, elsewhere))
    assert members.asked == []
