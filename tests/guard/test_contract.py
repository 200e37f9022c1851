"""What every Guard port must do, whoever is behind it: real guards, the simulator's, and the one that tests of daemons hold."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from guard.backends import LIMITS, SERVERS, GuardBackend, HeldGuards, SimulatedGuards, real
from support import wait_for_answer, wait_until
from understudy.errors import Unreachable
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.position import Position
from understudy.model.servers import ServerRecord
from understudy.model.view import ClusterRecord
from understudy.ports import AbilityChanged, Counted, Farewell, Guard, GuardState, LeaveAsked, SilentWord

FIRST, SECOND, THIRD = SERVERS
PHASE = 2
"""Of voters number 1 that do not change."""
DB, WEB = ResourceName("db"), ResourceName("web")
PATIENT_S = 10.0
Event = TypeVar("Event")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
REAL = pytest.param("real", marks=[pytest.mark.lab, needs_root])


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GuardBackend]:
    match request.param:
        case "real":
            with real(tmp_path) as made:
                yield made
        case "simulated":
            yield SimulatedGuards()
        case "held":
            yield HeldGuards()


every_guard = pytest.mark.parametrize("backend", [REAL, "simulated", "held"], indirect=True)
among_others = pytest.mark.parametrize("backend", [REAL, "simulated"], indirect=True)
"""What a guard does that receives messages of others: the one that tests hold receives none."""


async def next_of(guard: Guard, kind: type[Event]) -> Event:
    """The next event of a kind that it sends."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            event = await guard.next_event()
            if isinstance(event, kind):
                return event


async def lease_ends(guard: Guard) -> None:
    """Wait until it holds none; that it held one before is for the story to say."""
    await wait_until(lambda: not guard.held(), PATIENT_S, "its lease ends")


async def another_life(guard: Guard, before: Incarnation) -> GuardState:
    """Wait until its server has begun anew."""

    async def anew() -> GuardState | None:
        with contextlib.suppress(Unreachable):  # between two guards
            state = await guard.state()
            return None if state.incarnation == before else state
        return None

    state = await wait_for_answer(anew, PATIENT_S, "another incarnation begins")
    assert state is not None
    return state


@every_guard
def test_it_says_who_this_server_is_and_that_it_holds_its_lease(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        assert not guard.held(), "whose life it is has not been asked yet"
        state = await guard.state()
        assert state.server == FIRST
        assert len(bytes.fromhex(state.incarnation)) == 16
        assert state.held
        assert guard.held()
        assert state.refused == ""
        assert (await guard.sight()).incarnation == state.incarnation
        assert (await backend.guard(FIRST).state()).incarnation == state.incarnation, "a daemon's successor goes on with the same life"
        assert (await backend.guard(SECOND).state()).incarnation != state.incarnation

    backend.run(story())


@every_guard
def test_it_remembers_the_highest_epoch_of_each_name_for_the_daemons_after_this_one(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        assert await guard.remember(DB, 4)
        assert await guard.remember(DB, 4), "the same again"
        assert not await guard.remember(DB, 3)
        assert await guard.remember(WEB, 1), "another name has its own"
        assert await guard.remember(DB, 6)
        assert not await guard.remember(DB, 5)
        assert (await backend.guard(FIRST).state()).epochs == {DB: 6, WEB: 1}
        assert await backend.guard(SECOND).remember(DB, 1), "another server's guard has not seen it"

    backend.run(story())


@every_guard
def test_it_forgets_only_what_was_released_and_remembers_a_floor_instead(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        assert await guard.remember(DB, 4)
        assert await guard.remember(WEB, 4)
        assert await guard.remember(DB, 4, released=True)
        assert await guard.forget(5, [DB, WEB]) == {WEB}, "what may be running is not forgotten"
        state = await backend.guard(FIRST).state()
        assert (state.epochs, state.epoch_floor) == ({WEB: 4}, 5)
        assert not await guard.remember(DB, 5), "nothing that was forgotten starts at the floor"
        assert await guard.remember(DB, 6)
        assert await guard.remember(WEB, 4), "the floor says nothing of what is remembered"

    backend.run(story())


@every_guard
def test_a_question_nobody_answers_is_unreachable_and_the_lease_ends(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        assert guard.held()
        backend.end(FIRST)
        for question in (guard.state(), guard.remember(DB, 1), guard.census(PHASE), guard.protect([]), guard.able(True, "")):
            with pytest.raises(Unreachable):
                await question
        await lease_ends(guard)

    backend.run(story())


@every_guard
def test_a_daemon_is_asked_to_leave_and_so_is_its_successor(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        await guard.leave(30.0)
        assert 0 < (await next_of(guard, LeaveAsked)).left_s <= 30
        assert guard.held(), "it goes on until all is stopped"
        later = backend.guard(FIRST)
        await later.state()
        assert 0 < (await next_of(later, LeaveAsked)).left_s <= 30

    backend.run(story())


@every_guard
def test_after_a_farewell_nothing_is_held(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        assert guard.held()
        farewell = asyncio.ensure_future(guard.farewell(in_order=True))
        await lease_ends(guard)
        farewell.cancel()  # on a real server the daemon is dead by now

    backend.run(story())


@every_guard
def test_whoever_lives_is_not_lost(backend: GuardBackend) -> None:
    async def story() -> None:
        other = await backend.guard(SECOND).state()
        guard = backend.guard(FIRST)
        await guard.state()
        assert not await guard.prove_lost(SECOND, other.incarnation, PHASE)

    backend.run(story())


@among_others
def test_the_others_hear_a_farewell_and_so_do_daemons_that_come_later(backend: GuardBackend) -> None:
    async def story() -> None:
        leaving, hearing = backend.guard(THIRD), backend.guard(FIRST)
        gone = (await leaving.state()).incarnation
        await hearing.state()
        farewell = asyncio.ensure_future(leaving.farewell())
        said = await next_of(hearing, Farewell)
        assert (said.server, said.incarnation) == (THIRD, gone)
        later = backend.guard(FIRST)
        await later.state()
        assert await next_of(later, Farewell) == said
        farewell.cancel()

    backend.run(story())


@among_others
def test_it_listens_to_the_servers_that_it_is_sent_and_to_no_others(backend: GuardBackend) -> None:
    """None says nothing of them: then it goes on with those that it knows."""

    def servers(*names: ServerName) -> list[ServerRecord]:
        return [ServerRecord(server=name, addresses=(f"10.77.0.{SERVERS.index(name) + 1}",)) for name in names]

    async def story() -> None:
        hearing, second, third = map(backend.guard, SERVERS)
        for guard in (hearing, second, third):
            await guard.state()
        for known in (servers(FIRST, SECOND), servers(FIRST, SECOND), []):
            await hearing.servers(known)
        farewells = [asyncio.ensure_future(third.farewell())]
        assert (await next_of(second, Farewell)).server == THIRD
        farewells.append(asyncio.ensure_future(second.farewell()))
        assert (await next_of(hearing, Farewell)).server == SECOND, "the first that it listens to"
        later = backend.guard(FIRST)
        await later.state()
        assert (await next_of(later, Farewell)).server == SECOND
        for farewell in farewells:
            farewell.cancel()

    backend.run(story())


@among_others
def test_who_is_cut_off_is_called_silent_is_proved_lost_and_holds_nothing(backend: GuardBackend) -> None:
    async def story() -> None:
        cut, hearing = backend.guard(THIRD), backend.guard(FIRST)
        gone = (await cut.state()).incarnation
        await hearing.state()
        assert cut.held()
        await backend.cut(THIRD)
        word = await next_of(hearing, SilentWord)
        assert (word.server, word.incarnation) == (THIRD, gone)
        assert word.voter in SERVERS
        assert not cut.held(), "it knew before anybody else"
        await wait_for_answer(lambda: hearing.prove_lost(THIRD, gone, PHASE), PATIENT_S, "a majority says silent")
        assert await hearing.prove_lost(THIRD, gone, PHASE), "for good"
        assert not (await another_life(cut, gone)).held, "never revived, and nobody grants the next one either"
        later = backend.guard(FIRST)
        await later.state()
        assert (await next_of(later, SilentWord)).incarnation == gone

    backend.run(story())


@among_others
def test_a_census_counts_every_life_with_what_it_has_acted_on(backend: GuardBackend) -> None:
    async def story() -> None:
        guards = [backend.guard(server) for server in SERVERS]
        lives = {server: (await guard.state()).incarnation for server, guard in zip(SERVERS, guards, strict=True)}
        acted_on = Position(1, 2, 3)
        await guards[1].note(acted_on, Position(1, 2, 4))

        async def known() -> tuple[Counted, ...]:
            counted = await guards[0].census(PHASE) or ()
            return counted if any(life.position == acted_on for life in counted) else ()

        counted = await wait_for_answer(known, PATIENT_S, "its next renew tells it")
        assert {life.server: life.incarnation for life in counted} == lives
        assert all(life.server == SECOND for life in counted if life.position == acted_on)
        assert (await backend.guard(SECOND).state()).position == Position(1, 2, 4), "kept for the daemons after this one"

    backend.run(story())


@among_others
def test_all_hear_whether_a_server_can_act(backend: GuardBackend) -> None:
    async def story() -> None:
        told, hearing = backend.guard(SECOND), backend.guard(FIRST)
        life = (await told.state()).incarnation
        await hearing.state()
        for able, why in ((False, "its executor does not answer"), (True, "")):
            await told.able(able, why)
            for guard in (hearing, told):
                event = await next_of(guard, AbilityChanged)
                assert (event.server, event.incarnation, event.able, event.why) == (SECOND, life, able, why)
        await told.able(False, "its executor does not answer")
        await next_of(hearing, AbilityChanged)
        later = backend.guard(FIRST)
        await later.state()
        assert (await next_of(later, AbilityChanged)).why == "its executor does not answer"

    backend.run(story())


@among_others
def test_whom_the_registry_calls_lost_stops(backend: GuardBackend) -> None:
    async def story() -> None:
        evicted, telling = backend.guard(THIRD), backend.guard(FIRST)
        gone = (await evicted.state()).incarnation
        await telling.state()
        assert evicted.held()
        await telling.dead([gone])
        await telling.dead([gone])  # again, as every leader does
        await lease_ends(evicted)
        await another_life(evicted, gone)

    backend.run(story())


@among_others
def test_a_guard_with_other_settings_than_the_registrys_takes_no_part_and_says_why(backend: GuardBackend) -> None:
    async def story() -> None:
        guard = backend.guard(THIRD)
        state = await guard.state()
        same = ClusterRecord(name=backend.cluster, voters=SERVERS, voter_set=1, pause_tolerance=LIMITS.pause_tolerance_s)
        await guard.cluster(same)
        assert (await guard.state()).refused == ""
        assert guard.held()
        await guard.cluster(replace(same, pause_tolerance=2 * LIMITS.pause_tolerance_s))
        await lease_ends(guard)
        after = await another_life(guard, state.incarnation)
        assert "pause_tolerance" in after.refused
        assert not after.held

    backend.run(story())


@among_others
def test_its_key_is_exchanged_under_a_lease_step_by_step(backend: GuardBackend) -> None:
    """Accept, send, forget, on one server after the other: no lease ends. Who is not given the new key is out once the others forget the
    old one."""

    async def story() -> None:
        guards = {server: backend.guard(server) for server in SERVERS}
        lives = {server: (await guard.state()).incarnation for server, guard in guards.items()}
        old, new = backend.keys[0], b"n" * 32
        for keys, given in (((old, new), SERVERS), ((new, old), SERVERS), ((new,), SERVERS[:2])):
            for server in given:
                assert await guards[server].keys(keys)
                await asyncio.sleep(2 * LIMITS.lease_s)
                assert all(guard.held() for guard in guards.values() if guard is not guards[THIRD] or keys != (new,))
        assert {server: (await guards[server].state()).incarnation for server in SERVERS[:2]} == {
            server: lives[server] for server in SERVERS[:2]
        }
        assert await guards[THIRD].keys((old,))
        await lease_ends(guards[THIRD])

    backend.run(story())


@every_guard
def test_it_takes_keys_and_says_so(backend: GuardBackend) -> None:
    """Also the same again."""

    async def story() -> None:
        guard = backend.guard(FIRST)
        await guard.state()
        assert await guard.keys((*backend.keys, b"x" * 32))
        assert await guard.keys((*backend.keys, b"x" * 32))

    backend.run(story())
