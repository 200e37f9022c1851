"""The end of everything on a server, as data: which step follows which, what each may find, and how far the end has come; pure (S4).

Owns: the order. Starters first (daemon and executor), for they start things; then the groups, the addresses, the gate and the network
namespaces, without waiting; then all of it is seen to be gone; what may hang comes last. Every step may be done twice, by guard and keeper
at once: none undoes another.
Called by: `guard/kill.py`, which does the steps, and the simulator, which does them in virtual time.
Must never: call something ended that no step has seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple


class EndStage(IntEnum):
    """How far the end has come; guard and keeper exchange it in the memory they share."""

    RUNNING = 0
    STOPPING = 1
    """Begun: from here on no lease is extended."""
    STRUCK = 2
    """Starters and groups were sent their kill."""
    EMPTY = 3
    """Starters were seen dead and groups empty."""
    GONE = 4
    """Addresses were seen gone, the gate is shut, and the resources' network namespaces were seen mute."""


class EndStep(Enum):
    """One thing to do, or to see."""

    KILL_STARTERS = "kill daemon and executor"
    KILL_GROUPS = "kill the control groups"
    REMOVE_ADDRESSES = "remove the addresses, and see that they are gone"
    SHUT_GATE = "shut the gate"
    MUTE_NAMESPACES = "set down the links in the resources' network namespaces, and see that they are"
    HURRY_GROUPS = "give who is to die the processor first"
    SEEK_STRAYS = "begin to look for processes outside their control groups"
    SEE_GROUPS_EMPTY = "wait until the control groups are empty"
    SEE_STARTERS_DEAD = "wait until daemon and executor are dead"
    SEE_STRAYS_DEAD = "hear what became of processes outside their control groups"
    SEE_ADDRESSES_KNOWN = "see whether any address may have been forgotten"
    SHUT_FILE_SYSTEMS = "shut down the file systems"
    CUT_OFF_MOUNTS = "unmount by force what resources have mounted"


class EndFound(NamedTuple):
    """What a step has found, as sentences."""

    left: tuple[str, ...] = ()
    """What is not gone: no new incarnation may begin."""
    unchecked: tuple[str, ...] = ()
    """What is not known for certain: no farewell may be said."""


class EndPart(NamedTuple):
    """Steps that bring the end to a stage together."""

    steps: tuple[EndStep, ...]
    reaches: EndStage | None


STRIKE = (
    EndStep.KILL_STARTERS, EndStep.KILL_GROUPS, EndStep.REMOVE_ADDRESSES, EndStep.SHUT_GATE, EndStep.HURRY_GROUPS, EndStep.MUTE_NAMESPACES,
)  # fmt: skip
"""The kill itself: nothing in it waits to see what comes of it, so nothing of what it finds counts. Namespaces last: there may be many."""
ORDER = (
    EndPart(STRIKE, EndStage.STRUCK),
    EndPart((EndStep.SEEK_STRAYS, EndStep.SEE_GROUPS_EMPTY, EndStep.SEE_STARTERS_DEAD, EndStep.SEE_STRAYS_DEAD), EndStage.EMPTY),
    # Once more, now that nobody is left who could have added one.
    EndPart((EndStep.REMOVE_ADDRESSES, EndStep.SHUT_GATE, EndStep.MUTE_NAMESPACES), EndStage.GONE),
    EndPart((EndStep.SEE_ADDRESSES_KNOWN, EndStep.SHUT_FILE_SYSTEMS, EndStep.CUT_OFF_MOUNTS), None),
)
OF_A_LEASE = frozenset({EndStep.KILL_STARTERS, EndStep.SEE_STARTERS_DEAD, EndStep.SHUT_FILE_SYSTEMS, EndStep.CUT_OFF_MOUNTS})
"""Left out at a keeper's first start: daemon and executor were never under a lease then, and a mounted file system is not the cluster's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndScope:
    """What there is to end."""

    after_a_lease: bool = True
    """Whether there was a lease under which something may have been started."""
    in_order: bool = False
    """The daemon has stopped everything in order: what used the file systems is gone, so they are clean, and go on."""

    def steps(self, part: EndPart) -> tuple[EndStep, ...]:
        """Those of a part that are to be done."""
        without = (frozenset() if self.after_a_lease else OF_A_LEASE) | ({EndStep.SHUT_FILE_SYSTEMS} if self.in_order else frozenset())
        return tuple(step for step in part.steps if step not in without)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSeen:
    """What one pass through the order has seen."""

    stopped: bool
    """Nothing runs that could be a resource and no cluster address is here: a new incarnation may begin."""
    left: tuple[str, ...]
    """What could not be ended or verified, as sentences; empty: a farewell is true."""


class Ending:
    """One pass through the order: do `step`, say what it found, until there is none."""

    def __init__(self, scope: EndScope) -> None:
        self.stage = EndStage.STOPPING
        """What is reached."""
        self.step: EndStep | None = None
        self._left: list[str] = []
        self._unchecked: list[str] = []
        self._blind = True
        """In the strike, whose findings do not count."""
        self._steps = self._in_order(scope)
        self._go_on()

    def found(self, found: EndFound) -> None:
        """The present step is done; this is what it found."""
        if not self._blind:
            self._left += found.left
            self._unchecked += found.unchecked
        self._go_on()

    def ended(self) -> EndSeen:
        """What was seen, after the last step."""
        assert self.step is None, "asked before everything was checked"
        return EndSeen(stopped=not self._left, left=(*self._left, *self._unchecked))

    def _go_on(self) -> None:
        self.step = next(self._steps, None)

    def _in_order(self, scope: EndScope) -> Iterator[EndStep]:
        for part in ORDER:
            self._blind = part.reaches is EndStage.STRUCK
            yield from scope.steps(part)
            if part.reaches is not None and (self._blind or not self._left):
                self.stage = part.reaches
