"""Keepers of the false world around the guards' cores: they carry out, in virtual time, what `guard/core/keeper.py` decides.

Nothing here survives a kill, nobody asks a server to end, and no machine is rebooted by its keeper.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from guard.machine import WorldServer
from guard.weather import SECOND
from understudy.guard.core import GuardStart
from understudy.guard.core.ending import EndScope, EndSeen, EndStage
from understudy.guard.core.keeper import (
    BeginAnew,
    EndEverything,
    Finish,
    Keeper,
    KeeperEffect,
    LastWords,
    Pause,
    Reboot,
    Strike,
    Succeed,
    last_words,
    new_life,
)
from understudy.guard.core.watch import KeeperSight

if TYPE_CHECKING:
    from guard.world import GuardWorld

ALL_GONE = EndSeen(stopped=True, left=())


class Keepers:
    """Of all servers."""

    def __init__(self, world: "GuardWorld") -> None:
        self._world = world

    def begin(self, server: WorldServer) -> None:
        """A keeper begins, and with it an incarnation; an earlier keeper's plans come to nothing."""
        server.owner_of = None
        server.stage = EndStage.RUNNING
        server.keeper = Keeper(self._world.settings(server).limits, reboots=False)
        self._carry_out(server, server.keeper.started(after_a_lease=False))

    def guard_hangs(self, server: WorldServer, reaped_s: float) -> None:
        """It does nothing more, and is dead after so long."""
        server.guard = None
        number = server.guards

        def reaped(keeper: Keeper, sight: KeeperSight) -> list[KeeperEffect]:
            return keeper.guard_ended(-9, self._lived_s(server), sight) if server.guards == number else []

        self._hear(server, reaped_s, reaped)
        self._watch(server, number)

    def guard_stopped_everything(self, server: WorldServer) -> LastWords:
        """And ends."""
        server.stage = EndStage.GONE
        return last_words(ALL_GONE, asked=False)

    def guard_ended(self, server: WorldServer, words: LastWords) -> None:
        """When it has said them."""
        self._hear(server, None, lambda keeper, sight: keeper.guard_ended(words.exit, self._lived_s(server), sight))

    def _watch(self, server: WorldServer, number: int) -> None:
        keeper = server.keeper
        assert keeper is not None
        if server.guards == number and keeper.guard_alive:
            self._carry_out(server, keeper.look(self._sight(server)))
            wait_s = keeper.wait_s(self._sight(server))
            if wait_s is not None:
                self._world.on(server, wait_s, lambda: self._watch(server, number) if server.keeper is keeper else None)

    def _carry_out(self, server: WorldServer, effects: Sequence[KeeperEffect]) -> None:
        world = self._world
        for effect in effects:
            match effect:
                case BeginAnew():
                    server.owner_of, server.stage = None, EndStage.RUNNING
                    server.held = new_life(server.held, world.dice.randbytes(16))
                    world.guard_begins(server, GuardStart(server.held.incarnation, server.held.sequence))
                case Succeed(start):
                    world.say(f"{server.name} successor")
                    world.guard_begins(server, start)
                case Strike():
                    server.stage = max(server.stage, EndStage.STRUCK)
                    world.on(server, self._kill_s(), lambda: world.ends(server))
                case EndEverything(scope):
                    self._end(server, scope)
                case Pause(seconds):
                    self._hear(server, seconds, Keeper.go_on)
                case Finish() | Reboot():
                    raise AssertionError(f"{server.name}: nobody has asked for {effect}")
                case _:
                    pass  # for people, or for a guard that hangs

    def _end(self, server: WorldServer, scope: EndScope) -> None:
        server.stage = max(server.stage, EndStage.STOPPING)

        def ended(keeper: Keeper, sight: KeeperSight) -> list[KeeperEffect]:
            self._world.ends(server)
            server.stage = EndStage.GONE
            return keeper.ended(ALL_GONE, sight._replace(stage=EndStage.GONE))

        self._hear(server, self._kill_s() if scope.after_a_lease else None, ended)

    def _hear(self, server: WorldServer, after_s: float | None, happened: Callable[[Keeper, KeeperSight], list[KeeperEffect]]) -> None:
        """Something happens of which this keeper is notified: now, or after a while."""
        keeper = server.keeper
        assert keeper is not None

        def hear() -> None:
            if server.keeper is keeper:
                self._carry_out(server, happened(keeper, self._sight(server)))

        if after_s is None:
            hear()
        else:
            self._world.on(server, after_s, hear)

    def _lived_s(self, server: WorldServer) -> float:
        return (self._world.now - server.guard_began) / SECOND

    def _kill_s(self) -> float:
        """From the decision until everything is dead."""
        return self._world.dice.uniform(0, self._world.limits.pace.kill_s)

    def _sight(self, server: WorldServer) -> KeeperSight:
        return KeeperSight(server.clocks.read(self._world.now), server.held, server.stage, server.guards)
