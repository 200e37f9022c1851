"""What is too much for one commit is divided by groups: nothing is lost, and what belongs together stays together."""

from hypothesis import given
from hypothesis import strategies as st

from understudy.intent.edit import Edit, HistoryEntry, Rests
from understudy.intent.parts import in_parts, together
from understudy.model.names import ResourceName, TypeName
from understudy.model.state import Target
from understudy.model.view import Definition, Request, TargetRecord

NAMES = [ResourceName(f"r{number}") for number in range(8)]
WANTED = TargetRecord(target=Target.ONLINE)
some = st.sets(st.sampled_from(NAMES)).map(sorted)


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """TARGETs and requests, as starts, stops and relocations write them."""
    targets = draw(some)
    requests = [names for names in draw(st.lists(some, max_size=4)) if names]
    return Edit(
        targets=dict.fromkeys(targets, WANTED),
        requests=tuple(Request(id=f"q{number}", verb="start", resources=tuple(names)) for number, names in enumerate(requests)),
        rests=Rests(resources=tuple(draw(some)), assignments=tuple(draw(some))),
        history=tuple(HistoryEntry(kind="target-set", resource=name) for name in targets),
    )


@given(edits())
def test_parts_are_the_whole_and_no_two_are_about_the_same(edit: Edit) -> None:
    parts = in_parts(edit)
    names = [name for part in parts for name in part.names]
    assert len(names) == len(set(names))
    assert {name: target for part in parts for name, target in part.edit.targets.items()} == edit.targets
    assert sorted(request.id for part in parts for request in part.edit.requests) == [request.id for request in edit.requests]
    assert sorted(resource for part in parts for resource in part.edit.rests.resources) == sorted(edit.rests.resources)
    assert sorted(assignment for part in parts for assignment in part.edit.rests.assignments) == sorted(edit.rests.assignments)
    assert sum(len(part.edit.history) for part in parts) == len(edit.history)


@given(edits())
def test_a_request_stays_with_the_targets_of_its_group(edit: Edit) -> None:
    """And with what the group was decided from."""
    for part in in_parts(edit):
        for request in part.edit.requests:
            assert part.names.issuperset(request.resources)
            assert part.edit.targets.keys() >= set(request.resources) & edit.targets.keys()
            assert set(part.edit.rests.resources) >= set(request.resources) & set(edit.rests.resources)


@given(edits())
def test_what_only_rests_on_something_comes_first(edit: Edit) -> None:
    """So that it is in the first commit, and nothing is written if it does not hold."""
    empty = [part.edit.empty for part in in_parts(edit)]
    assert empty == sorted(empty, reverse=True)


def test_what_is_registered_together_is_not_divided() -> None:
    definition = Definition(name=NAMES[0], type=TypeName("cluster_resource"), uid="u")
    edit = Edit(resources={NAMES[0]: definition}, targets={NAMES[1]: WANTED, NAMES[2]: WANTED})
    assert [part.edit for part in in_parts(edit)] == [edit]


def test_of_two_edits_the_second_counts() -> None:
    off = TargetRecord(target=Target.OFFLINE)
    both = together([Edit(targets={NAMES[0]: WANTED, NAMES[1]: WANTED}), Edit(targets={NAMES[1]: off})])
    assert both.targets == {NAMES[0]: WANTED, NAMES[1]: off}
