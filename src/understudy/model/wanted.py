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

    def on(self, server: ServerName | None) -> Target:
        """What is wanted of the instance on this server."""
        if server not in self.otherwise:
            return self.target
        return Target.OFFLINE if self.target is Target.ONLINE else Target.ONLINE
