"""In which order a server tries the endpoints of a registry."""

import asyncio
import random

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
