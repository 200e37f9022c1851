"""Maps that are made of one another: what differs, and what is derived from it, is what it would be if all were compared."""

from collections.abc import Mapping

from hypothesis import event, given
from hypothesis import strategies as st

from understudy.model import maps
from understudy.model.dependencies import parse
from understudy.model.maps import LinkedMap, differing, with_changes
from understudy.model.namers import Trait, namers, on_types, with_trait
from understudy.model.names import ResourceName, TypeName
from understudy.model.resource import Resource

NAMES = tuple(ResourceName(f"r{number}") for number in range(6))
DEPENDENCIES = ("", "hard(r0)", "hard(r1,r2)", "exclusion(r3)", "hard(type:a.type)", "weak(r4,type:b.type)")


@st.composite
def resources(draw: st.DrawFn) -> Resource:
    """With whatever is looked for among many."""
    text = draw(st.sampled_from(DEPENDENCIES))
    return Resource(
        name=NAMES[0], type=TypeName("cluster_resource"), uid="u", attributes={}, start=parse(text, "START_DEPENDENCIES", "r"),
        local=draw(st.booleans()), enabled=draw(st.booleans()),
    )  # fmt: skip


changes = st.dictionaries(st.sampled_from(NAMES), st.none() | resources(), max_size=3)


def compared(before: Mapping[ResourceName, Resource], after: Mapping[ResourceName, Resource]) -> set[ResourceName]:
    """One by one."""
    return {name for name in {*before, *after} if before.get(name) is not after.get(name)}


@given(st.lists(st.tuples(st.integers(0, 3), changes), max_size=8), st.booleans())
def test_what_differs_is_what_differs_when_all_are_compared(
    steps: list[tuple[int, dict[ResourceName, Resource | None]]], plain: bool
) -> None:
    """Also of two that came of the same one on different ways, and of one that was made by hand."""
    made: list[Mapping[ResourceName, Resource]] = [LinkedMap({})]
    for back, changed in steps:
        made.append(with_changes(made[-1 - back % len(made)], changed))
    if plain:
        made.append(dict(made[-1]))
    for before in made:
        for after in made:
            assert set(differing(before, after)) == compared(before, after)
    for records in made:
        alone = dict(records)
        event(f"{len(alone)} resources")
        assert namers(records) == namers(alone)
        assert on_types(records) == on_types(alone)
        assert all(with_trait(records, trait) == with_trait(alone, trait) for trait in Trait)
        assert with_trait(records, Trait.LOCAL) == {name for name, resource in records.items() if resource.local}


def test_a_map_that_was_made_of_one_long_ago_is_compared() -> None:
    """And does not remember without end."""
    first = LinkedMap({name: object() for name in NAMES})
    last: Mapping[ResourceName, object] = first
    for _ in range(2 * maps.MOST_STEPS):
        last = with_changes(last, {NAMES[0]: object()})
    assert isinstance(last, LinkedMap)
    assert len(last.steps) == maps.MOST_STEPS
    assert differing(first, last) == (NAMES[0],)
    assert differing(first, with_changes(first, dict.fromkeys(range(maps.MOST_KEYS + 1), object()))) == tuple(range(maps.MOST_KEYS + 1))


def test_who_changes_nothing_has_the_same_map() -> None:
    first = LinkedMap({NAMES[0]: 1})
    assert with_changes(first, {}) is first
