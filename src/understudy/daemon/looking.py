"""What of this server's look (S6) the registry does not know, page by page, and when that may be written.

Called by `daemon/reporting.py`, which writes it after the reports. Costs what changed, however much is registered. Must never look at
anything, or say of a resource what `lane/look.py` does not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from understudy.daemon.epochs import Epochs
from understudy.daemon.mirror import Mirror
from understudy.daemon.requests import Me
from understudy.lane.driver import Driver
from understudy.lane.look import look_at
from understudy.model.looks import PAGE_NAMES, LookEntry, PageIndex, Pages, belongs
from understudy.model.names import ResourceName
from understudy.model.view import Look, View
from understudy.ports import Clock

LOOK_EVERY_S = 1.0
"""How often a look is written that has not ended yet, and at least how often one that has."""
LOOK_NAMES_PER_S = 5_000
"""At most so many names a second are written in looks that have ended: about 300 kB."""

PagesToWrite = Mapping[int, Look | None]
"""Number -> page, None to be deleted; in the order in which they are to be written."""


@dataclass(slots=True, kw_only=True)
class Looking:
    """One daemon's look."""

    mirror: Mirror
    clock: Clock
    epochs: Epochs
    driver: Driver
    me: Me
    page_names: int = PAGE_NAMES
    unregistered: tuple[ResourceName, ...] = ()
    """What runs here and is not registered, for people."""
    _index: PageIndex = field(default_factory=PageIndex)
    _stale: dict[ResourceName, None] = field(default_factory=dict)
    """Of whom it was not asked yet what is to be said."""
    _draft: dict[ResourceName, LookEntry] = field(default_factory=dict)
    """What is to be said, and the registry does not know."""
    _unlooked: set[ResourceName] = field(default_factory=set)
    """Whose look has not ended."""
    _behind: Mapping[ResourceName, int] = field(default_factory=dict)
    """What the guard remembers above the registry, as it was said last."""
    _seen: int = -1
    """The version of the View that was taken in last,"""
    _era: int = 0
    """and its era."""
    _written_at: float = 0.0
    _ended_at: float = float("-inf")
    """When a look was written that had ended."""

    def __post_init__(self) -> None:
        self._index.size = self.page_names
        self._written_at = self.clock.monotonic()

    def note(self, names: Collection[ResourceName]) -> None:
        """What this server knows of them may be something else."""
        self._stale |= dict.fromkeys(names)

    def pages(self, view: View) -> tuple[PagesToWrite, float]:
        """What this incarnation has looked at and the registry does not know: soon when every look has ended, else now and then. And in how
        many seconds it may be written, where it is too early; 0: now."""
        stored = self.mirror.look_pages(self.me.server)
        first = Look(server=self.me.server, incarnation=self.me.incarnation, era=view.era)
        self._take_in(view, stored, first)
        first = replace(first, floor=self.epochs.above_the_floor(view), unregistered=self.unregistered, hardware=self.me.hardware)
        known = stored.get(0)
        if known is not None and belongs(known, first):  # `daemon/keyring.py` writes these two
            first = replace(first, keys=known.keys, seal=known.seal)
        self._ask(view)
        now = self.clock.monotonic()
        if self._unlooked and now < self._written_at + LOOK_EVERY_S:
            return {}, (self._written_at + LOOK_EVERY_S - now if self._draft or self._first_differs(first) else 0.0)
        pages = self._index.changed(first, self._draft)
        if not self._unlooked:  # pages of another life or era count for nothing; until all is looked at they may be used again
            pages |= {number: None for number, page in stored.items() if number not in pages and not belongs(page, first)}
        if not pages:
            return {}, 0.0
        wait_s = self._not_before(pages) - now
        if wait_s > 0:
            return {}, wait_s
        self._written_at = now
        if not self._unlooked:
            self._ended_at = now
        return pages, 0.0

    def _take_in(self, view: View, stored: Pages, first: Look) -> None:
        """Whatever may be another since this was asked last is to be gone through."""
        changed = self.mirror.changes(self._seen)
        behind = dict(self.epochs.ahead(view, changed))
        differing = {name for name, _ in behind.items() ^ self._behind.items()} | self._index.see(stored, first)
        if changed is None or view.era != self._era:
            self._stale = dict.fromkeys((*view.resources, *self._index.names, *self._stale, *self._draft))
            self._unlooked.clear()
        else:
            differing |= changed
        self._stale |= dict.fromkeys(sorted(differing))
        self._behind, self._seen, self._era = behind, self.mirror.version, view.era

    def _ask(self, view: View) -> None:
        for name in self._stale:
            entry = self._entry(view, name)
            if entry == self._index.said(name):
                self._draft.pop(name, None)
            else:
                self._draft[name] = entry
        self._stale = {}

    def _entry(self, view: View, name: ResourceName) -> LookEntry:
        entry = look_at(view.resources.get(name), self.driver.locals.get(name), self._index.said(name), self._behind.get(name, 0))
        if name in view.resources and not (entry.looked or entry.untold):
            self._unlooked.add(name)
        else:
            self._unlooked.discard(name)
        return entry

    def _first_differs(self, first: Look) -> bool:
        """Whether the first page is to say something else, its names apart."""
        known = self._index.pages.get(0)
        return known is None or (known.floor, known.unregistered, known.hardware) != (
            first.floor, first.unregistered, first.hardware
        )  # fmt: skip

    def _not_before(self, pages: PagesToWrite) -> float:
        """When these may be written. Of a look that has ended at once, but for one more resource in it not as often as resources may be
        added: a page is as long as there are names on it."""
        if self._unlooked:
            return self._written_at + LOOK_EVERY_S
        if any(self._says_more(number, page) for number, page in pages.items()):
            return 0.0  # it reports something else that others wait for
        names = sum(len(page.looked) for page in pages.values() if page is not None)
        return self._ended_at + min(LOOK_EVERY_S, names / LOOK_NAMES_PER_S)

    def _says_more(self, number: int, page: Look | None) -> bool:
        """Whether it differs from what the registry has in more than names that were looked at."""
        before = self._index.pages.get(number)
        if page is None:
            return False
        if before is None:
            return number == 0 or bool(page.epochs)
        return replace(before, looked=page.looked, untold=page.untold) != page
