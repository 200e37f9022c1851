"""Actions and what came of them: the values that lanes, the daemon and the executor exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from understudy.model.names import Incarnation, ResourceName

Evidence = Literal["answered", "silent", "gone"]
"""The script said so; it did not answer; the kernel says it is gone."""
ActionName = Literal["start", "stop", "check", "clean", "abort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """One action on one resource, to be run now."""

    resource: ResourceName
    action: ActionName
    agent: str
    """`script`, `address`, `network`: which agent runs it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """For the agent: script: `script`; address: `address`, `subnet`, `interface`; network: `subnet`, `interface`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """`_CRS_*` and `_USR_*` variables."""
    timeout_s: float = 60.0
    epoch: int = 0
    incarnation: Incarnation | None = None
    """If given, the action is refused (evidence silent) unless the guard's lease is of this incarnation."""
    user: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """What came of an action."""

    status: int | None
    """Exit status; None when there was none (deadline, killed, no lease, executor gone)."""
    evidence: Evidence = "answered"
    output: tuple[str, ...] = ()
    """The last lines it printed, or why it could not run."""
    details: str | None = None
    """CRS_STATE_DETAILS, if it printed one."""
    duration_s: float = 0.0
    timed_out: bool = False
    killed: bool = False
    """The group was killed (by deadline or on request) and seen empty."""
    pressure: Mapping[str, float] = field(default_factory=dict)
    """PSI `some avg10` of cpu, io, memory, where the kernel tells."""
