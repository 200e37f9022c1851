"""A process of its own that serves ctr1's API, with resources registered, for tests that attack it as other users.

Run as `python -m daemon.attacked SOCKET RESOURCES [OPEN_FILES]`. Ends as the daemon does when an invariant is broken. On SIGUSR1 it says on
standard output how long its loop worked on end at most since the last time, in milliseconds of processor time (so that other things on the
machine do not count), and how much memory it has, in KiB.
"""

import asyncio
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from daemon.cluster import Cluster, running
from understudy.daemon.api import application
from understudy.daemon.main import _break
from understudy.daemon.parts import Part
from understudy.daemon.peers import listening
from understudy.guard import log
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Event
from understudy.registry import keys

TICK_S = 0.002
EVENTS = 3000


class Loop:
    """How long it works before a timer has its turn."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            before = time.thread_time()
            await asyncio.sleep(TICK_S)
            self.worst_s = max(self.worst_s, time.thread_time() - before)

    def tell(self) -> None:
        """And begin anew."""
        memory = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
        print(f"{self.worst_s * 1000:.0f} {memory}", flush=True)
        self.worst_s = 0.0


async def registered(cluster: Cluster, number: int) -> None:
    """So many resources, all at once, and a history."""
    await cluster.run('crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/x"')
    mirror = cluster.nodes["ctr1"].mirror
    definition = mirror.view.definitions[ResourceName("db")]
    names = [ResourceName(f"service.number.{number:04d}") for number in range(number)]
    await mirror.commit_parts(
        [Part(writes={keys.resource(name): replace(definition, name=name)}) for name in names], decided_on=mirror.view
    )
    events = [Event(wall=float(number), server=ServerName("ctr1"), kind="started", text="some text") for number in range(EVENTS)]
    await mirror.commit_parts(
        [Part(writes={keys.history(n, ServerName("ctr1"), n): event}) for n, event in enumerate(events)], decided_on=mirror.view
    )
    while len(mirror.view.resources) < number or len(mirror.history()) < EVENTS:
        await mirror.wait(mirror.view.revision, 1.0)


async def main(path: str, number: int) -> int:
    """Serve until SIGTERM (0), or until an invariant is broken (1)."""
    loop, broken, told = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.set_exception_handler(lambda _, context: _break(context, broken))
    loop.add_signal_handler(signal.SIGTERM, told.set)
    watch = Loop()
    loop.add_signal_handler(signal.SIGUSR1, watch.tell)
    async with running("ctr1") as cluster:
        await registered(cluster, number)
        async with listening(application(cluster.services("ctr1")), path):
            work = [asyncio.create_task(coroutine) for coroutine in (watch.watch(), broken.wait(), told.wait())]
            print("ready", flush=True)
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                task.cancel()
    return 1 if broken.is_set() else 0


if __name__ == "__main__":
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), int(sys.argv[3])))
    with log.running("understudyd", server="ctr1"):
        sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
