"""Actions and what came of them: the values that lanes, the daemon and the executor exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from understudy.kinds.observed import Observed
from understudy.model.names import Incarnation, ResourceName
from understudy.model.shown import one_line, shown

Evidence = Literal["answered", "silent", "gone"]
"""The script said so; it did not answer; the kernel says it is gone."""
Unanswered = Literal["overran", "signal", "not-begun", "no-script", "executor-away", "refused", "halted"]
"""Why an action has no answer. Executor and lanes know no other word for silence:

* `overran`: it was begun, and did not end in its time;
* `signal`: a check that was ended by a signal (any other action that ends so has failed, with a status);
* `not-begun`: it could not be begun: no process, no descriptor, no control group to be had;
* `no-script`: its script is not there, not executable, or what should interpret it is not there;
* `executor-away`: nobody was there to run it, or who ran it ended meanwhile;
* `refused`: it must not run now (no lease, another action in flight): says nothing about the resource;
* `halted`: it was ended on purpose, to make way or because the daemon is another: says nothing about the resource.
"""
NOT_ASKED: frozenset[Unanswered | None] = frozenset({"refused", "halted"})
"""Not asked at all: no silence of the resource."""
COULD_NOT_ASK: frozenset[Unanswered | None] = frozenset({"not-begun", "no-script", "executor-away"})
"""Silence that tells of this server rather than of the resource: what the kernel knows of its processes weighs more."""
LONGEST_VARIABLE, ALL_VARIABLES = 32 * 1024, 256 * 1024
"""Bytes of one variable in an action's environment, and of all: the kernel takes 128 KiB and some megabytes, but a request is one line."""
LEFT_OUT = "_CRS_LEFT_OUT"
"""Names the variables that an action is not given because they are too long."""
ActionName = Literal["start", "stop", "check", "clean", "abort", "custom"]
"""`custom`: one that the resource's ACTIONS name; which one is among the parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """One action on one resource, to be run now."""

    resource: ResourceName
    action: ActionName
    agent: str
    """Name of the kind: which agent runs it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """For the agent, as the resource's kind makes them (`kinds/NAME.py`)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """`_CRS_*` and `_USR_*` variables."""
    timeout_s: float = 60.0
    epoch: int = 0
    incarnation: Incarnation | None = None
    """If given, the action is refused (evidence silent) unless the guard's lease is of this incarnation."""
    user: str = "root"
    activity: str = ""
    """What the daemon, the executor and the history call this undertaking of the lane by; empty: a daemon of a version without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """What came of an action."""

    observed: Observed | None
    """What it found; None when it gave no answer: then `unanswered` says why."""
    status: int | None = None
    """Exit status of the script, for people; None where no script has ended by itself."""
    evidence: Evidence = "answered"
    output: tuple[str, ...] = ()
    """The last lines it printed, or why it could not run."""
    details: str | None = None
    """CRS_STATE_DETAILS, if it printed one."""
    duration_s: float = 0.0
    unanswered: Unanswered | None = None
    """Why nothing was observed; None exactly if something was."""
    housed: bool | None = None
    """What the kernel knows, after the action, of the service's processes: True: some live in its control group; False: none does, though
    they did before; None: none was ever seen there (a mount, or what a service manager started), or it was not looked."""
    strays: tuple[str, ...] = ()
    """Processes of the resource that have left its control group, in words: `mysqld (pid 4711)`."""
    killed: bool = False
    """The group was killed (by deadline or on request) and seen empty."""
    pressure: Mapping[str, float] = field(default_factory=dict)
    """PSI `some avg10` of cpu, io, memory, where the kernel tells."""

    @property
    def timed_out(self) -> bool:
        """Whether it was begun and did not end in its time."""
        return self.unanswered == "overran"


def passable(environment: Mapping[str, str]) -> dict[str, str]:
    """What of it can be passed to a process; LEFT_OUT names the rest. What cannot be passed at all must not fail the action."""
    given = {name: value for name, value in environment.items() if name != LEFT_OUT and "=" not in name and "\0" not in name + value}
    sizes = {name: len(f"{name}={value}".encode(errors="replace")) for name, value in given.items()}
    left, room = set(environment.get(LEFT_OUT, "").split()), ALL_VARIABLES
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        room -= sizes[name]
        if sizes[name] > LONGEST_VARIABLE or room < 0:
            left.add(name)
    kept = {name: value for name, value in given.items() if name not in left}
    return {**kept, LEFT_OUT: " ".join(sorted(left))[:LONGEST_VARIABLE]} if left else kept


def as_shown(outcome: ActionOutcome) -> ActionOutcome:
    """The same with texts that are safe to show, whoever ran the action: one line is one line."""
    lines = tuple(line for text in outcome.output for line in shown(text).split("\n"))
    details = None if outcome.details is None else one_line(outcome.details)
    return replace(outcome, output=lines, details=details, strays=tuple(one_line(stray) for stray in outcome.strays))
