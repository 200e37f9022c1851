"""The command itself: killed in the middle of commits, paused, ended by SIGTERM."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import understudy
from registry.backends import PATIENT_S, client_of, retried, written
from support import wait_until
from understudy.errors import RegistryUnreachable
from understudy.ports import Batch, CommitCondition, Conflict, Write
from understudy.registry.sqlite import access, main
from understudy.registry.sqlite.client import RegistryClient
from understudy.registry.sqlite.store import Store

SOURCE = Path(understudy.__file__).resolve().parents[1]


class Served:
    """A server process on one store; started again as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "registry.db"
        self.key = folder / "guard.key"
        self.key.touch(mode=0o600)
        self.key.write_text(bytes(range(32)).hex() + "\n")
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """The endpoint, once it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "understudy.registry.sqlite.main", *self.arguments()], cwd=SOURCE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = json.loads(self.process.stderr.readline())
        assert (line["event"], line["process"], line["store"]) == ("listening", "understudy-registry", str(self.store))
        endpoint = str(line["at"])
        self.port = access.parse_endpoint(endpoint)[1]
        return endpoint

    def arguments(self) -> list[str]:
        return ["--listen", f"127.0.0.1:{self.port}", "--store", str(self.store), "--key", str(self.key)]

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; the status."""
        assert self.process is not None
        assert self.process.stderr is not None
        status = self.process.wait(PATIENT_S)
        self.process.stderr.close()
        self.process = None
        return status


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    process = Served(tmp_path)
    yield process
    if process.process is not None:
        process.send(signal.SIGCONT)
        process.send(signal.SIGKILL)
        process.ended()


async def test_it_serves_until_it_is_told_to_end(served: Served) -> None:
    async with client_of(served.start()) as registry:
        revision = await written(registry, Write("a", b"1"))
        served.send(signal.SIGTERM)
        assert served.ended() == 0
    assert not Path(f"{served.store}-wal").exists()
    with Store(served.store) as store:
        assert store.revision == revision


@pytest.mark.parametrize("rounds", [10, pytest.param(100, marks=pytest.mark.long)])
async def test_killed_in_the_middle_of_commits_it_has_lost_none_that_was_acknowledged(served: Served, rounds: int) -> None:
    """Writers count upwards in a key of their own and in a second one, which must always agree."""
    acknowledged = [0] * 6
    asked = [0] * 6

    async def write(registry: RegistryClient, writer: int) -> None:
        while True:
            asked[writer] = max(asked[writer], acknowledged[writer]) + 1
            value = b"%d" % asked[writer]
            try:
                await written(registry, Write(f"a/{writer}", value), Write(f"b/{writer}", value))
            except RegistryUnreachable:
                return
            acknowledged[writer] = asked[writer]

    for round_ in range(rounds):
        endpoint = served.start()
        async with client_of(endpoint) as registry:
            writing = [asyncio.create_task(write(registry, writer)) for writer in range(6)]
            await wait_until(at_least(acknowledged, sum(acknowledged) + 20 + 7 * round_), PATIENT_S, "writers are at it")
            served.send(signal.SIGKILL)
            await asyncio.wait_for(asyncio.gather(*writing), PATIENT_S)
        assert served.ended() == -signal.SIGKILL
        with Store(served.store) as store:
            held = {entry.key: int(entry.value) for entry in store.read("")[1]}
        for writer in range(6):
            assert acknowledged[writer] <= held[f"a/{writer}"] == held[f"b/{writer}"] <= asked[writer]


def at_least(counts: list[int], enough: int) -> Callable[[], bool]:
    return lambda: sum(counts) >= enough


async def test_one_that_stands_still_costs_a_deadline_and_goes_on(served: Served) -> None:
    """Its clients get an error in time; when it resumes, what came of a commit that nobody waits for is learnt by reading."""
    endpoint = served.start()
    async with client_of(endpoint, deadline_s=0.3) as hasty, client_of(endpoint) as patient:
        first = await written(patient, Write("a", b"1"))
        found: list[Batch] = []

        async def watch() -> None:
            async for batch in hasty.watch("", first):
                found.append(batch)

        watching = asyncio.create_task(watch())
        second = await written(patient, Write("b", b"1"))
        await wait_until(lambda: found, PATIENT_S, "the watch yields")
        served.send(signal.SIGSTOP)
        with pytest.raises(RegistryUnreachable):
            await asyncio.wait_for(hasty.commit([CommitCondition("a", first)], [Write("a", b"2")]), PATIENT_S)
        with pytest.raises(RegistryUnreachable, match="pings were not answered"):
            await asyncio.wait_for(watching, PATIENT_S)
        served.send(signal.SIGCONT)
        # What came of the commit is final once its own client has read again, so that anyone may go on from there.
        revision, entries = await retried(hasty)
        happened = {entry.key: entry.value for entry in entries}["a"] == b"2"
        assert revision == second + happened
        again = await patient.commit([CommitCondition("a", first)], [Write("a", b"3")])
        assert again == (Conflict(("a",)) if happened else second + 1)
        assert [batch.revision for batch in found] == [second]


def test_two_servers_never_serve_one_store(served: Served) -> None:
    served.start()
    assert served.process is not None
    second = subprocess.run(
        [sys.executable, "-m", "understudy.registry.sqlite.main", "--listen", "127.0.0.1:0", "--store", str(served.store)],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
    )
    assert second.returncode == 1
    assert f"already being served by process {served.process.pid}" in second.stderr


def test_what_it_cannot_do_is_said_in_one_line(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served.start()
    free = str(tmp_path / "other.db")
    (tmp_path / "short.key").touch(mode=0o600)
    (tmp_path / "short.key").write_text("abcd")
    (tmp_path / "open.key").write_text("ab" * 32)
    (tmp_path / "open.key").chmod(0o644)
    for arguments, status, why in (
        (["--listen", f"127.0.0.1:{served.port}", "--store", free], 1, "cannot listen on 127.0.0.1:"),
        (["--listen", "here", "--store", free], 2, "'here' (a text) is no endpoint"),
        (["--listen", "127.0.0.1:0", "--store", free, "--key", str(tmp_path / "short.key")], 2, "must hold 64 hex digits"),
        (["--listen", "127.0.0.1:0", "--store", free, "--key", str(tmp_path / "no.key")], 2, "cannot be read: No such file"),
        (["--listen", "127.0.0.1:0", "--store", free, "--key", str(tmp_path / "open.key")], 2, "can be read by others: chmod 0600"),
        (["--listen", "127.0.0.1:0", "--store", str(tmp_path)], 1, "cannot be opened"),
    ):
        assert main.main(arguments) == status
        said = capsys.readouterr().err
        assert why in said
        assert said.count("\n") == 1
        assert "abcd" not in said


def test_without_a_key_it_listens_on_this_machine_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may write may have every server run what he likes, as root."""
    assert main.main(["--listen", "192.0.2.1:7400", "--store", str(tmp_path / "a.db")]) == 2
    assert "may register a program that every server runs as root" in capsys.readouterr().err
    assert main.main(["--listen", "192.0.2.1:7400", "--store", str(tmp_path / "a.db"), "--no-key"]) == 1
    assert "cannot listen on 192.0.2.1:7400" in capsys.readouterr().err


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["--help"])
    assert caught.value.code == 0
    assert "understudy-registry --listen 10.10.10.9:7400 --store" in capsys.readouterr().out


def test_the_lock_dies_with_its_process(served: Served) -> None:
    served.start()
    assert served.process is not None
    os.kill(served.process.pid, signal.SIGKILL)
    served.ended()
    served.start()
