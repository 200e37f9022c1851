"""A guard that forgets refuses whatever one refuses that remembers everything, and lets start what the registry gives."""

from hypothesis import given
from hypothesis import strategies as st

from support import times
from understudy.guard.core.epochs import Remembered, admitted, forgettable, noted

NAMES = ("db", "ip")
WAY = ("give", "start", "release", "delete", "forget")
"""Of a name: from any of these steps to the next, or to another one."""


class EpochServer:
    """One server, the registry as it knows it, its guard, and one that never forgets."""

    def __init__(self) -> None:
        self.floor = 0
        self.records: dict[str, tuple[int, bool]] = {}
        """What is registered: its epoch, and whether it belongs to this server."""
        self.guard: dict[str, Remembered] = {}
        self.guards_floor = 0
        self.highest: dict[str, int] = {}
        self.given: list[tuple[str, int]] = []

    def next_epoch(self, name: str) -> int:
        """Above the floor, whatever it is given to."""
        return max(self.floor, self.records.get(name, (0, False))[0]) + 1

    def asks(self, name: str, epoch: int, *, released: bool = False) -> bool:
        """Whether the guard lets it be, which then remembers it."""
        before = self.guard.get(name)
        if not admitted(before, self.guards_floor, epoch, released=released):
            return False
        if (note := noted(before, self.guards_floor, epoch, released=released)) is not None:
            self.guard[name] = note
        self.highest[name] = max(epoch, self.highest.get(name, 0))
        return True

    def give(self, name: str) -> None:
        """It is given to this server."""
        epoch = self.next_epoch(name)
        self.records[name] = epoch, True
        self.given.append((name, epoch))

    def start(self, name: str) -> None:
        """What the registry gives, starts."""
        epoch, mine = self.records.get(name, (0, False))
        assert not mine or self.asks(name, epoch)

    def release(self, name: str) -> None:
        """It is taken back, and released."""
        if self.records.get(name, (0, False))[1]:
            epoch = self.next_epoch(name)
            assert self.asks(name, epoch, released=True)
            self.records[name] = epoch, False

    def delete(self, name: str) -> None:
        """It is registered no more, and the registry forgets it."""
        epoch, mine = self.records.get(name, (0, True))
        if not mine:
            del self.records[name]
            self.floor = max(self.floor, epoch)

    def forget(self, _: str) -> None:
        """The guard is asked to forget what is registered no more (docs/design/0008-forgotten-names.md)."""
        for name, (epoch, mine) in self.records.items():
            if mine and epoch <= self.floor and (name not in self.guard or self.guard[name].epoch < epoch):
                assert self.asks(name, epoch)
        self.guards_floor = max(self.guards_floor, self.floor)
        for name in [known for known in self.guard if known not in self.records]:
            if forgettable(self.guard[name], self.guards_floor):
                del self.guard[name]

    def late_starts(self) -> None:
        """Of everything that was ever given, by a daemon that does not know what came after it."""
        for name, epoch in self.given:
            if epoch < self.highest.get(name, 0):
                assert not admitted(self.guard.get(name), self.guards_floor, epoch, released=False), (name, epoch)


@st.composite
def ways(draw: st.DrawFn) -> list[tuple[str, str]]:
    """What happens to names: mostly one step after the other, each now and then left out, the names among each other."""
    left = {name: [step for _ in range(4) for step in WAY if draw(st.integers(0, 4))] for name in NAMES}
    happens = []
    while any(left.values()):
        name = draw(st.sampled_from([name for name in NAMES if left[name]]))
        happens.append((left[name].pop(0), name))
    return happens


@times(2)
@given(ways())
def test_what_is_forgotten_starts_no_more_than_what_is_remembered(happens: list[tuple[str, str]]) -> None:
    server = EpochServer()
    for what, name in happens:
        getattr(server, what)(name)
        server.late_starts()


def test_everything_that_is_deleted_and_released_is_forgotten() -> None:
    server = EpochServer()
    for _ in range(100):
        for what in ("give", "start", "release", "delete", "forget"):
            getattr(server, what)("db")
        server.late_starts()
    assert (server.guard, server.guards_floor) == ({}, 200)
