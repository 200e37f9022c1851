"""What the administrator wants of a resource, as the registry has it; `view.py` names it too. Pure.

Written by commands, and by the leader for what was found running; read by policy and lanes through the View.
"""

from dataclasses import dataclass

from understudy.model.custom import AskedAction
from understudy.model.names import ServerName
from understudy.model.state import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRecord:
    """What the administrator wants of a resource, and by whose word."""

    target: Target
    by: str = ""
    era: int = 1
    """Of the registry in which it was said: of an older one, it is what a copy says."""
    start_id: str = ""
    """Of the start by hand that said ONLINE, another for each: failures before it count no more (`model/failures.py`)."""
    action: AskedAction | None = None
    """The last custom action that was asked for since."""
    otherwise: tuple[ServerName, ...] = ()
    """Of a local resource: the servers on which the other TARGET is wanted (`start -n`, `stop -n`). An older version passes over it."""

    numbers: tuple[int, ...] = ()
    """Of a resource with several instances: those of which the other TARGET is wanted (`start -n`, `stop -n`, `-k`). No older version
    comes to see it (docs/design/0027-instances.md)."""

    def on(self, server: ServerName | None) -> Target:
        """What is wanted of the instance on this server."""
        return self.target if server not in self.otherwise else opposite(self.target)

    def of(self, number: int) -> Target:
        """What is wanted of the instance of this number."""
        return self.target if number not in self.numbers else opposite(self.target)


def opposite(target: Target) -> Target:
    """The one that it is not."""
    return Target.OFFLINE if target is Target.ONLINE else Target.ONLINE
