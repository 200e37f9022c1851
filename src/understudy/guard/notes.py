"""Names with a number each, in memory that outlives the process that writes it.

Called by: whatever the keeper holds (`guard/held.py`).
Must never: be half written. The writer may be killed between any two instructions, so each change becomes true with a single store: what is
written before it stands where no reader looks.
"""

_END, _FIRST = 0, 1
"""Field 0: where the blocks end; 0: there is none yet. From field 1 on block after block."""
_HEAD = 2
"""Fields of a block before its name: the number (or FREE), and the fields that the name may take with the bytes that it does take."""
_FREE = -1


class Notes:
    """Each note is put, raised and dropped at once, however many there are."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._numbers = memory.cast("q")
        self._places: dict[str, int] = {}
        self._free: dict[int, int] = {}
        """Where a free block begins -> where it ends."""
        self._free_ends: dict[int, int] = {}
        self._free_by_size: dict[int, dict[int, None]] = {}
        self.reload()

    def reload(self) -> None:
        """Read what another process has written; it may be writing still, so nothing is written here."""
        for index in (self._places, self._free, self._free_ends, self._free_by_size):
            index.clear()
        at = _FIRST
        while at < self._numbers[_END]:
            after = self._after_block(at)
            if self._numbers[at] == _FREE:
                self._know_free(at, after)
            else:
                self._places[self._name(at)] = at
            at = after

    def __len__(self) -> int:
        """How many names are noted."""
        return len(self._places)

    def all(self) -> dict[str, int]:
        """Every name with its number."""
        return {name: self._numbers[at] for name, at in self._places.items()}

    def page(self, after: str, most_bytes: int) -> tuple[dict[str, int], bool]:
        """The names noted after this one, as many as fit, but at least one; and whether there are more."""
        found: dict[str, int] = {}
        place, size = self._places.get(after), 0
        at = _FIRST if place is None else self._after_block(place)
        while at < self._numbers[_END]:
            if self._numbers[at] != _FREE:
                name = self._name(at)
                size += self._length(at)
                if found and size > most_bytes:
                    return found, True
                found[name] = self._numbers[at]
            at = self._after_block(at)
        return found, False

    def get(self, name: str) -> int | None:
        """The number of a name."""
        at = self._places.get(name)
        return None if at is None else self._numbers[at]

    def put(self, name: str, value: int) -> bool:
        """Note a number, 0 or more; False when there is no room."""
        at = self._places.get(name)
        if at is not None:
            self._numbers[at] = value
            return True
        raw = name.encode()
        fields = (len(raw) + 7) // 8
        at = self._take(_HEAD + fields)
        is_last = at is None
        if at is None:
            at = max(self._numbers[_END], _FIRST)
            if at + _HEAD + fields > len(self._numbers):
                return False
        start = (at + _HEAD) * 8
        self._memory[start : start + len(raw)] = raw
        self._numbers[at + 1] = fields << 32 | len(raw)
        self._numbers[at] = value  # in a free block: now it is there
        if is_last:
            self._numbers[_END] = at + _HEAD + fields  # at the end: now it is there
        self._places[name] = at
        return True

    def drop(self, name: str) -> None:
        """Note nothing of this name any more; its place is used again."""
        at = self._places.pop(name, None)
        if at is not None:
            self._numbers[at] = _FREE
            self._give_back(at, self._after_block(at))

    # --- blocks -----------------------------------------------------------------------------------------------------

    def _after_block(self, at: int) -> int:
        return at + _HEAD + (self._numbers[at + 1] >> 32)

    def _length(self, at: int) -> int:
        return self._numbers[at + 1] & 0xFFFFFFFF

    def _name(self, at: int) -> str:
        start = (at + _HEAD) * 8
        return bytes(self._memory[start : start + self._length(at)]).decode()

    def _give_back(self, at: int, end: int) -> None:
        """A free block: joined with the free ones beside it, so that what is left of many short names takes a long one."""
        while (after := self._free.get(end)) is not None:
            self._forget_free(end, after)
            end = after
        while (before := self._free_ends.get(at)) is not None:
            self._forget_free(before, at)
            at = before
        if end == self._numbers[_END]:
            self._numbers[_END] = at
            return
        self._numbers[at + 1] = (end - at - _HEAD) << 32
        self._know_free(at, end)

    def _take(self, size: int) -> int | None:
        """A free block of this size, cut from a longer one if need be; None: there is none."""
        fits = min((number for number in self._free_by_size if number == size or number >= size + _HEAD), default=None)
        if fits is None:
            return None
        at = next(iter(self._free_by_size[fits]))
        self._forget_free(at, at + fits)
        if fits > size:
            rest = at + size
            self._numbers[rest], self._numbers[rest + 1] = _FREE, (fits - size - _HEAD) << 32
            self._numbers[at + 1] = (size - _HEAD) << 32  # now they are two
            self._know_free(rest, at + fits)
        return at

    def _know_free(self, at: int, end: int) -> None:
        self._free[at], self._free_ends[end] = end, at
        self._free_by_size.setdefault(end - at, {})[at] = None

    def _forget_free(self, at: int, end: int) -> None:
        del self._free[at], self._free_ends[end]
        same = self._free_by_size[end - at]
        del same[at]
        if not same:
            del self._free_by_size[end - at]
