"""What a guard was as a voter, in memory that its keeper holds: its successor need not be mute. Gone when the keeper is.

Called by: the guard: `put` before the answer that it belongs to leaves; its successor: `read`.
Must never: show less than has been said. A guard may be killed between any two instructions: an entry is counted when all of it is written,
and of one that is written over any mixture of the old and the new time is one at which that incarnation sent a message.
"""

from understudy.guard.core import Keep, LastRenew, VoterMemory
from understudy.linux.reading import Reading

CAPACITY = 1024
"""Incarnations; far more than a voter remembers, so that it is seldom written anew."""
_HEAD, _ENTRY = 4, 7
_HALF = _HEAD + CAPACITY * _ENTRY
FIELDS = 1 + 2 * _HALF
"""8-byte fields in all."""


class Kept:
    """Two halves: one is current, the other is written when that is full."""

    def __init__(self, fields: memoryview, servers: tuple[str, ...]) -> None:
        self._fields = fields
        self.servers = servers
        """By number; a name keeps its own (`peers.py`)."""
        self._places: dict[bytes, int] = {}

    def read(self) -> VoterMemory | None:
        """What the last guard knew; None: there was none since the keeper began."""
        fields = self._fields
        if not fields[0]:
            return None
        at = self._half(fields[0])
        seen, said = [], []
        for entry in range(at + _HEAD, at + _HEAD + fields[at] * _ENTRY, _ENTRY):
            first, second, server, sequence, boot_ns, raw_ns, silent = fields[entry : entry + _ENTRY]
            incarnation, name = _raw(first) + _raw(second), self.servers[server] if 0 <= server < len(self.servers) else ""
            if silent:
                said.append((incarnation, name))
            else:
                seen.append((incarnation, LastRenew(name, sequence, Reading(boot_ns, raw_ns))))
        boot = fields[at + 1] & (1 << 64) - 1
        return VoterMemory(boot, Reading(fields[at + 2], fields[at + 3]), tuple(seen), tuple(said))

    def write(self, memory: VoterMemory) -> None:
        """All of it anew, in the other half; then that one is current."""
        fields, half = self._fields, 2 if self._fields[0] == 1 else 1
        at = self._half(half)
        fields[at] = 0
        fields[at + 1], fields[at + 2], fields[at + 3] = _signed(memory.boot), *memory.started
        self._places.clear()
        for incarnation, seen in memory.seen:
            self._put(at, Keep(seen.server, incarnation, seen.sequence, seen.at, False))
        for incarnation, server in memory.said:
            self._put(at, Keep(server, incarnation, 0, memory.started, True))
        fields[0] = half

    def put(self, keep: Keep) -> bool:
        """One entry; False if there is no room: write all anew."""
        return self._put(self._half(self._fields[0]), keep)

    def _put(self, at: int, keep: Keep) -> bool:
        fields, entry = self._fields, self._places.get(keep.incarnation)
        if entry is not None:
            fields[entry + 3], fields[entry + 4], fields[entry + 5], fields[entry + 6] = keep.sequence, *keep.at, keep.silent
            return True
        count = fields[at]
        if count == CAPACITY:
            return False
        entry = at + _HEAD + count * _ENTRY
        server = self.servers.index(keep.server) if keep.server in self.servers else -1
        halves = keep.incarnation[:8], keep.incarnation[8:]
        fields[entry], fields[entry + 1] = (int.from_bytes(half, "little", signed=True) for half in halves)
        fields[entry + 2], fields[entry + 3], fields[entry + 4], fields[entry + 5] = server, keep.sequence, *keep.at
        fields[entry + 6] = keep.silent
        fields[at] = count + 1  # last: now it is there
        self._places[keep.incarnation] = entry
        return True

    def _half(self, number: int) -> int:
        return 1 + (number - 1) * _HALF


def _raw(field: int) -> bytes:
    return field.to_bytes(8, "little", signed=True)


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
