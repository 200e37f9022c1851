"""`understudy simulate`: what it prints, and its exit status, with a product that keeps its promises and with one that does not."""

import re
import shlex
from functools import cache

import pytest

from cutting import exchange, exchange_value
from sim.test_search import SearchHere, outcome
from understudy.cli.understudy import simulate
from understudy.model.names import Incarnation
from understudy.model.view import Assignment
from understudy.sim import search
from understudy.sim.life import WorldCase
from understudy.sim.options import Options
from understudy.sim.search import Outcome, WorldVerdict
from understudy.sim.trace import Trace

LINE = re.compile(r" *\d+\.\d{4}  \S+ +\S.*")
"""Of a timeline."""


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is broken here is broken in every world."""
    monkeypatch.setattr(search, "ProcessPoolExecutor", SearchHere)


@pytest.fixture
def broken_product(monkeypatch: pytest.MonkeyPatch, in_one_process: None) -> None:
    """Owners start although somebody else may still be running it (S3)."""

    def sole_holder(self: Assignment, incarnation: Incarnation) -> bool:
        return True

    exchange(monkeypatch, Assignment.sole_holder)(sole_holder)


@pytest.fixture
def unsafe_seed(broken_product: None) -> int:
    """The first seed that shows it soon, and in a small world."""
    return _unsafe_seed()


@cache
def _unsafe_seed() -> int:
    """Found once: the product is broken in the same way for whoever asks."""
    small = [seed for seed in range(1, 200) if Options.of_seed(seed).servers == 2]
    cases = (WorldCase(seed=seed, hours=0.01, options=Options.of_seed(seed)) for seed in small)
    return next(case.seed for case in cases if search.judge(case).verdict is WorldVerdict.UNSAFE)


def ended(capsys: pytest.CaptureFixture[str], arguments: str) -> tuple[int, list[str]]:
    """Exit status and lines of output."""
    status = simulate.main(shlex.split(arguments))
    captured = capsys.readouterr()
    assert captured.err == ""
    return status, captured.out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], arguments: str) -> str:
    """What is said of bad input."""
    assert simulate.main(shlex.split(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.strip()


# --- a product that keeps its promises ------------------------------------------------------------------------------


def test_a_world_that_is_safe_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0."""
    status, lines = ended(capsys, "--seed 1 --hours 0.002")

    assert status == 0
    assert len(lines) == 1
    assert re.fullmatch(r"seed 1: safe and live, \d+ faults, settled \d+\.\d s after healing", lines[0])


def test_a_search_says_what_it_will_do_and_what_came_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_one_process: None
) -> None:
    """Three lines if all is well; of progress none, however slow the machine is."""
    exchange_value(monkeypatch, simulate, "_FIRST_S", float("inf"))
    status, lines = ended(capsys, "--first-seed 5 --seeds 3 --hours 0.002")

    assert status == 0
    assert len(lines) == 3
    assert lines[0] == "seeds 5 to 7: 0.002 virtual hours of faults each, then healed"
    counted = r"3 worlds  0\.\d cluster-hours \([\d.,]+ a minute\)  \d+ faults  0 unsafe, 0 stuck, 0 broken"
    assert re.fullmatch(counted, lines[1])
    assert re.fullmatch(r"healed worlds settled within \d+ s and \d moves of a resource", lines[2])


def test_a_limit_in_seconds_is_told(capsys: pytest.CaptureFixture[str], in_one_process: None) -> None:
    """No more worlds are begun than are handed out at once."""
    status, lines = ended(capsys, "--first-seed 5 --seeds 100 --jobs 1 --seconds 0.001 --hours 0.001")

    assert status == 0
    assert lines[0] == "seeds 5 to 104, for 0.001 s: 0.001 virtual hours of faults each, then healed"
    counted = [line for line in lines if " worlds  " in line]
    assert counted[-1].startswith(f"{search.AHEAD} worlds "), lines  # a slow machine may have reported fewer before


def test_the_first_seed_is_drawn_and_told(capsys: pytest.CaptureFixture[str], in_one_process: None) -> None:
    """So that the same search can be made again."""
    status, lines = ended(capsys, "--seeds 1 --hours 0.001")

    assert status == 0
    assert re.match(r"seeds (\d+) to \1: ", lines[0])


def test_a_timeline_is_printed_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--trace`, and only for that run."""
    status, lines = ended(capsys, "--seed 1 --hours 0.001 --trace")

    assert status == 0
    assert len(lines) > 100
    assert all(LINE.fullmatch(line) for line in lines[:-1])
    assert Trace.echo is None


def test_only_some_faults_happen(capsys: pytest.CaptureFixture[str]) -> None:
    """By their numbers."""
    status, lines = ended(capsys, "--seed 1 --hours 0.05 --only 1,3-4")

    assert status == 0
    assert lines[0].startswith("seed 1: safe and live, 3 faults, ")


# --- a product that does not ----------------------------------------------------------------------------------------


def test_what_is_unsafe_is_told_with_everything_needed_to_see_it_again(capsys: pytest.CaptureFixture[str], unsafe_seed: int) -> None:
    """The sentence, the options, the last fifty lines; and a command, which shows the same with its whole timeline."""
    seed = unsafe_seed
    status, lines = ended(capsys, f"--seed {seed} --hours 0.01")

    assert status == 3
    assert re.fullmatch(rf"seed {seed}: S\d: .*", lines[0])
    assert re.fullmatch(r"options: (\w+=[\d.]+ ?)+", lines[1])
    timeline = [line for line in lines if LINE.fullmatch(line)]
    assert len(timeline) == 50
    assert lines[2:52] == timeline
    assert timeline[-1].endswith(f"  world    VIOLATION: {lines[0].removeprefix(f'seed {seed}: ')}")
    assert lines[-1] == f"unsafe: understudy simulate --seed {seed} --hours 0.01 --trace"

    again, more = ended(capsys, lines[-1].removeprefix("unsafe: understudy simulate "))
    assert again == 3
    assert [line for line in more if LINE.fullmatch(line)][-50:] == timeline


def test_a_search_tells_each_failure_and_last_how_to_see_them(capsys: pytest.CaptureFixture[str], unsafe_seed: int) -> None:
    """In the order of the seeds; the exit status is that of the worst."""
    status, lines = ended(capsys, f"--first-seed {unsafe_seed} --seeds 4 --hours 0.01")

    unsafe = [line for line in lines if line.startswith("unsafe: ")]
    assert status == 3
    assert unsafe
    assert lines[-len(unsafe) :] == unsafe == sorted(unsafe)
    assert all(re.match(r"unsafe: understudy simulate --seed \d+ --hours 0.01 --trace", line) for line in unsafe)
    assert sum(bool(re.match(r"seed \d+: S\d: ", line)) for line in lines) == len(unsafe)
    assert any(f"  {len(unsafe)} unsafe, 0 stuck, 0 broken" in line for line in lines)


def test_what_fails_is_shown_in_a_smaller_world(capsys: pytest.CaptureFixture[str], unsafe_seed: int) -> None:
    """`--shrink`: the command names the faults that are left, and shows the same rule broken."""
    status, lines = ended(capsys, f"--seed {unsafe_seed} --hours 0.01 --seconds 15 --shrink")

    assert status == 3
    assert "The same in a smaller world:" in lines
    command = lines[-1].removeprefix("unsafe: understudy simulate ")
    assert re.search(r" --only [\d,]+ ", command)
    small = lines[lines.index("The same in a smaller world:") + 2]
    assert re.match(rf"seed {unsafe_seed}: S\d: ", small)
    again, more = ended(capsys, command)
    assert again == 3
    assert small in more


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ((WorldVerdict.SAFE, WorldVerdict.STUCK), 4),
        ((WorldVerdict.BROKEN, WorldVerdict.SAFE), 5),
        ((WorldVerdict.BROKEN, WorldVerdict.STUCK), 4),
        ((WorldVerdict.STUCK, WorldVerdict.UNSAFE, WorldVerdict.BROKEN), 3),
    ],
)
def test_the_exit_status_is_that_of_the_worst(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    in_one_process: None,
    verdicts: tuple[WorldVerdict, ...],
    status: int,
) -> None:
    """Each that failed is named with its verdict."""

    def judge(case: WorldCase) -> Outcome:
        return outcome(verdicts[case.seed - 1], seed=case.seed)

    monkeypatch.setattr(search, "judge", judge)
    ending, lines = ended(capsys, f"--first-seed 1 --seeds {len(verdicts)}")

    assert ending == status
    failed = [(seed, verdict) for seed, verdict in enumerate(verdicts, 1) if verdict is not WorldVerdict.SAFE]
    last = [f"{verdict.name.lower()}: understudy simulate --seed {seed} --hours 0.05 --trace" for seed, verdict in failed]
    assert lines[-len(last) :] == last
    for seed, verdict in failed:
        assert simulate.main(["--seed", str(seed)]) == verdict
        assert capsys.readouterr().out.splitlines()[-1] == f"{verdict.name.lower()}: understudy simulate --seed {seed} --hours 0.05 --trace"


def test_the_command_repeats_all_that_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_one_process: None
) -> None:
    """Options that differ from those the seed draws, faults, and every beat."""
    monkeypatch.setattr(search, "judge", lambda case: Outcome(case=case, verdict=WorldVerdict.STUCK, story="seed 1: stuck"))
    as_drawn = f"--set servers={Options.draw(1).servers}"
    status, lines = ended(capsys, f"--seed 1 --hours 0.1 --only 3,7-9 --set loss=0.07 {as_drawn} --every-beat")

    assert status == 4
    assert lines[-1] == "stuck: understudy simulate --seed 1 --hours 0.1 --only 3,7,8,9 --set loss=0.07 --every-beat --trace"
    again, lines_again = ended(capsys, lines[-1].removeprefix("stuck: understudy simulate "))
    assert (again, lines_again[-1]) == (status, lines[-1])


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["--seed 1", "--seeds 3", "--first-seed 9"])
def test_bad_input_is_refused_before_anything_is_done(capsys: pytest.CaptureFixture[str], how: str) -> None:
    """Exit status 2, and nothing on the output."""
    assert refused(capsys, f"{how} --set loss=much") == "understudy simulate: loss=much: much is no number"
    assert refused(capsys, f"{how} --set los=1").startswith("understudy simulate: los=1: give NAME=NUMBER; the names are again, ")
    assert refused(capsys, f"{how} --only 3,x") == "understudy simulate: --only 3,x: give numbers of faults, as in 3,17,40-45"


def test_what_is_no_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """As everywhere."""
    with pytest.raises(SystemExit) as left:
        simulate.main(["--sed", "1", "--nothing"])
    assert left.value.code == 2
    assert "usage: understudy simulate" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["--seeds 0", "--seeds x", "--hours nan", "--hours -1", "--seconds 0", "--jobs 0", "--seed 1 --only 9-2"])
def test_a_number_that_says_nothing_is_bad_input(capsys: pytest.CaptureFixture[str], given: str) -> None:
    """Exit status 2 and one sentence; no world is begun."""
    try:
        status: int | str | None = simulate.main(given.split())
    except SystemExit as ended:
        status = ended.code
    told = capsys.readouterr()

    assert status == 2
    assert told.out == ""
    assert re.search(r"(write|give) .*number", told.err)
