"""A look as the registry keeps it: in pages of bounded size, so that no value grows with the number of resources. Pure.

`look/SERVER` is page 0, which says besides whose look it is and in which era; `look/SERVER/N` are the others, each a Look of its own. One
counts only beside a page 0 of the same incarnation and era. Put together by the mirror, so that whoever decides sees one Look; divided by
the server's own daemon (`lane/look.py` says what is in it). Must never take anything from a page of another life or era.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from understudy.model.names import ResourceName
from understudy.model.view import Look

PAGE_NAMES = 64
"""Names on a page, at most."""

Pages = Mapping[int, Look]
"""Number -> page, of one server."""


def belongs(page: Look, look: Look) -> bool:
    """Whether a page is of this look: of the same incarnation, in the same era."""
    return page.incarnation == look.incarnation and page.era == look.era


def together(pages: Pages) -> Look | None:
    """What all pages say; None: there is no page 0, without which none counts. Where two say something of one name (a version before
    pages has written all on page 0), the page with the lower number counts, with all that it says of it and does not say."""
    first = pages.get(0)
    if first is None:
        return None
    more = [page for number, page in sorted(pages.items()) if number and belongs(page, first)]
    if not more:
        return first
    looked, untold, epochs = dict(first.looked), dict(first.untold), dict(first.epochs)
    said = _names(first)
    for page in more:
        names = _names(page)
        counts = page if said.isdisjoint(names) else _without(page, said)
        looked.update(counts.looked)
        untold.update(counts.untold)
        epochs.update(counts.epochs)
        said |= names
    return replace(first, looked=looked, untold=untold, epochs=epochs)


def amended(before: Look, pages: Pages, number: int, was: Look | None, said: int) -> Look:
    """The same as `together(pages)`, when `before` is what they said until page `number` (not the first) took the place of `was`, and
    `said` the `names_said` of those pages."""
    page = pages[number]
    had = was if was is not None and belongs(was, before) else None
    on_two_pages = said != _size(before)
    if on_two_pages or not belongs(page, before) or (had is not None and _says_less(had, page)) or _said_elsewhere(page, had, before):
        return together(pages) or before
    looked = {**before.looked, **page.looked}
    if not (before.untold or before.epochs or page.untold or page.epochs):
        return replace(before, looked=looked)
    return replace(before, looked=looked, untold={**before.untold, **page.untold}, epochs={**before.epochs, **page.epochs})


def _size(page: Look) -> int:
    """What it says, counted: together pages say less than each of them, added up, if and only if a name stands on two of them."""
    return len(page.looked) + len(page.untold) + len(page.epochs)


def names_said(pages: Iterable[Look | None], look: Look | None) -> int:
    """How many names the pages of this look have, each counted on every page on which it stands."""
    return 0 if look is None else sum(_size(page) for page in pages if page is not None and belongs(page, look))


def _says_less(was: Look, page: Look) -> bool:
    return not (
        was.looked.keys() <= page.looked.keys() and was.untold.keys() <= page.untold.keys() and was.epochs.keys() <= page.epochs.keys()
    )


def _said_elsewhere(page: Look, was: Look | None, before: Look) -> bool:
    """Whether a name that comes to the page stands on another already."""
    new = _names(page) - (_names(was) if was is not None else set())
    return any(name in said for said in (before.looked, before.untold, before.epochs) for name in new)


def _without(page: Look, names: set[ResourceName]) -> Look:
    """What a page says of others."""
    return replace(
        page,
        looked={name: uid for name, uid in page.looked.items() if name not in names},
        untold={name: uid for name, uid in page.untold.items() if name not in names},
        epochs={name: epoch for name, epoch in page.epochs.items() if name not in names},
    )


def names_that_differ(was: Look | None, page: Look | None) -> set[ResourceName]:
    """Of which two pages do not say the same."""
    differing: set[ResourceName] = set()
    for before, after in _said(was, page) if was is None or page is None or was is not page else ():
        differing.update(name for name, _ in before.items() ^ after.items())
    return differing


def _said(was: Look | None, page: Look | None) -> Iterable[tuple[Mapping[ResourceName, object], Mapping[ResourceName, object]]]:
    blank: Mapping[ResourceName, object] = {}
    for what in ("looked", "untold", "epochs"):
        yield blank if was is None else getattr(was, what), blank if page is None else getattr(page, what)


@dataclass(frozen=True, slots=True)
class LookEntry:
    """What a look says of one resource."""

    looked: str = ""
    """The uid of the definition that was looked at; empty: it was not, or that is not known."""
    untold: str = ""
    """The uid of that of which the look could not tell."""
    epoch: int = 0
    """Higher than the registry's, as the server's guard remembers; 0: not so."""


NOTHING_SAID = LookEntry()


@dataclass(slots=True)
class PageIndex:
    """Which names stand on which of a server's own pages; what has to be written so that they say something else."""

    size: int = PAGE_NAMES
    """Names on a page, at most."""
    pages: dict[int, Look] = field(default_factory=dict)
    """Of this look, as the registry has them."""
    _seen: Pages = field(default_factory=dict)
    """All that the registry had when this was looked at last,"""
    _of: tuple[object, ...] = ()
    """and which look that was about."""
    _place: dict[ResourceName, int] = field(default_factory=dict)
    _count: dict[int, int] = field(default_factory=dict)
    """Names on each page."""

    def see(self, pages: Pages, look: Look) -> set[ResourceName]:
        """The registry has these now, and those that belong to this look count; names whose page is another than it was."""
        of, numbers = (look.incarnation, look.era), [number for number, page in pages.items() if self._seen.get(number) is not page]
        if of != self._of:
            numbers = [*pages]
        numbers += [number for number in self._seen if number not in pages]
        self._seen, self._of = dict(pages), of
        if not numbers:
            return set()
        now = {number: page for number, page in pages.items() if belongs(page, look)}
        differing: set[ResourceName] = set()
        for number in dict.fromkeys(numbers):
            was, page = self.pages.get(number), now.get(number)
            if was is not page:
                differing |= names_that_differ(was, page)
                self._place_anew(number, was, page, now)
        self.pages = now
        return differing

    def _place_anew(self, number: int, was: Look | None, page: Look | None, now: Pages) -> None:
        for name in () if was is None else _names(was):
            if self._place.get(name) == number:
                del self._place[name]
        self._count.pop(number, None)
        for name in () if page is None else _names(page):
            self._place[name] = min(number, self._place.get(name, number))
        if page is not None:
            self._count[number] = len(_names(page))
        gone = set() if was is None else _names(was) - (set() if page is None else _names(page))
        for other in sorted(now) if gone else ():
            if other > number:  # it may stand on a later page as well
                for name in _names(now[other]) & gone:
                    self._place.setdefault(name, other)

    def said(self, name: ResourceName) -> LookEntry:
        """What the pages say of a name."""
        number = self._place.get(name)
        if number is None:
            return NOTHING_SAID
        page = self.pages[number]
        return LookEntry(page.looked.get(name, ""), page.untold.get(name, ""), page.epochs.get(name, 0))

    @property
    def names(self) -> Iterable[ResourceName]:
        """Of which anything is said."""
        return self._place.keys()

    def changed(self, first: Look, entries: Mapping[ResourceName, LookEntry]) -> dict[int, Look | None]:
        """The pages to be written (None: to be deleted) so that these names have these entries, by number, the first page last: with it
        the others count. `first`: page 0 without its names.

        A name stays on its page, unless that has too many; a new one goes to the first page that has room. What stands on two pages goes
        from the later one: else it would be said again when the earlier one says it no more.
        """
        draft: dict[int, dict[ResourceName, LookEntry]] = {}
        added = {name: entry for name, entry in entries.items() if entry != NOTHING_SAID and name not in self._place}
        for name, entry in entries.items():
            if (number := self._place.get(name)) is not None:
                self._draft(draft, number)[name] = entry
        for number in self._untidy():
            self._draft(draft, number)
        for number, page in sorted(draft.items()):
            left = {name: entry for name, entry in page.items() if entry != NOTHING_SAID}
            kept = dict(list(left.items())[: self.size])
            added |= {name: entry for name, entry in left.items() if name not in kept}
            draft[number] = kept
        self._give_room(draft, added)
        made = {number: self._page(first, number, page) for number, page in sorted(draft.items(), reverse=True) if number}
        made[0] = self._page(first, 0, draft[0] if 0 in draft else self._entries(0)) or first
        return {number: page for number, page in made.items() if page != self.pages.get(number)}

    def _untidy(self) -> list[int]:
        """Pages with too many names, or with some that stand on an earlier one."""
        twice = sum(self._count.values()) > len(self._place)
        return [
            number
            for number, page in self.pages.items()
            if self._count[number] > self.size or (twice and any(self._place[name] != number for name in _names(page)))
        ]

    def _draft(self, draft: dict[int, dict[ResourceName, LookEntry]], number: int) -> dict[ResourceName, LookEntry]:
        if number not in draft:
            draft[number] = self._entries(number)
        return draft[number]

    def _entries(self, number: int) -> dict[ResourceName, LookEntry]:
        page = self.pages.get(number)
        return {} if page is None else {name: self.said(name) for name in sorted(_names(page)) if self._place.get(name) == number}

    def _give_room(self, draft: dict[int, dict[ResourceName, LookEntry]], added: Mapping[ResourceName, LookEntry]) -> None:
        number = 0
        for name, entry in added.items():
            while (len(draft[number]) if number in draft else self._count.get(number, 0)) >= self.size:
                number += 1
            self._draft(draft, number)[name] = entry

    def _page(self, first: Look, number: int, entries: Mapping[ResourceName, LookEntry]) -> Look | None:
        if number and not entries:
            return None
        blank = first if number == 0 else Look(server=first.server, incarnation=first.incarnation, era=first.era)
        return replace(
            blank,
            looked={name: entry.looked for name, entry in entries.items() if entry.looked},
            untold={name: entry.untold for name, entry in entries.items() if entry.untold},
            epochs={name: entry.epoch for name, entry in entries.items() if entry.epoch},
        )


def _names(page: Look) -> set[ResourceName]:
    return {*page.looked, *page.untold, *page.epochs}
