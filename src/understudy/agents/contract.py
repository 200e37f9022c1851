"""What an agent is: one function per action, and what the executor lends it.

Agents implement this, the executor calls it. An agent never keeps anything between two calls (the executor may be killed at any time)
and never decides what comes next: it says what it saw.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.kinds.observed import plainly
from understudy.model.actions import Unanswered
from understudy.ports import ActionOutcome, ActionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one command ended."""

    status: int | None
    """Exit status; None when there is none: then `unanswered` says why."""
    text: str = ""
    """The last of what it printed, standard output and error as they came."""
    unanswered: Unanswered | None = None
    killed: bool = False
    """We killed it, and saw that nothing of it is left."""


class Context(Protocol):
    """What the executor lends to an agent for the time of one action."""

    async def command(self, request: ActionRequest, argv: Sequence[str]) -> Ended:
        """Run a command in the resource's control group, to its end or the request's deadline."""
        ...

    def housed(self, resource: str) -> bool | None:
        """Whether the service runs in its group; None when it was never seen there (a mount, or started by a service manager)."""
        ...

    def processes(self, resource: str) -> tuple[int, ...]:
        """The processes that live in its group now."""
        ...

    async def end(self, request: ActionRequest, *, gently: bool) -> bool:
        """End what lives in its group, within the request's deadline: asked to by SIGTERM, or killed. Whether nothing does any more."""
        ...

    def moved_out(self, resource: str) -> None:
        """The service runs, but no longer in its group: do not expect it there."""
        ...

    async def gate(self, addresses: Sequence[str]) -> str | None:
        """Let these addresses pass while the lease is valid, for they are started now; None, or why the guard does not."""
        ...

    async def shut(self, addresses: Sequence[str]) -> None:
        """They were stopped: they pass no longer. If the guard cannot be reached, no harm: they are not here any more."""
        ...

    async def shut_out(self, addresses: Sequence[str]) -> frozenset[str]:
        """Those that do not pass, because they were not started here under this lease; none where the guard cannot be asked."""
        ...

    def repeat(self, resource: str, delays_s: Sequence[float], call: Callable[[], None]) -> None:
        """Call after each of these delays, and after them anew whenever a link came up, unless the resource is stopped before."""
        ...

    def wait_for(self, resource: str, every_s: float, asked: Callable[[], Awaitable[bool]]) -> None:
        """Ask this often, for some minutes, and tell the daemon once the answer is yes: another start is worth it then."""
        ...


AgentAction = Callable[[ActionRequest, Context], Awaitable[ActionOutcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One kind of resource."""

    start: AgentAction
    stop: AgentAction
    check: AgentAction
    clean: AgentAction
    abort: AgentAction | None = None
    """Called beside an action that overran; None: nothing to say to it."""
    custom: AgentAction | None = None
    """An action that its operator has named in ACTIONS; None: there are none."""

    def action(self, name: str) -> AgentAction | None:
        """The function for this action."""
        table: Mapping[str, AgentAction | None] = {
            "start": self.start,
            "stop": self.stop,
            "check": self.check,
            "clean": self.clean,
            "abort": self.abort,
            "custom": self.custom,
        }
        return table.get(name)


def done(request: ActionRequest, details: str | None = None) -> ActionOutcome:
    """It did what it is for; of a check: it is there."""
    return ActionOutcome(observed=plainly(request.action, True), details=details)


def refusal(request: ActionRequest, text: str) -> ActionOutcome:
    """The outcome of an action that did nothing: an answer, with what is in its way. Of a check: it is not there."""
    return ActionOutcome(observed=plainly(request.action, False), output=(text,))


def silence(why: Unanswered, text: str) -> ActionOutcome:
    """The outcome of an action that gave no answer, or was never asked."""
    return ActionOutcome(observed=None, evidence="silent", unanswered=why, output=(text,))
