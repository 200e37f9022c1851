"""Which servers there are by now, for the loops of one daemon: the settings that it began with, and the registry's word since.

Owned by `daemon/node.py`, which passes on every View. Its guard is sent the same by `admission.py`.
"""

from collections.abc import Callable
from dataclasses import replace

from understudy.daemon.mirror import Mirror
from understudy.model.names import ServerName
from understudy.model.servers import Servers, with_servers
from understudy.model.settings import Settings
from understudy.model.view import View


class ServersNow:
    """They, and what follows from them."""

    def __init__(self, settings: Settings, mirror: Mirror) -> None:
        self.settings = settings
        """With the servers that there are, and the registry's endpoints."""
        self.named = frozenset(settings.named())
        """Addresses that are somebody's own: none is ever shut."""
        self.on_change: Callable[[Settings], None] = lambda _: None
        """Called with the settings when they have changed."""
        self._mirror = mirror
        self._seen: Servers = {}
        mirror.servers = _names(settings)

    @property
    def removed(self) -> bool:
        """Whether this server is none of them any more."""
        return bool(self._seen) and ServerName(self.settings.server) not in self._seen

    def written(self, settings: Settings) -> None:
        """understudy.toml says this by now."""
        self.settings = replace(self.settings, voters=settings.voters, voter_set=settings.voter_set)

    def changed(self, view: View) -> None:
        """There is a new View."""
        if view.servers is self._seen:
            return
        self._seen = view.servers
        settings = with_servers(self.settings, view.servers.values())
        if settings != self.settings:
            self.settings = settings
            self.named = frozenset(settings.named())
            self._mirror.servers = _names(settings)
            self.on_change(settings)


def _names(settings: Settings) -> frozenset[ServerName]:
    return frozenset(ServerName(server.name) for server in settings.servers)
