"""In which order a server tries the endpoints of a registry."""

import asyncio
import random

import pytest

from understudy.registry.rotation import Rotation, nearest_first

MEMBERS = ("10.0.0.1:7400", "10.0.0.2:7400", "[fd00::3]:7400")


def test_a_server_tries_its_own_member_first() -> None:
    """Which is lost only with it; in IPv6, too."""
    assert nearest_first(MEMBERS, ("10.1.0.2", "10.0.0.2"), 0)[0] == "10.0.0.2:7400"
    assert nearest_first(MEMBERS, ("fd00::3",), 0)[0] == "[fd00::3]:7400"


def test_who_has_none_begins_with_another_one_on_each_server() -> None:
    """So that not all lose theirs at once; each still has all of them."""
    orders = [nearest_first(MEMBERS, ("10.0.0.9",), number) for number in range(6)]
    assert [order[0] for order in orders] == [*MEMBERS, *MEMBERS]
    assert all(sorted(order) == sorted(MEMBERS) for order in orders)


def test_there_may_be_one_or_none() -> None:
    """A registry of one process; and settings that name none."""
    assert nearest_first(("127.0.0.1:7400",), (), 3) == ["127.0.0.1:7400"]
    assert nearest_first((), (), 3) == []


class IdleConnection:
    """A connection of which nothing is asked."""

    def __init__(self) -> None:
        self.lost = False
        self.gone = asyncio.Event()

    def end(self, why: str) -> None:
        """It is of no use any more."""
        del why
        self.lost = True
        self.gone.set()


async def test_where_a_connection_leads_is_known_while_there_is_one() -> None:
    """To the first that answers, and nowhere once it was lost."""

    async def dial(endpoint: str) -> IdleConnection:
        if endpoint == MEMBERS[0]:
            raise ConnectionRefusedError
        return IdleConnection()

    rotation = Rotation(MEMBERS, dial, dice=random.Random(1))
    assert rotation.endpoint == ""
    made = await rotation.connected()
    assert rotation.endpoint == MEMBERS[1]
    made.end("its member is lost")
    assert rotation.endpoint == ""
    await rotation.close()


async def test_another_connection_takes_the_place_of_the_first_only_when_it_is_asked_to() -> None:
    """The one before ends a moment later, and its endpoint is tried second from then on; one that is not used is ended."""

    async def dial(endpoint: str) -> IdleConnection:
        if endpoint == MEMBERS[2]:
            raise ConnectionRefusedError
        return IdleConnection()

    rotation = Rotation(MEMBERS, dial, dice=random.Random(1))
    before = await rotation.connected()
    unused = await rotation.dial_beside(MEMBERS[1])
    beside = await rotation.dial_beside(MEMBERS[1])
    assert (unused.lost, rotation.beside, await rotation.connected()) == (True, beside, before)
    with pytest.raises(ConnectionRefusedError):
        await rotation.dial_beside(MEMBERS[2])
    rotation.swap(0.0)
    assert (rotation.endpoint, rotation.beside, await rotation.connected()) == (MEMBERS[1], None, beside)
    assert rotation.endpoints == [MEMBERS[1], MEMBERS[0], MEMBERS[2]]
    await before.gone.wait()
    last = await rotation.dial_beside(MEMBERS[0])
    rotation.swap(3600.0)
    another = await rotation.dial_beside(MEMBERS[1])
    assert not beside.lost
    await rotation.close()
    assert all(connection.lost for connection in (beside, last, another))
