"""Stimuli of the policy's stories about a registry that went back (`language.py`)."""

from dataclasses import replace

from understudy.model.names import ResourceName, ServerName
from understudy.model.view import ClusterRecord, Look, View


class SpokenEras:
    """What they do to the View."""

    view: View

    def change(self, **fields: object) -> None:
        raise NotImplementedError

    def _look(self, server: ServerName) -> Look:
        raise NotImplementedError

    def set_back(self) -> None:
        """The registry is set back to this copy: a new era begins, and nobody has reported in it."""
        cluster = self.view.cluster or ClusterRecord(name="lab", voters=())
        self.change(cluster=replace(cluster, era=cluster.era + 1, recovering=True))

    def report_anew(self, servers: str) -> None:
        """They have reported, in this era, what they run."""
        self.change(looks={**self.view.looks, **{ServerName(name): self._look(ServerName(name)) for name in servers.split()}})

    def guard_remembers(self, server: str, epoch: str, name: str) -> None:
        """The server's look says so."""
        look = self.view.looks[ServerName(server)]
        looks = {**self.view.looks, look.server: replace(look, epochs={**look.epochs, ResourceName(name): int(epoch)})}
        self.change(looks=looks)
