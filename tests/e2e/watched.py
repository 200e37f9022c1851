"""A lab whose address and resources are watched by the product's own witness, as the demo and the benchmarks have it."""

import contextlib
from collections.abc import Iterable, Iterator

from e2e import audits, service
from e2e.harness import Cluster
from understudy.lab import Lab
from understudy.lab.witness import Witness


class WatchedCluster(Cluster):
    """See the module."""

    def __init__(self, lab: Lab, watching: contextlib.ExitStack) -> None:
        super().__init__(lab, watching)
        self.witnesses: list[Witness] = []

    def watch(self, address: str, resources: Iterable[str]) -> Witness:
        """Watch an address and the resources behind it until the end of the test, or `stop`."""
        witness = Witness(self.lab, address, tuple(resources))
        self.watching.enter_context(witness)
        self.witnesses.append(witness)
        return witness

    def watch_trio(self) -> None:
        """See Cluster."""
        self.watch(service.ADDRESS, service.TRIO)

    def breaches(self) -> list[str]:
        """See Cluster."""
        return [line for witness in self.witnesses for line in audits.doubled(witness.sights(), self.thaws, self.limits)]

    def odd_lines(self) -> list[str]:
        """See Cluster."""
        return audits.odd_lines(self.lab.name, self.expected)

    def accounts(self) -> Iterator[str]:
        """See Cluster."""
        for witness in self.witnesses:
            yield "\n".join(map(str, witness.sights())) + "\n"
