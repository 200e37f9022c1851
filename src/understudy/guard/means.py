"""What the end of everything needs, opened and read while nothing is pressing.

Between the end of a lease and the end of the kill nothing may be opened, read from a file, or waited for that can fail or hang: a process
without a free descriptor, or with a full /run, must kill as always. So keeper and guard each hold the control groups' files, the pidfds of
those who start things, and the netlink sockets, and look now and then whether they are still the right ones.
Called by: keeper, guard, `understudy-guard --kill-all`. Used by: `guard/kill.py`. Must never: raise because something is missing; what
cannot be held is said when it is needed.
"""

import contextlib
import errno
import os

from understudy.guard.gate import Gate
from understudy.guard.starters import Starters
from understudy.holdings.listing import KillList, KillListReader
from understudy.linux.cgroups import Group, likely_parent, unit_groups
from understudy.linux.interfaces import Addresses
from understudy.model.settings import Settings

LOOK_S = 1.0
"""How often is often enough while nothing has changed: the guard looks with its next beat, the keeper when it next looks at its guard."""


class Means:
    """Everything that is held, of one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.starters = Starters(settings.run_dir)
        self.addresses: Addresses | None = None
        self.gate: Gate | None = None
        self.unchecked: dict[str, str] = {}
        """What cannot be held, and why."""
        self.cluster_addresses: frozenset[str] = frozenset()
        """What the process knows of them besides the kill list."""
        self.own = frozenset(address for server in settings.servers for address in server.addresses)
        """Addresses of servers: never taken away, never shut."""
        self._groups: dict[str, Group] = {}
        self.parent = likely_parent(settings.cgroup)
        self.list = KillList(cgroup=self.parent, filesystems=settings.filesystems)
        self._reader = KillListReader(settings.run_dir, self.list, filesystems=settings.filesystems)
        self.look()

    def look(self) -> None:
        """Open what is missing or was recreated; a handful of `stat` when nothing has changed."""
        self.starters.look()
        self.list = self._reader.look()
        wanted = {self.list.cgroup, self.parent, *self.list.groups, *(path for unit in self.list.units for path in unit_groups(unit))}
        for path in wanted:
            group = self._groups.get(path)
            if group is None:
                self._groups[path] = Group(path)  # opens what is there
            else:
                group.look()
        if not self._groups[self.parent].there:
            with contextlib.suppress(OSError):
                os.makedirs(self.parent, exist_ok=True)
            self._groups[self.parent].look()
        for path in self._groups.keys() - wanted:
            self._groups.pop(path).close()
        self._open_sockets()

    def changed(self) -> bool:
        """Whether the kill list may be another than at the last look: it is written before every start. Costs one `stat`."""
        return self._reader.look() is not self.list

    @property
    def groups(self) -> list[Group]:
        """The control groups to end."""
        return list(self._groups.values())

    def addresses_to_end(self) -> frozenset[str]:
        """Every cluster address that may be here; never a server's own."""
        return (self.cluster_addresses | frozenset(self.list.addresses)) - self.own

    def remember_addresses(self) -> frozenset[str]:
        """What the kernel's tables say are cluster addresses: known although every process of ours has died."""
        if self.gate is not None:
            try:
                return frozenset(self.gate.remembered())
            except OSError as error:
                self.unchecked["tables"] = f"the gate's tables cannot be read: {error.strerror}"
        return frozenset()

    def _open_sockets(self) -> None:
        try:
            self.addresses = self.addresses or Addresses()
            self.unchecked.pop("addresses", None)
        except OSError as error:
            self.unchecked["addresses"] = f"addresses cannot be removed: {error.strerror}"
        try:
            self.gate = self.gate or Gate()
            self.unchecked.pop("gate", None)
        except OSError as error:
            if error.errno not in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):  # a kernel without it: no address was ever let pass
                self.unchecked["gate"] = f"the gate cannot be closed: {error.strerror}"
