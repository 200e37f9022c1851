"""Which addresses are behind the gate, and which of them it lets pass.

Kept in the memory that guards leave to their successors (`held.py`): a successor goes on with what is open; a new incarnation opens none,
whatever an older one has left on the interfaces (S1). Called by: guard and keeper. Must never: open an address that was not asked for by
a start under the present incarnation.
"""

import ipaddress
from collections.abc import Iterable

from understudy.guard.gate import CLUSTER, STORAGE
from understudy.guard.notes import Notes

_SHUT, _STORAGE, _OPEN = 0, 1, 2


class Protected:
    """All of them."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def reload(self) -> None:
        """Take in what another process has written."""
        self._notes.reload()

    def all(self) -> list[tuple[str, str]]:
        """Every address, with what it is."""
        return [(address, STORAGE if use == _STORAGE else CLUSTER) for address, use in self._notes.all().items()]

    def cluster(self) -> frozenset[str]:
        """The cluster's own addresses."""
        return frozenset(address for address, use in self._notes.all().items() if use in (_SHUT, _OPEN))

    def passing(self) -> list[str]:
        """What may pass while the lease is valid: what was started here, and storage."""
        return [address for address, use in self._notes.all().items() if use in (_OPEN, _STORAGE)]

    def is_open(self, address: str) -> bool:
        """Whether it was started here, under this incarnation."""
        return self._notes.get(address) == _OPEN

    def protect(self, address: str, use: str = CLUSTER) -> bool:
        """From now on it is behind the gate: shut, unless it is open already. False: there is no room for another."""
        if use == CLUSTER and self._notes.get(address) in (_SHUT, _OPEN):
            return True
        return self._notes.put(address, _STORAGE if use == STORAGE else _SHUT)

    def open(self, address: str) -> bool:
        """A start of it has begun here."""
        return self._notes.put(address, _OPEN)

    def shut(self, addresses: Iterable[str]) -> None:
        """They were stopped here."""
        for address in addresses:
            if self._notes.get(address) == _OPEN:
                self._notes.put(address, _SHUT)

    def shut_all(self) -> None:
        """A new incarnation has started none."""
        self.shut(self._notes.all())

    def forget(self, address: str) -> None:
        """No definition names it any more, and it is not here: its room is another's."""
        self._notes.drop(address)


def canonical(address: str) -> str:
    """As the kernel writes it; ValueError if it is none."""
    return str(ipaddress.ip_address(address))
