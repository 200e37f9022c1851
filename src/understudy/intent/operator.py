"""Who asks for something. Made by `daemon/verbs/world.py`, and by the simulator for its operators. Pure."""

from dataclasses import dataclass

from understudy.model.names import ServerName
from understudy.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody at a server of the cluster, with one command."""

    by: str
    """User and server (`root@ctr1`), for records."""
    token: str
    """The identity of what this command makes: random, so that it is never used again."""
    settings: Settings
    """Of the server where the command was given."""

    @property
    def server(self) -> ServerName:
        """The server where the command was given."""
        return ServerName(self.settings.server)
