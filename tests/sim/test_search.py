"""The search for worlds in which something goes wrong: what came of each, how it is reported, and how a long story is made short."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields, replace
from typing import Any

import pytest

from understudy.errors import BadInput
from understudy.sim import search as searching
from understudy.sim.life import Lived, WorldCase
from understudy.sim.loop import Deadlock, Spinning
from understudy.sim.options import Options
from understudy.sim.script import script
from understudy.sim.search import Outcome, Tally, WorldVerdict, judge, search
from understudy.sim.shrink import shrink
from understudy.sim.truth import Broken, Violation
from understudy.sim.world import WorldStuck

LIVED = Lived(seed=1, faults=12, settled_s=3.5, moves=2, simulated_s=360.0, skipped_s=180.0, decisions=())


class SearchHere:
    """A pool of processes that is none: everything is done when it is asked for."""

    def __init__(self, *_: object, **__: object) -> None:
        self.asked: list[Any] = []

    def __enter__(self) -> "SearchHere":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[[Any], Any], case: Any) -> "Future[Any]":
        """See ProcessPoolExecutor."""
        self.asked.append(case)
        future: Future[Any] = Future()
        try:
            future.set_result(work(case))
        except BrokenProcessPool as error:
            future.set_exception(error)
        return future


def outcome(verdict: WorldVerdict, what: str = "S1: db runs on ctr1 and ctr2", seed: int = 1) -> Outcome:
    """Of some case."""
    lived = LIVED if verdict is WorldVerdict.SAFE else None
    return Outcome(
        case=WorldCase(seed=seed), verdict=verdict, lived=lived, story="" if lived else f"seed {seed}: {what}\noptions: loss=0.1\n"
    )


# --- what came of one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Violation("seed 1: S1: twice"), WorldVerdict.UNSAFE),
        (WorldStuck("seed 1: not within 5 s: db runs"), WorldVerdict.STUCK),
        (Deadlock("seed 1: everybody waits"), WorldVerdict.STUCK),
        (Spinning("seed 1: nobody waits"), WorldVerdict.STUCK),
        (Broken("seed 1: a task broke"), WorldVerdict.BROKEN),
        (ZeroDivisionError("by zero"), WorldVerdict.BROKEN),
    ],
    ids=lambda exception: type(exception).__name__ if isinstance(exception, Exception) else exception.name,
)
def test_how_a_world_ends_is_its_verdict(monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: WorldVerdict) -> None:
    """Unsafe, stuck or broken; the story names the seed."""

    def live(case: WorldCase) -> Lived:
        raise error

    monkeypatch.setattr(searching, "live", live)
    found = judge(WorldCase(seed=1))

    assert found.verdict is verdict
    assert found.lived is None
    assert found.story.startswith("seed 1: ")


def test_a_world_that_ends_well_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how it went."""
    monkeypatch.setattr(searching, "live", lambda case: LIVED)

    assert judge(WorldCase(seed=1)) == Outcome(case=WorldCase(seed=1), verdict=WorldVerdict.SAFE, lived=LIVED)


def test_the_worst_verdict_is_the_smallest_exit_status() -> None:
    """Unsafe before stuck before broken; 1 and 2 are taken by the shell's habits."""
    assert [int(verdict) for verdict in WorldVerdict] == [0, 3, 4, 5]
    assert min(WorldVerdict.BROKEN, WorldVerdict.STUCK, WorldVerdict.UNSAFE) is WorldVerdict.UNSAFE


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("S1: db3 runs on ctr1 and ctr2", "S1"),
        ("ctr1 stops ip2 under web2", "# stops # under #"),
        ("ctr3 stops ip4 under web4", "# stops # under #"),
        ("not within 700 s: servers as wanted", "not within # s: servers as wanted"),
    ],
)
def test_the_same_kind_of_wrong_has_the_same_rule(what: str, rule: str) -> None:
    """The number of a rule of safety, or the sentence without names and numbers."""
    assert outcome(WorldVerdict.UNSAFE, what).rule == rule


# --- many -----------------------------------------------------------------------------------------------------------


def test_a_search_judges_every_case_and_begins_none_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed out already is still reported."""
    monkeypatch.setattr(searching, "ProcessPoolExecutor", SearchHere)
    monkeypatch.setattr(searching, "judge", lambda case: outcome(WorldVerdict.SAFE, seed=case.seed))
    cases = [WorldCase(seed=seed) for seed in range(20)]

    assert sorted(ended.case.seed for ended in search(cases, jobs=2)) == list(range(20))
    assert sorted(ended.case.seed for ended in search(cases, jobs=2, until=lambda: True)) == list(range(2 * searching.AHEAD))


def test_a_process_that_dies_is_a_finding_and_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, a world that uses up all memory: its seed is reported."""

    def dies(case: WorldCase) -> Outcome:
        if case.seed == 1:
            raise BrokenProcessPool
        return outcome(WorldVerdict.SAFE, seed=case.seed)

    monkeypatch.setattr(searching, "ProcessPoolExecutor", SearchHere)
    monkeypatch.setattr(searching, "judge", dies)
    found = list(search([WorldCase(seed=1), WorldCase(seed=2)], jobs=1))

    broken = [ended for ended in found if ended.verdict is WorldVerdict.BROKEN]
    assert [ended.story for ended in broken] == ["seed 1: its process died (out of memory?)"]
    assert found[-1] is broken[0]


def test_worlds_live_in_processes_of_their_own() -> None:
    """Two real ones, very short."""
    found = list(search([WorldCase(seed=seed, hours=0.001) for seed in (1, 2)], jobs=2))

    assert sorted((ended.case.seed, ended.verdict) for ended in found) == [(1, WorldVerdict.SAFE), (2, WorldVerdict.SAFE)]


def test_a_tally_counts_worlds_hours_faults_and_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line while it goes on, another at the end."""
    monkeypatch.setattr(time, "monotonic", lambda: 1_060.0)
    tally = Tally(begun=1_000.0)
    for verdict in (WorldVerdict.SAFE, WorldVerdict.SAFE, WorldVerdict.STUCK, WorldVerdict.STUCK, WorldVerdict.UNSAFE):
        tally.count(outcome(verdict))

    assert tally.progress() == "5 worlds  0.2 cluster-hours (0.2 a minute)  24 faults  1 unsafe, 2 stuck, 0 broken"
    assert tally.settled() == "healed worlds settled within 4 s and 2 moves of a resource"
    assert tally.skipped_hours == pytest.approx(0.1)


# --- a small world in which the same goes wrong ---------------------------------------------------------------------

BUSY = Options(servers=4, voters=3, groups=3, loss=0.1, doubled=0.05, power=2.0, cuts=4.0, commands=8.0)
CASE = WorldCase(seed=1, hours=0.05, options=BUSY)
NUMBERS = frozenset(fault.number for fault in script(1, BUSY, 180.0))


class SearchJudge:
    """Says S1 whenever all the `guilty` faults happen in a world that is lossy; S3 where the last of them is missing."""

    def __init__(self, *guilty: int) -> None:
        self.guilty = frozenset(guilty)
        self.asked: list[WorldCase] = []

    def __call__(self, case: WorldCase) -> Outcome:
        self.asked.append(case)
        assert case.options is not None
        happens = NUMBERS if case.only is None else case.only
        if case.options.loss and self.guilty <= happens:
            return Outcome(case=case, verdict=WorldVerdict.UNSAFE, story="seed 1: S1: twice")
        if self.guilty - {max(self.guilty)} <= happens:
            return Outcome(case=case, verdict=WorldVerdict.UNSAFE, story="seed 1: S3: no holder")
        return Outcome(case=case, verdict=WorldVerdict.SAFE, lived=LIVED)


@pytest.mark.parametrize("guilty", [(3,), (2, 17), (1, 5, 6, max(NUMBERS)), tuple(sorted(NUMBERS)[::5])], ids=len)
def test_what_is_not_needed_is_left_out(guilty: tuple[int, ...]) -> None:
    """Exactly the guilty faults stay, in the smallest world in which they do the same; another wrong is not taken for it."""
    judging, said = SearchJudge(*guilty), list[str]()
    small = shrink(judging(CASE), said.append, judge=judging)

    assert small.case.only == frozenset(guilty)
    assert small.case.options == replace(BUSY, servers=2, voters=1, groups=1, doubled=0.0)
    assert small.rule == "S1"
    assert said[-1] == f"{len(guilty)} faults, 2 servers, 1 groups of resources"


def test_what_needs_no_fault_at_all_is_shown_without() -> None:
    """It goes wrong by itself."""
    stuck = outcome(WorldVerdict.STUCK, "not within 5 s: db runs")
    small = shrink(stuck, len, judge=lambda case: replace(outcome(WorldVerdict.STUCK, "not within 9 s: db runs"), case=case))

    assert small.case.only == frozenset()


def test_shrinking_ends_when_it_is_told_to() -> None:
    """With the best that was found so far."""
    judging = SearchJudge(2, 17)
    first = judging(CASE)
    small = shrink(first, len, judge=judging, until=lambda: len(judging.asked) >= 5)

    assert len(judging.asked) == 5
    assert small.rule == "S1"
    assert small.case.only is not None
    assert {2, 17} <= small.case.only


def test_it_takes_far_fewer_worlds_than_faults_times_faults() -> None:
    """Many are left out at once as long as that goes well."""
    judging = SearchJudge(2, 17)
    shrink(judging(CASE), len, judge=judging)

    assert len(judging.asked) < 3 * len(NUMBERS)


# --- options --------------------------------------------------------------------------------------------------------


def test_options_that_are_given_are_told_so_that_they_can_be_given_again() -> None:
    """And what is as usual is left out."""
    given = Options().with_given("loss=0.1").with_given("servers=4")

    assert given == Options(loss=0.1, servers=4)
    assert given.as_arguments() == "servers=4 loss=0.1"
    assert Options().as_arguments() == "nothing unusual"
    again = Options()
    for word in BUSY.as_arguments().split():
        again = again.with_given(word)
    assert again == BUSY


def test_an_option_that_is_none_is_refused_with_all_that_there_are() -> None:
    """Whoever mistypes one sees its name."""
    for given in ("los=0.1", "loss", "loss:0.1", "=1"):
        with pytest.raises(BadInput) as refused:
            Options().with_given(given)
        text = str(refused.value)
        assert text.startswith(f"{given}: give NAME=NUMBER; the names are again, asked_actions, bad_scripts, ")
        assert all(field.name in text for field in fields(Options))


@pytest.mark.parametrize(("given", "value"), [("loss=much", "much"), ("servers=2.5", "2.5"), ("loss=", "")])
def test_a_value_that_is_no_number_is_refused(given: str, value: str) -> None:
    """Servers are counted."""
    with pytest.raises(BadInput, match=f"^{given}: {value} is no number$"):
        Options().with_given(given)


@pytest.mark.parametrize("given", ["loss=2", "loss=-1", "servers=0", "pause_tolerance=0.01", "power=nan", "cuts=1e9"])
def test_a_value_that_makes_no_world_is_refused(given: str) -> None:
    """With what would."""
    with pytest.raises(BadInput, match=rf"^{given}: \w+ is [\d.]+ to [\d.]+$"):
        Options().with_given(given)


def test_a_seed_draws_its_world_and_each_is_of_its_own_kind() -> None:
    """With at least as many servers as voters; the same seed draws all of it again."""
    drawn = [Options.draw(seed) for seed in range(200)]

    assert drawn == [Options.draw(seed) for seed in range(200)]
    assert len(set(drawn)) == 200
    assert all(options.servers >= options.voters for options in drawn)
    for name in ("servers", "voters", "pause_tolerance", "groups", "calm_s", "loss", "power", "upgrades", "longest"):
        assert len({getattr(options, name) for options in drawn}) > 1


def test_simpler_worlds_are_simpler_until_none_is() -> None:
    """Each step takes one thing away, and they come to an end."""
    world, steps = BUSY, 0
    while simpler := world.simpler():
        assert all(options.servers >= options.voters for options in simpler)
        assert world not in simpler
        world, steps = simpler[-1], steps + 1
    assert steps < 20
    assert (world.servers, world.voters, world.groups, world.loss) == (2, 1, 1, 0.0)
