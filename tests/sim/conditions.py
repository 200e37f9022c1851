"""What a story of a whole cluster may wait for.

Called by `sim/language.py`, which says in which words.
"""

from sim.trio import TRIO
from understudy.intent.keyring import waits_for
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import State
from understudy.sim.machine import Machine
from understudy.sim.world import World


class Conditions:
    """Asked of the world, of the registry and of what truly is."""

    @property
    def world(self) -> World:
        """The false world."""
        raise NotImplementedError

    def _machine(self, server: str) -> Machine:
        return self.world.machines[server]

    def _all_online(self) -> bool:
        return len(self.world.online()) == len(self.world.machines)

    def _run_on(self, names: str, server: str) -> bool:
        return all(self.world.runs_on(name) == server for name in expanded(names))

    def _run_somewhere(self, names: str) -> bool:
        return any(self._run_on(names, server) for server in self.world.machines)

    def _run_nowhere(self, names: str) -> bool:
        return not any(self.world.runs_on(name) for name in expanded(names))

    def _being_started(self, name: str, server: str) -> bool:
        return ResourceName(name) in self._machine(server).services.starting()

    def _lives(self, server: str, life: str) -> bool:
        present = self.world.view().present().get(ServerName(server))
        return present is not None and present.life == life

    def _daemon_goes_on(self, server: str) -> bool:
        return not any(place.frozen for place in self._machine(server)._places())

    def _leads(self, server: str) -> bool:
        return self.world.leader() == server

    def _recovered(self) -> bool:
        view = self.world.view()
        return view.cluster is not None and view.era > 1 and not view.recovering

    def _rotated(self) -> bool:
        view = self.world.view()
        assert view.cluster is not None
        assert view.cluster.rotation is not None
        return not waits_for(view, view.cluster.rotation)

    def _another_leads(self, server: str) -> bool:
        return self.world.leader() != server

    def _unknown(self, name: str, server: str) -> bool:
        report = self.world.view().report(ResourceName(name), ServerName(server))
        return report is not None and report.state is State.UNKNOWN

    def _last_resort(self, name: str) -> bool:
        assignment = self.world.truth.assignments.get(ResourceName(name))
        return assignment is not None and assignment.last_resort

    def _belongs(self, name: str, server: str) -> bool:
        assignment = self.world.truth.assignments.get(ResourceName(name))
        return assignment is not None and assignment.owner is not None and assignment.owner.server == server


def expanded(names: str) -> tuple[str, ...]:
    """`the trio`, or names."""
    return TRIO if names == "the trio" else tuple(names.split())
