"""How fast the registry is on this machine: `.venv/bin/python bench/registry.py` prints a table.

A real server process with its file on disk, and clients over loopback TCP. Peers of the same work stand beside it: the bare store in
this process (what the disk costs) and an empty request over the same connection (what the network costs).
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from understudy.model import view  # noqa: E402
from understudy.model.names import Incarnation, ResourceName, ServerName  # noqa: E402
from understudy.model.state import State  # noqa: E402
from understudy.ports import CommitCondition, Write  # noqa: E402
from understudy.registry import keys, wire  # noqa: E402
from understudy.registry.sqlite.client import RegistryClient  # noqa: E402
from understudy.registry.sqlite.store import Store  # noqa: E402

REPORT = view.Report(
    resource=ResourceName("controllers-db"),
    server=ServerName("ctr1"),
    incarnation=Incarnation("0123456789abcdef" * 2),
    epoch=7,
    state=State.ONLINE,
    details="answers on 10.10.10.11",
)
VALUE = wire.encode(REPORT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=2000)
    options = parser.parse_args()
    print(f"{'':44} {'median':>9} {'p99':>9} {'max':>9}")
    with tempfile.TemporaryDirectory() as folder:
        store(folder, options.commits)
        command = [sys.executable, "-m", "understudy.registry.sqlite.main", "--listen", "127.0.0.1:0", "--store", f"{folder}/served"]
        with subprocess.Popen(command, cwd=ROOT / "src", stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            listening = json.loads(server.stderr.readline())
            try:
                asyncio.run(served(listening["at"], options.commits))
            finally:
                server.terminate()
    values(options.commits)


def store(folder: str, commits: int) -> None:
    """The file alone."""
    taken = []
    with Store(f"{folder}/alone") as served:
        for number in range(commits):
            begun = time.perf_counter()
            served.commit([], [Write(key(number), VALUE)])
            taken.append(time.perf_counter() - begun)
    row("the store alone, commit", taken)


async def served(endpoint: str, commits: int) -> None:
    """Through the server."""
    dice = random.Random(1)
    async with RegistryClient([endpoint], dice=dice, deadline_s=5) as client, RegistryClient([endpoint], dice=dice, deadline_s=5) as other:
        await timed("nothing to read, round trip", commits, lambda number: client.read("nothing/"))
        await timed(
            "commit, round trip", commits, lambda number: client.commit([CommitCondition(keys.LEADER, 0)], [Write(key(number), VALUE)])
        )
        row("commit until a watcher has it", await watched(client, other, commits))
        begun = time.perf_counter()
        await asyncio.gather(*(writer(client if number % 2 else other, number, commits // 16) for number in range(16)))
        print(f"{'16 writers at once, commits per second':44} {commits // 16 * 16 / (time.perf_counter() - begun):9.0f}")
        for number in range(3000):
            await client.commit([], [Write(f"resource/r{number:05}", VALUE)])
        await timed("read of 3,000 records", 50, lambda number: client.read(keys.RESOURCE))


async def timed(what: str, times: int, call: Callable[[int], Awaitable[object]]) -> None:
    """One after the other."""
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        await call(number)
        taken.append(time.perf_counter() - begun)
    row(what, taken)


async def watched(writes: RegistryClient, reads: RegistryClient, commits: int) -> list[float]:
    """From the call of commit until another client's watch yields it."""
    revision, _ = await reads.read("leader")
    arrived: list[float] = []
    ready = asyncio.Event()

    async def watch() -> None:
        async for _ in reads.watch("", revision):
            arrived.append(time.perf_counter())
            ready.set()

    watching = asyncio.create_task(watch())
    taken = []
    for number in range(commits):
        ready.clear()
        begun = time.perf_counter()
        await writes.commit([], [Write(key(number), VALUE)])
        await ready.wait()
        taken.append(arrived[-1] - begun)
    watching.cancel()
    await asyncio.wait((watching,))
    return taken


async def writer(client: RegistryClient, number: int, commits: int) -> None:
    """One of several."""
    for _ in range(commits):
        await client.commit([], [Write(f"report/r/{number}", VALUE)])


def values(times: int) -> None:
    """Records to bytes and back."""
    for what, call in (("encode a report", lambda: wire.encode(REPORT)), ("decode a report", lambda: wire.decode("report/r/ctr1", VALUE))):
        taken = []
        for _ in range(times):
            begun = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begun)
        row(what, taken)


def key(number: int) -> str:
    """A key as daemons write them most."""
    return keys.report(f"r{number % 300}", "ctr1")


def row(what: str, taken: list[float]) -> None:
    """One line of the table, in milliseconds."""
    taken = sorted(taken)
    figures = (taken[len(taken) // 2], taken[int(len(taken) * 0.99)], taken[-1])
    print(f"{what:44} " + " ".join(f"{figure * 1000:6.3f} ms" for figure in figures))


if __name__ == "__main__":
    main()
