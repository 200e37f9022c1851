"""Slots for actions: so many at once, and what hangs gives its slot up."""

import asyncio

from support import wait_until
from understudy.daemon import slots
from understudy.daemon.slots import ActionSlots


class TurningClock:
    """A monotonic clock by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


async def test_no_more_than_so_many_run_at_once_and_all_have_their_turn() -> None:
    pool, running, most, done = ActionSlots(3, TurningClock()), 0, 0, []

    async def act(number: int) -> None:
        nonlocal running, most
        async with pool.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            done.append(number)

    await asyncio.gather(*(act(number) for number in range(20)))
    assert (most, done) == (3, list(range(20)))


async def test_what_takes_longer_than_others_gives_its_slot_up() -> None:
    clock, release, began = TurningClock(), asyncio.Event(), []
    pool = ActionSlots(2, clock)

    async def hang(number: int) -> None:
        async with pool.slot():
            began.append(number)
            await release.wait()

    tasks = [asyncio.create_task(hang(number)) for number in range(4)]
    await wait_until(lambda: len(began) == 2, 5, "two have begun")
    clock.now = slots.LENT_S
    await wait_until(lambda: len(began) == 4, 5, "the others have theirs")
    release.set()
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_while_it_waits_takes_nobodys_turn() -> None:
    pool, release, began = ActionSlots(1, TurningClock()), asyncio.Event(), []

    async def hold(number: int) -> None:
        async with pool.slot():
            began.append(number)
            await release.wait()

    tasks = [asyncio.create_task(hold(number)) for number in range(3)]
    await wait_until(lambda: began == [0], 5, "one has begun")
    tasks[1].cancel()
    release.set()
    await asyncio.wait(tasks)
    assert began == [0, 2]
