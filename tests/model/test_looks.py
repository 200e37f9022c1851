"""A look in pages: what they say together is what was to be said, in any order of changes, and no page grows."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from understudy.model.looks import NOTHING_SAID, LookEntry, PageIndex, amended, names_said, names_that_differ, together
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.view import Look

FIRST = Look(server=ServerName("ctr1"), incarnation=Incarnation("1" * 32), era=2)
OTHERS = (replace(FIRST, incarnation=Incarnation("2" * 32)), replace(FIRST, era=1))
NAMES = tuple(ResourceName(f"r{number}") for number in range(12))
SIZE = 3

entries = st.one_of(
    st.just(NOTHING_SAID),
    st.builds(LookEntry, looked=st.sampled_from("uv"), epoch=st.integers(0, 2)),
    st.builds(LookEntry, untold=st.sampled_from("uv"), epoch=st.integers(0, 2)),
    st.builds(LookEntry, epoch=st.integers(1, 2)),
)
changes = st.dictionaries(st.sampled_from(NAMES), entries, max_size=8)


@st.composite
def pages_of(draw: st.DrawFn, looks: tuple[Look, ...] = (FIRST, *OTHERS)) -> Look:
    """Of any of these lives and eras, with more names than a page may have."""
    said = draw(changes)
    return replace(
        draw(st.sampled_from(looks)),
        looked={name: entry.looked for name, entry in said.items() if entry.looked},
        untold={name: entry.untold for name, entry in said.items() if entry.untold},
        epochs={name: entry.epoch for name, entry in said.items() if entry.epoch},
    )


def said_by(look: Look | None) -> dict[ResourceName, LookEntry]:
    """Name by name."""
    if look is None:
        return {}
    names = {*look.looked, *look.untold, *look.epochs}
    return {name: LookEntry(look.looked.get(name, ""), look.untold.get(name, ""), look.epochs.get(name, 0)) for name in names}


def page(number: int = 0, /, looked: str = "", epochs: str = "") -> dict[int, Look]:
    """Of the first look; of these names."""
    said = {ResourceName(name): "u" for name in looked.split()}
    return {number: replace(FIRST, looked=said, epochs={ResourceName(name): 1 for name in epochs.split()})}


@example([{}], page(0, "r0") | page(1, "r0 r1"))
@example([{}], page(0, "r0") | page(1, "r0", "r0"))
@example([{NAMES[0]: NOTHING_SAID}], page(0, "r0") | page(1, "r0"))
@given(st.lists(changes, min_size=1, max_size=8), st.dictionaries(st.integers(0, 4), pages_of((*OTHERS, FIRST)), max_size=4))
def test_pages_say_together_what_was_to_be_said(rounds: list[dict[ResourceName, LookEntry]], pages: dict[int, Look]) -> None:
    """Whatever stood there before, also pages of other lives and eras, and pages with more names than they may have."""
    index = PageIndex(size=SIZE)
    index.see(pages, FIRST)
    wanted = {name: index.said(name) for name in index.names}
    for change in rounds:
        written = index.changed(FIRST, change)
        assert 0 not in written or list(written)[-1] == 0, "the first page comes last"
        for number, fresh in written.items():
            pages[number] = fresh if fresh is not None else OTHERS[0]
        index.see(pages, FIRST)
        wanted = {name: entry for name, entry in {**wanted, **change}.items() if entry != NOTHING_SAID}
        assert said_by(together(pages)) == wanted == {name: index.said(name) for name in index.names}
        assert all(len(said_by(own)) <= SIZE for own in index.pages.values())
        assert index.changed(FIRST, wanted) == {}, "what is said already writes nothing"


@example(page(0) | page(3, "r2") | page(4), 4, replace(FIRST, looked={NAMES[2]: "v"}))
@example(page(0, "r2") | page(3, "r2"), 3, replace(FIRST, looked={NAMES[2]: "v"}))
@given(st.dictionaries(st.integers(0, 4), pages_of(), min_size=1), st.integers(1, 4), pages_of())
def test_a_page_that_changes_changes_the_look_as_if_all_were_put_together(pages: dict[int, Look], number: int, fresh: Look) -> None:
    """Only cheaper."""
    before, after = together(pages), {**pages, number: fresh}
    if before is not None:
        was, said = pages.get(number), names_said(pages.values(), before)
        assert amended(before, after, number, was, said) == together(after)
        assert said - names_said((was,), before) + names_said((fresh,), before) == names_said(after.values(), before)


@given(pages_of((FIRST,)), pages_of((FIRST,)))
def test_names_that_differ_are_those_of_which_something_else_is_said(was: Look, now: Look) -> None:
    before, after = said_by(was), said_by(now)
    assert names_that_differ(was, now) == {name for name in (*before, *after) if before.get(name) != after.get(name)}
    assert names_that_differ(None, now) == set(after)
    assert names_that_differ(was, None) == set(before)


def test_a_page_of_another_life_or_era_counts_for_nothing() -> None:
    looked = dict.fromkeys(NAMES[:SIZE], "u")
    pages = {0: replace(FIRST, looked=looked), 1: replace(OTHERS[0], looked={NAMES[5]: "u"}), 2: replace(OTHERS[1], looked={NAMES[6]: "u"})}
    assert together(pages) == pages[0]
    assert together({1: replace(FIRST, looked=looked)}) is None, "nor does any without the first"


def test_a_name_stays_on_its_page_and_a_new_one_goes_where_there_is_room() -> None:
    index, looked = PageIndex(size=2), LookEntry(looked="u")
    made = index.changed(FIRST, dict.fromkeys(NAMES[:6], looked))
    assert {number: sorted(page.looked) for number, page in made.items() if page is not None} == {
        0: ["r0", "r1"], 1: ["r2", "r3"], 2: ["r4", "r5"],
    }  # fmt: skip
    index.see({number: page for number, page in made.items() if page is not None}, FIRST)
    assert index.changed(FIRST, {NAMES[2]: NOTHING_SAID, NAMES[7]: looked}) == {1: replace(FIRST, looked={NAMES[3]: "u", NAMES[7]: "u"})}
