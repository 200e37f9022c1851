"""What the keeper holds for its guard, in memory that both share: enough for a successor to continue the lease.

Called by: the guard (writes), the keeper (reads, also after the guard's death), a successor (continues).
Must never: be half written. A guard may be killed between any two instructions, so a state is written beside the last one
and then made current with a single store.
"""

import mmap

from understudy.guard import kept, peers
from understudy.guard.core import CommonSettings
from understudy.guard.core.ending import EndStage
from understudy.guard.core.epochs import Remembered
from understudy.guard.core.watch import HeldState
from understudy.guard.notes import Notes
from understudy.guard.wire import pack_common, unpack_common
from understudy.linux.clocks import Timer
from understudy.linux.keys import KEY_BYTES, MOST_KEYS, Keys
from understudy.linux.reading import Reading
from understudy.model.position import Position

_FIELDS = 1024
"""8-byte fields of the first part: the rest are notes."""
_CURRENT, _BEATS, _STAGE, _LEAVE_BY, _LAPSED_AT, _FLOOR, _PEERS, _KEYS, _REGISTRY, _BEAT_AT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
_SLOTS = (16, 32)
_EPOCH_BYTES = 4 << 20
"""Room for some 60,000 names of resources: each that was ever started here in the incarnation of this keeper, and not forgotten."""
_NOTES_BYTES = 1 << 20
_REGISTRY_BYTES = 1 << 12
"""Of what the registry says: two slots, as for the state."""
_KEYS_BYTES = 1 + MOST_KEYS * KEY_BYTES
"""How many, and the keys themselves: two slots as well."""

_STARTERS = 48
"""From here on four fields each: process id, start time, and twice nothing."""


class Held:
    """The shared memory; made by the keeper before it forks."""

    def __init__(self) -> None:
        voting, servers, keys = kept.FIELDS * 8, 2 * peers.SLOT_BYTES, 2 * _KEYS_BYTES
        self._map = mmap.mmap(-1, _FIELDS * 8 + _EPOCH_BYTES + _NOTES_BYTES + 2 * _REGISTRY_BYTES + voting + servers + keys)
        whole = memoryview(self._map)
        self._fields = whole[: _FIELDS * 8].cast("q")
        notes = whole[_FIELDS * 8 :]
        self.epochs = HeldEpochs(Notes(notes[:_EPOCH_BYTES]), self._fields[_FLOOR : _FLOOR + 1])
        """Highest epoch seen per resource (S2)."""
        self.protected = Notes(notes[_EPOCH_BYTES : _EPOCH_BYTES + _NOTES_BYTES])
        """Addresses behind the gate: 0 cluster, 1 storage."""
        rest = notes[_EPOCH_BYTES + _NOTES_BYTES :]
        self._registry = rest[: 2 * _REGISTRY_BYTES]
        rest = rest[2 * _REGISTRY_BYTES :]
        self.voting = rest[: kept.FIELDS * 8].cast("q")
        """What it was as a voter (`kept.py`)."""
        self.peers = peers.HeldPeers(rest[voting : voting + servers], self._fields[_PEERS : _PEERS + 1])
        """Which servers there are."""
        self._keys = rest[voting + servers :]
        self.alarm = Timer()
        """Wakes the keeper for its next look; the guard puts it off with every beat, and the keeper sleeps on."""

    def write(self, state: HeldState) -> None:
        """Before a renew with this sequence leaves, and before a lease with this base is reported to anybody."""
        slot = 1 - self._fields[_CURRENT]
        at = _SLOTS[slot]
        self._fields[at] = int.from_bytes(state.incarnation[:8], "little", signed=True)
        self._fields[at + 1] = int.from_bytes(state.incarnation[8:], "little", signed=True)
        self._fields[at + 2] = state.sequence
        self._fields[at + 3], self._fields[at + 4] = state.base or (0, 0)
        self._fields[at + 5] = state.base is not None
        for number, value in enumerate((*state.position, *state.seen)):
            self._fields[at + 6 + number] = value
        self._fields[at + 12] = state.voter_set
        self._fields[_CURRENT] = slot

    def read(self) -> HeldState:
        """The last whole state."""
        at = _SLOTS[self._fields[_CURRENT]]
        halves = [self._fields[at + half].to_bytes(8, "little", signed=True) for half in (0, 1)]
        base = Reading(self._fields[at + 3], self._fields[at + 4]) if self._fields[at + 5] else None
        position, seen = (Position(*(self._fields[at + first + number] for number in range(3))) for first in (6, 9))
        return HeldState(b"".join(halves), self._fields[at + 2], base, position, seen, self._fields[at + 12])

    def beat(self, boot_ns: int = 0) -> None:
        """The guard's loop has completed a cycle, at this time on the boot clock."""
        self._fields[_BEAT_AT] = boot_ns
        self._fields[_BEATS] += 1

    @property
    def beat_boot_ns(self) -> int:
        """When it did so last."""
        return self._fields[_BEAT_AT]

    @property
    def beats(self) -> int:
        """Grows while the guard's loop runs."""
        return self._fields[_BEATS]

    @property
    def stage(self) -> EndStage:
        """RUNNING, or from the lapse on how far the end has come; written by the guard, and by the keeper where it helps."""
        return EndStage(self._fields[_STAGE])

    @stage.setter
    def stage(self, stage: EndStage) -> None:
        self._fields[_STAGE] = stage

    def reach(self, stage: EndStage) -> None:
        """So far the end has come: guard and keeper, who may both be at it, never fall behind each other."""
        self.stage = max(stage, self.stage)

    @property
    def registry(self) -> CommonSettings | None:
        """What the registry said that the common settings are, with the voters of the highest number that it named."""
        current = self._fields[_REGISTRY]
        if not current:
            return None
        at = (current - 1) * _REGISTRY_BYTES
        length = int.from_bytes(self._registry[at : at + 2])
        return unpack_common(bytes(self._registry[at + 2 : at + 2 + length]))

    @registry.setter
    def registry(self, common: CommonSettings) -> None:
        raw = pack_common(common)
        current = 2 if self._fields[_REGISTRY] == 1 else 1
        at = (current - 1) * _REGISTRY_BYTES
        self._registry[at : at + 2 + len(raw)] = len(raw).to_bytes(2) + raw
        self._fields[_REGISTRY] = current

    @property
    def keys(self) -> Keys:
        """Of the guards' messages, as the keeper read them or a daemon gave them since: a successor does not wait for a disk."""
        at = (self._fields[_KEYS] - 1) * _KEYS_BYTES
        raw = bytes(self._keys[at + 1 : at + _KEYS_BYTES])
        return tuple(raw[KEY_BYTES * number : KEY_BYTES * (number + 1)] for number in range(self._keys[at]))

    @keys.setter
    def keys(self, keys: Keys) -> None:
        slot = 2 if self._fields[_KEYS] == 1 else 1
        at = (slot - 1) * _KEYS_BYTES
        raw = bytes((len(keys),)) + b"".join(keys)
        self._keys[at : at + len(raw)] = raw
        self._fields[_KEYS] = slot

    @property
    def leave_by_boot_ns(self) -> int:
        """Until when this server is leaving in order, on the boot clock; 0: it was not asked to leave."""
        return self._fields[_LEAVE_BY]

    @leave_by_boot_ns.setter
    def leave_by_boot_ns(self, boot_ns: int) -> None:
        self._fields[_LEAVE_BY] = boot_ns

    @property
    def lapsed_boot_ns(self) -> int:
        """When the last lease of this server ended, on the boot clock, if it ended by a lapse; 0: none did since the keeper began. For
        people: no decision rests on it."""
        return self._fields[_LAPSED_AT]

    @lapsed_boot_ns.setter
    def lapsed_boot_ns(self, boot_ns: int) -> None:
        self._fields[_LAPSED_AT] = boot_ns

    def met(self, number: int, process: tuple[int, int]) -> None:
        """A starter said hello: its process id and start time, for whoever must kill it. The id last: now it is there."""
        at = _STARTERS + 4 * number
        self._fields[at] = 0
        self._fields[at + 1] = process[1]
        self._fields[at] = process[0]

    def starter(self, number: int) -> tuple[int, int] | None:
        """Who said hello last as this starter."""
        at = _STARTERS + 4 * number
        process = self._fields[at], self._fields[at + 1]
        return process if process[0] else None


class HeldEpochs:
    """The highest epoch of every name that is remembered, and the floor of those that were forgotten (`core/epochs.py`)."""

    def __init__(self, notes: Notes, floor: memoryview) -> None:
        self._notes = notes
        self._floor = floor

    def begin(self, *, fresh: bool) -> None:
        """Read what a predecessor left. `fresh`: a new incarnation begins, so everything of those before it was seen gone."""
        self._notes.reload()
        for name, number in self._notes.all().items() if fresh else ():
            self._notes.put(name, number | 1)

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._notes)

    @property
    def floor(self) -> int:
        """What is not remembered starts only above it."""
        return int(self._floor[0])

    def rise(self, floor: int) -> None:
        """The floor is at least this from now on."""
        self._floor[0] = max(floor, self.floor)

    def get(self, name: str) -> Remembered | None:
        """What is remembered of a name."""
        number = self._notes.get(name)
        return None if number is None else Remembered(number >> 1, bool(number & 1))

    def put(self, name: str, remembered: Remembered) -> bool:
        """Remember this of a name; False when there is no room."""
        return self._notes.put(name, remembered.epoch << 1 | remembered.released)

    def drop(self, name: str) -> None:
        """Forget a name."""
        self._notes.drop(name)

    def page(self, after: str, most_bytes: int) -> tuple[dict[str, Remembered], bool]:
        """What is remembered of the names after this one, as many as fit; and whether there are more."""
        found, more = self._notes.page(after, most_bytes)
        return {name: Remembered(number >> 1, bool(number & 1)) for name, number in found.items()}, more
