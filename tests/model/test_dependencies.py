"""The dependency grammar: what it takes, what it refuses and with which number, and print-then-parse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadDependency
from understudy.model.dependencies import (
    MODIFIERS,
    SUFFIXES,
    Registered,
    Which,
    check_cycle,
    check_existence,
    parse,
    print_dependencies,
    reach,
)
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import resolve
from understudy.model.resource import Dependency, DependencyKind, Resource
from understudy.model.view import Definition

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True)


@st.composite
def clauses(draw: st.DrawFn, which: Which) -> tuple[Dependency, ...]:
    """Dependencies that the attribute may hold: each kind once (pullup again and again)."""
    kinds = draw(st.permutations([kind for attribute, kind in MODIFIERS if attribute == which]))
    found: list[Dependency] = []
    for kind in kinds[: draw(st.integers(0, len(kinds)))]:
        suffix = {SUFFIXES[kind]} if kind in SUFFIXES and draw(st.booleans()) else set()
        names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        for name in names:
            modifiers = draw(st.sets(st.sampled_from(sorted(MODIFIERS[which, kind])))) if MODIFIERS[which, kind] else set()
            is_type = draw(st.booleans())
            found.append(Dependency(kind=kind, entity=name, is_type=is_type, modifiers=frozenset(modifiers | suffix)))
    return tuple(found)


@given(clauses("START_DEPENDENCIES"))
def test_printed_start_dependencies_parse_to_the_same(dependencies: tuple[Dependency, ...]) -> None:
    """In the same order, with the same modifiers."""
    assert parse(print_dependencies(dependencies), "START_DEPENDENCIES", "r") == dependencies


@given(clauses("STOP_DEPENDENCIES"))
def test_printed_stop_dependencies_parse_to_the_same(dependencies: tuple[Dependency, ...]) -> None:
    """In the same order, with the same modifiers."""
    assert parse(print_dependencies(dependencies), "STOP_DEPENDENCIES", "r") == dependencies


@given(st.text("hardweakpullup(),: ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is read prints to the same again."""
    try:
        found = parse(text, "START_DEPENDENCIES", "r")
    except BadDependency:
        return
    assert parse(print_dependencies(found), "START_DEPENDENCIES", "r") == found


def test_a_real_line_is_read() -> None:
    """With a blank after a comma, modifiers in a row, and types."""
    text = (
        "hard(global:uniform:ora.DATA.dg, global:uniform:ora.FRA.dg) pullup(global:ora.DATA.dg, global:ora.FRA.dg) "
        "weak(type:ora.listener.type,global:type:ora.scan_listener.type,uniform:ora.ons,global:ora.gns)"
    )

    found = parse(text, "START_DEPENDENCIES", "db")

    assert [dependency.entity for dependency in found if dependency.kind is DependencyKind.HARD] == ["ora.DATA.dg", "ora.FRA.dg"]
    assert found[0].modifiers == {"global", "uniform"}
    assert not found[0].same_server
    weak = [(dependency.entity, dependency.is_type) for dependency in found if dependency.kind is DependencyKind.WEAK]
    assert weak == [("ora.listener.type", True), ("ora.scan_listener.type", True), ("ora.ons", False), ("ora.gns", False)]


def test_a_real_stop_line_is_read() -> None:
    """Modifiers in a row."""
    found = parse("hard(global:intermediate:ora.asm,global:shutdown:ora.DATA.dg,global:shutdown:ora.FRA.dg)", "STOP_DEPENDENCIES", "db")

    assert [dependency.modifiers for dependency in found] == [{"global", "intermediate"}, {"global", "shutdown"}, {"global", "shutdown"}]


def test_hard_without_global_means_the_same_server() -> None:
    """That is what makes a group."""
    (dependency,) = parse("hard(vip)", "START_DEPENDENCIES", "db")

    assert dependency.same_server


def test_pullup_may_come_again_even_after_a_type() -> None:
    """The one kind that may repeat."""
    text = "pullup(type:t,a) pullup:always(a) pullup(b)"

    assert print_dependencies(parse(text, "START_DEPENDENCIES", "r")) == text


@pytest.mark.parametrize(
    ("text", "which", "code", "hint"),
    [
        ("hard(a) hard(b)", "START_DEPENDENCIES", 2571, "more than once for resource 'r'"),
        ("hard(a,a)", "START_DEPENDENCIES", 2929, "'a'"),
        ("hard(a", "START_DEPENDENCIES", 20005, "in parentheses"),
        ("hard()", "START_DEPENDENCIES", 20005, "name is missing"),
        ("firm(a)", "START_DEPENDENCIES", 20005, "no kind"),
        ("weak(a)", "STOP_DEPENDENCIES", 20005, "no kind"),
        ("hard(concurrent:a)", "START_DEPENDENCIES", 20005, "cannot stand here"),
        ("hard(global:global:a)", "START_DEPENDENCIES", 20005, "cannot stand here"),
        ("hard(type:t,a,type:t)", "START_DEPENDENCIES", 2929, "'t'"),
        ("hard:always(a)", "START_DEPENDENCIES", 20005, "is not known"),
        ("hard(a b)", "START_DEPENDENCIES", 20005, "is no name"),
        ("a", "START_DEPENDENCIES", 20005, "in parentheses"),
    ],
)
def test_what_is_malformed_is_refused_with_its_number(text: str, which: Which, code: int, hint: str) -> None:
    """Oracle's number where it has one, else ours."""
    with pytest.raises(BadDependency, match=hint) as refused:
        parse(text, which, "r")

    assert refused.value.code == code


def resource(name: str, start: str = "", stop: str = "", type: str = "cluster_resource") -> Resource:
    """A resource with these dependencies."""
    attributes = {"START_DEPENDENCIES": start, "STOP_DEPENDENCIES": stop}
    return resolve(Definition(name=ResourceName(name), type=TypeName(type), uid=name, attributes=attributes), {})


def known(*resources: Resource) -> Registered:
    """What is registered."""
    return Registered(resources={registered.name: registered for registered in resources})


def test_a_name_that_is_not_registered_is_refused() -> None:
    """CRS-2510, with the dependency as written."""
    with pytest.raises(BadDependency, match=r"Resource 'vip' used in dependency 'hard\(vip\)' does not exist") as refused:
        check_existence(resource("db", "hard(vip)").start, known())

    assert refused.value.code == 2510


def test_a_type_that_is_not_registered_is_refused() -> None:
    """CRS-2509."""
    with pytest.raises(BadDependency) as refused:
        check_existence(resource("db", "hard(type:app.type)").start, known())

    assert refused.value.code == 2509


def test_a_cycle_is_refused() -> None:
    """Over any number of steps."""
    a, b, c = resource("a", "hard(b)"), resource("b", "weak(c)"), resource("c", "hard(global:a)")

    with pytest.raises(BadDependency) as refused:
        check_cycle(c, known(a, b, c))

    assert refused.value.code == 2515
    assert str(refused.value).splitlines()[1] == "  c -> a -> b -> c"


def test_a_cycle_in_the_stop_order_is_refused() -> None:
    """Start and stop are two graphs."""
    a, b = resource("a", stop="hard(b)"), resource("b", stop="hard(a)")

    with pytest.raises(BadDependency):
        check_cycle(b, known(a, b))


def test_a_cycle_over_a_type_says_so() -> None:
    """CRS-2588 names the way."""
    a, b = resource("a", "hard(b)"), resource("b", "weak(type:cluster_resource)")

    with pytest.raises(BadDependency) as refused:
        check_cycle(a, known(a, b))

    assert refused.value.code == 2588
    assert str(refused.value).splitlines()[1] == "  a -> b -> a (type:cluster_resource)"


def test_what_could_not_start_first_is_refused() -> None:
    """Each list alone is no circle, but what stops with another does not start without it."""
    a, b = resource("a", "hard(b)"), resource("b", stop="hard(a)")

    with pytest.raises(BadDependency) as refused:
        check_cycle(b, known(a, b))

    assert str(refused.value).splitlines()[1] == "  b -> a (STOP_DEPENDENCIES) -> b (START_DEPENDENCIES)"
    check_cycle(b, known(a, resource("b", stop="hard(shutdown:a)")))


def test_what_orders_nothing_closes_no_cycle() -> None:
    """Attraction is a wish, and a concurrent one is not waited for."""
    a, b = resource("a", "attraction(b) weak(concurrent:b)"), resource("b", "hard(a)")

    check_cycle(b, known(a, b))


def test_reach_is_everything_a_resource_leads_to() -> None:
    """A change of any of these could close a cycle."""
    a, b, c, d = resource("a", "hard(b)"), resource("b", stop="hard(c)"), resource("c"), resource("d", "hard(a)")

    assert reach(a, known(a, b, c, d)) == {"b", "c"}
