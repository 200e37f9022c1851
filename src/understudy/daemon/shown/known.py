"""What may be said this minute: the View, what is not as it should be, and what is known of leases.

Made by `verbs/truth.py` from what the daemon knows; the other modules of this package read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.model.conditions import Condition, Lease, Own
from understudy.model.names import ServerName
from understudy.model.settings import Settings
from understudy.model.state import ALIVE
from understudy.model.view import View
from understudy.policy.conditions import lease_of
from understudy.policy.vouched import age_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHere:
    """See the module. Times in seconds."""

    view: View
    """What may be shown."""
    settings: Settings
    conditions: tuple[Condition, ...] = ()
    own: Own | None = None
    """What this server knows by itself; None: nobody to ask, the registry is believed."""
    reachable: bool = True
    """Whether the registry answered last."""

    @property
    def server(self) -> ServerName:
        """The server that speaks."""
        return ServerName(self.settings.server)

    @property
    def voters(self) -> tuple[ServerName, ...]:
        """Of the cluster, or before it exists of the settings."""
        return self.view.cluster.voters if self.view.cluster else tuple(ServerName(voter) for voter in self.settings.voters)

    @property
    def all_voters(self) -> tuple[ServerName, ...]:
        """While they change, of both sets."""
        return self.view.cluster.all_voters if self.view.cluster else self.voters

    def lease(self, server: ServerName) -> Lease:
        """What is known of a server's lease."""
        if self.own is not None:
            return lease_of(self.view, self.own, server)
        record = self.view.present().get(server)
        return Lease.HELD if record is not None and record.life in ALIVE else Lease.NONE

    def age(self, server: ServerName | None) -> tuple[float, Lease]:
        """How old what is shown of a server is, and what is known of its lease."""
        if self.own is not None:
            return age_of(self.view, self.own, server)
        return 0.0, Lease.NONE if server is None else self.lease(server)


def conditions_json(found: Iterable[Condition]) -> list[dict[str, object]]:
    """What is not as it should be, for `--json`."""
    return [
        {
            "kind": condition.kind.value,
            "weight": condition.weight.value,
            "about": condition.about,
            "for_s": None if condition.since_s is None else round(condition.since_s, 1),
            "cause": condition.cause,
            "advice": condition.advice,
        }
        for condition in found
    ]
