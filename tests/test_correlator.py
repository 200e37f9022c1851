"""Requests and their answers on one connection: in whatever order, nobody gets another's, waits without end, or is left behind."""

import asyncio
import gc
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.correlator import WAITING_MAX, Correlator
from understudy.errors import TooManyWaiting

LATE_S = 5.0


class CorrelatedPeer:
    """The other end: what it was sent, in order."""

    def __init__(self, most: int = WAITING_MAX) -> None:
        self.requests: Correlator[str] = Correlator(most=most)
        self.sent: list[int] = []
        self._sent_more = asyncio.Event()

    def ask(self, within_s: float = LATE_S) -> "asyncio.Task[str]":
        async def send(number: int) -> None:
            self.sent.append(number)
            self._sent_more.set()

        loop = asyncio.get_running_loop()
        return loop.create_task(self.requests.ask(send, until=loop.time() + within_s))

    async def sees(self, count: int) -> None:
        """Until so many requests were sent."""
        async with asyncio.timeout(LATE_S):
            while len(self.sent) < count:
                self._sent_more.clear()
                await self._sent_more.wait()


@given(order=st.permutations(range(6)), unknown=st.integers(100, 10**9))
def test_each_gets_its_own_answer_in_whatever_order_they_come(order: list[int], unknown: int) -> None:
    async def story() -> None:
        peer = CorrelatedPeer()
        asked = [peer.ask() for _ in order]
        await peer.sees(len(order))
        assert not peer.requests.answer(unknown, "nobody's")
        for index in order:
            assert peer.requests.answer(peer.sent[index], f"answer {index}")
            assert not peer.requests.answer(peer.sent[index], "twice")
        assert await asyncio.gather(*asked) == [f"answer {index}" for index in range(len(order))]
        assert peer.requests.waiting == 0

    asyncio.run(story())


async def test_an_answer_after_the_deadline_is_nobodys_and_disturbs_no_other() -> None:
    peer = CorrelatedPeer()
    late, other = peer.ask(within_s=0.01), peer.ask()
    with pytest.raises(TimeoutError):
        await late
    assert not peer.requests.answer(peer.sent[0], "late")
    assert peer.requests.answer(peer.sent[1], "in time")
    assert await other == "in time"


async def test_numbers_are_never_used_again() -> None:
    """A late answer would be taken for that of who asks next."""
    peer = CorrelatedPeer()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await peer.ask(within_s=0.0)
    last = peer.ask()
    await peer.sees(4)
    assert peer.requests.number() not in peer.sent
    assert len(set(peer.sent)) == 4
    peer.requests.answer(peer.sent[-1], "")
    await last


async def test_the_time_to_send_counts() -> None:
    """A peer that takes nothing more keeps nobody waiting."""
    requests: Correlator[str] = Correlator()

    async def send(number: int) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await requests.ask(send, until=asyncio.get_running_loop().time() + 0.01)
    assert requests.waiting == 0


async def test_an_answer_in_parts_has_the_time_of_its_last_part() -> None:
    peer, loop = CorrelatedPeer(), asyncio.get_running_loop()
    asked = peer.ask(within_s=0.02)
    await peer.sees(1)
    peer.requests.extend(peer.sent[0], loop.time() + LATE_S)
    await asyncio.sleep(0.04)  # longer than the first deadline: that it does not hold any more is what is shown
    assert peer.requests.answer(peer.sent[0], "whole")
    assert await asked == "whole"
    peer.requests.extend(peer.sent[0], loop.time())  # of a request that is over
    peer.requests.extend(10**9, loop.time())


async def test_a_part_is_waited_for_no_longer_than_was_said() -> None:
    peer, loop = CorrelatedPeer(), asyncio.get_running_loop()
    asked = peer.ask()
    await peer.sees(1)
    peer.requests.extend(peer.sent[0], loop.time() + 0.01)
    with pytest.raises(TimeoutError):
        await asked


async def test_who_waits_when_the_peer_hangs_up_is_told_at_once_each_by_an_error_of_its_own() -> None:
    peer = CorrelatedPeer()
    asked = [peer.ask() for _ in range(3)]
    await peer.sees(3)
    peer.requests.answer(peer.sent[0], "before")
    peer.requests.fail(lambda: ConnectionResetError("it closed the connection"))
    first, *others = await asyncio.gather(*asked, return_exceptions=True)
    assert first == "before"
    assert [(type(error), str(error)) for error in others] == [(ConnectionResetError, "it closed the connection")] * 2
    assert others[0] is not others[1]  # a shared one would gather the tracebacks of all
    again = peer.ask()  # over the next connection
    await peer.sees(4)
    peer.requests.answer(peer.sent[3], "after")
    assert await again == "after"


async def test_who_cannot_send_has_asked_nothing() -> None:
    requests: Correlator[str] = Correlator()
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def send(number: int) -> None:
        requests.fail(lambda: ConnectionResetError("it closed the connection"))
        raise BrokenPipeError("nothing was sent")

    with pytest.raises(BrokenPipeError):
        await requests.ask(send, until=asyncio.get_running_loop().time() + LATE_S)
    gc.collect()
    assert (requests.waiting, reported) == (0, [])


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    peer = CorrelatedPeer()
    asked = peer.ask()
    await peer.sees(1)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert peer.requests.waiting == 0


async def test_a_flood_of_requests_is_bounded_and_those_beyond_are_never_sent() -> None:
    peer = CorrelatedPeer(most=3)
    asked = [peer.ask() for _ in range(5)]
    refused = await asyncio.gather(*asked[3:], return_exceptions=True)
    assert [type(error) for error in refused] == [TooManyWaiting] * 2
    assert len(peer.sent) == 3
    for number in peer.sent:
        peer.requests.answer(number, "")
    await asyncio.gather(*asked[:3])
    room = peer.ask()
    await peer.sees(4)
    peer.requests.answer(peer.sent[-1], "again")
    assert await room == "again"


async def test_numbers_may_be_the_askers_own() -> None:
    """A round of voters is known by a nonce, not by how many there were before."""
    peer = CorrelatedPeer()
    peer.requests = Correlator(numbers=itertools.count(1 << 60, 7))
    asked = [peer.ask(), peer.ask()]
    await peer.sees(2)
    assert peer.sent == [1 << 60, (1 << 60) + 7]
    for number in peer.sent:
        peer.requests.answer(number, str(number))
    assert await asyncio.gather(*asked) == [str(number) for number in peer.sent]
