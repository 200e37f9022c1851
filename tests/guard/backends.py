"""What the contract's tests of the Guard port run on: real guards behind their sockets, the simulator's, and the one that tests hold.

Each brings three servers. `run` carries a story in the backend's own time: seconds of a real one, virtual ones of a simulated one.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest

from cutting import exchange_value
from daemon.heldguard import HeldGuard
from guard.hosts import Hosts, hosts
from support import wait_for
from understudy.daemon import guardlink
from understudy.daemon.guardlink import GuardLink
from understudy.model.limits import derive
from understudy.model.names import Incarnation, ServerName
from understudy.ports import Guard
from understudy.sim.guardport import GuardPort
from understudy.sim.loop import Place
from understudy.sim.options import Options
from understudy.sim.world import World

PAUSE_TOLERANCE = 0.5
LIMITS = derive(PAUSE_TOLERANCE)
SERVERS = tuple(ServerName(f"ctr{number}") for number in (1, 2, 3))


class GuardBackend(Protocol):
    """Three servers whose guards hold their leases."""

    cluster: str
    keys: tuple[bytes, ...]
    """Of the guards' messages, at the beginning."""

    def guard(self, server: ServerName) -> Guard:
        """The port of another daemon of this server; what an earlier one was sent it is sent too."""
        ...

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """To its end."""
        ...

    async def cut(self, server: ServerName) -> None:
        """From the network, for good."""
        ...

    def end(self, server: ServerName) -> None:
        """Its guard ends for good, and nobody answers any more."""
        ...


class RealGuards:
    """Processes in network namespaces."""

    def __init__(self, servers: Hosts) -> None:
        self.cluster, self.keys = servers.tag, servers.keys
        self._servers = servers
        self._links: list[GuardLink] = []

    def guard(self, server: ServerName) -> GuardLink:
        """See Backend."""
        host = self._servers[SERVERS.index(server) + 1]
        self._links.append(GuardLink(host.run_dir, round_s=LIMITS.round_s))
        return self._links[-1]

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """See Backend."""
        asyncio.run(self._run(story))

    async def cut(self, server: ServerName) -> None:
        """See Backend."""
        await asyncio.to_thread(self._servers[SERVERS.index(server) + 1].cut)  # its netlink library takes no running loop

    def end(self, server: ServerName) -> None:
        """See Backend."""
        keeper = self._servers[SERVERS.index(server) + 1].keeper
        assert keeper is not None
        keeper.kill()
        keeper.wait(5)

    async def _run(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            await story
        finally:
            for link in self._links:
                await link.close()


class SimulatedGuards:
    """Keepers and guards of the false world; its daemons and executors are not begun."""

    cluster = "sim"

    def __init__(self) -> None:
        self._world = World(1, Options(servers=3, voters=3, pause_tolerance=PAUSE_TOLERANCE))
        self.keys = self._world.machines[SERVERS[0]].keys.keys
        for machine in self._world.machines.values():
            machine.restart_starters = lambda: None  # type: ignore[method-assign]  # only this machine's; the class goes on
        self._world.boot()
        self._world.until(
            lambda: all(machine.keeper and machine.keeper.lease() for machine in self._world.machines.values()), 5, "all hold leases"
        )

    def guard(self, server: ServerName) -> GuardPort:
        """See Backend."""
        machine = self._world.machines[server]
        assert machine.keeper is not None
        return GuardPort(machine.keeper, Place(f"{server}/daemon", machine.clocks))

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """See Backend."""
        self._world.loop.run_until_complete(story)

    async def cut(self, server: ServerName) -> None:
        """See Backend."""
        self._world.cut(server)

    def end(self, server: ServerName) -> None:
        """See Backend."""
        keeper = self._world.machines[server].keeper
        assert keeper is not None
        keeper.die()


class HeldGuards:
    """What the tests of daemons hold: each by itself."""

    cluster = "test"
    keys: tuple[bytes, ...] = (b"k" * 32,)

    def __init__(self) -> None:
        lives = {server: Incarnation(f"{number:032x}") for number, server in enumerate(SERVERS, 1)}
        self._guards = {
            server: HeldGuard(server, lives[server], {other: life for other, life in lives.items() if other != server})
            for server in SERVERS
        }

    def guard(self, server: ServerName) -> HeldGuard:
        """See Backend."""
        return self._guards[server]

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """See Backend."""
        asyncio.run(story)

    async def cut(self, server: ServerName) -> None:
        """See Backend."""
        raise AssertionError(f"{server} has no network here")

    def end(self, server: ServerName) -> None:
        """See Backend."""
        self._guards[server].answers = False


@contextlib.contextmanager
def real(directory: Path) -> Iterator[RealGuards]:
    """Three servers of one test."""
    with pytest.MonkeyPatch.context() as patch, hosts(directory, 3, pause_tolerance=PAUSE_TOLERANCE) as made:
        # a guard ends the process that says it is the daemon; here that would be the tests' own
        patch.setattr(guardlink, "os", SimpleNamespace(getpid=lambda: 0))
        exchange_value(patch, guardlink, "ANSWER_S", 1.0)
        for host in made.all:
            host.start()
        for host in made.all:
            wait_for(host.holds, 10, f"{host.name} holds a lease; its log: {host.log.read_text()}")
        yield RealGuards(made)
