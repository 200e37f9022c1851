"""Who may do what: an access list's answer, what a change takes of it, and what nobody is given by any way round."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from intent.commands import ROOT, IntentCommand, asked, made, registered_views
from support import times
from understudy.errors import BadInput
from understudy.intent.edit import Edit
from understudy.intent.permitted import check_permitted, pools_of, refusals
from understudy.intent.refusal import Declined
from understudy.intent.rights import BUILT_IN_ACL, Identity, Right, may, rights
from understudy.intent.visible import hidden, without
from understudy.model.messages import WORDS
from understudy.model.names import PoolName, ResourceName, TypeName
from understudy.model.profile import resolve
from understudy.model.view import Definition, View

bounded = times(0.4)
NOBODY, ADMIN = Identity("nobody"), Identity("root")
USERS, GROUPS = ("ann", "bob", "root"), ("dba", "staff", "root")
LETTERS = ["".join(parts) for parts in product("r-", "w-", "x-")]


@st.composite
def lists(draw: st.DrawFn) -> str:
    """An access list."""
    given = st.sampled_from(LETTERS)
    parts = [f"owner:{draw(st.sampled_from(USERS))}:{draw(given)}"]
    if draw(st.booleans()):
        parts.append(f"pgrp:{draw(st.sampled_from(GROUPS))}:{draw(given)}")
    parts += [f"user:{user}:{draw(given)}" for user in draw(st.sets(st.sampled_from(USERS)))]
    parts += [f"group:{group}:{draw(given)}" for group in draw(st.sets(st.sampled_from(GROUPS)))]
    if draw(st.booleans()):
        parts.append(f"other::{draw(given)}")
    return ",".join(draw(st.permutations(parts)))


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    """Somebody who is not root; sometimes nobody knows the groups."""
    groups = draw(st.none() | st.frozensets(st.sampled_from(GROUPS)))
    return Identity(draw(st.sampled_from(("ann", "bob", "eve"))), groups)


def plainly(acl: str, who: Identity) -> str:
    """The same once more, in the words of the guide."""
    parts = [part.rsplit(":", 1) for part in acl.split(",")]
    own = [given for name, given in parts if name == f"owner:{who.user}"] or [given for name, given in parts if name == f"user:{who.user}"]
    others = "".join(given for name, given in parts if name == "other:") or "---"
    of_groups = [(name.split(":")[1], given) for name, given in parts if name.split(":")[0] in ("pgrp", "group")]
    if own:
        return own[0]
    if who.groups is None:
        return "".join(
            letter if all(letter in given for given in (others, *(given for _, given in of_groups))) else "-" for letter in "rwx"
        )
    mine = [given for group, given in of_groups if group in who.groups]
    return "".join(letter if any(letter in given for given in mine) else "-" for letter in "rwx") if mine else others


@given(lists(), identities())
def test_the_nearest_entry_counts_alone(acl: str, who: Identity) -> None:
    assert rights(acl, who) == plainly(acl, who)
    assert rights(acl, ADMIN) == "rwx"


@given(lists(), identities())
def test_unknown_groups_give_no_more_than_any_groups_would(acl: str, who: Identity) -> None:
    """Who knows the groups may not answer: that opens nothing."""
    least = rights(acl, Identity(who.user, None))
    for groups in (frozenset(), frozenset(GROUPS[:1]), frozenset(GROUPS)):
        assert all(letter == "-" or letter in rights(acl, Identity(who.user, groups)) for letter in least)


def test_nothing_written_gives_what_a_server_pool_gives() -> None:
    assert rights("", NOBODY) == "r--"
    assert rights("", Identity("ann", frozenset({"root"}))) == "r-x"
    assert rights(BUILT_IN_ACL, NOBODY) == rights("", NOBODY)


def decided(view: View, command: IntentCommand) -> Edit:
    """What the command writes; nothing where it is refused."""
    try:
        return command.decide(view)
    except BadInput:
        return Edit()


def with_lists(view: View, acl: str) -> View:
    """Every resource has this list."""
    definitions = {
        name: replace(record, attributes={**record.attributes, "ACL": acl}) for name, record in view.definitions.items()
    }  # fmt: skip
    resources = {
        name: replace(resource, attributes={**resource.attributes, "ACL": acl}, user="root") for name, resource in view.resources.items()
    }
    return replace(view, definitions=definitions, resources=resources)


@bounded
@given(asked())
def test_without_rights_nothing_at_all_is_written(found: tuple[View, IntentCommand]) -> None:
    """Whatever the command: where lists give others no more than `r`, everything that would write something is refused."""
    view, command = with_lists(found[0], BUILT_IN_ACL), found[1]
    edit = decided(view, command)
    answer = refusals(view, edit, NOBODY)
    event(f"{command.text.partition(' ')[0]}: {'refused' if answer else 'nothing to write'}")
    known = [name for name in (*edit.resources, *edit.targets) if name in view.resources]
    touched = known or edit.types or edit.pools or edit.cluster or edit.incarnations or edit.requests or any(edit.resources.values())
    assert bool(answer) == bool(touched)
    assert all(refusal.code in WORDS for refusal in answer)
    check_permitted(view, edit, ADMIN)


@bounded
@given(asked())
def test_x_on_all_of_it_starts_stops_and_moves(found: tuple[View, IntentCommand]) -> None:
    """And changes no definition."""
    view, command = with_lists(found[0], "owner:root:rwx,other::r-x"), found[1]
    edit = decided(view, command)
    changes = edit.types or edit.pools or edit.cluster or edit.incarnations or edit.resources
    assert not refusals(view, edit, NOBODY) or changes


@bounded
@given(asked(), st.sampled_from(["owner:root:rwx,other::rwx", "owner:root:rwx,user:nobody:rwx,other::r--"]))
def test_w_changes_neither_what_runs_nor_as_whom_nor_where(found: tuple[View, IntentCommand], acl: str) -> None:
    """Whoever has all rights on a resource of root's has no way to have something of his own run as root, or where no pool is his."""
    view, command = with_lists(found[0], acl), found[1]
    edit = decided(view, command)
    if refusals(view, edit, NOBODY):
        return
    after = made(view, edit)
    for name, resource in after.resources.items():
        before = view.resources.get(name)
        assert resource.user == (before.user if before else NOBODY.user)
        if before is not None and resource.user != NOBODY.user:
            assert resource.attributes.get("ACTION_SCRIPT") == before.attributes.get("ACTION_SCRIPT")
        assert resource.attributes.get("MOUNT_POINT", "") == (before.attributes.get("MOUNT_POINT", "") if before else "")
        assert pools_of(resource) <= (pools_of(before) if before else frozenset())


@bounded
@given(registered_views(), st.sets(st.integers(0, 20)))
def test_what_is_hidden_is_in_no_part_of_the_view(view: View, chosen: set[int]) -> None:
    names = sorted(view.resources)
    closed = {names[number] for number in chosen if number < len(names)}
    resources = {
        name: replace(resource, attributes={**resource.attributes, "ACL": "owner:root:rwx,other::---" if name in closed else ""})
        for name, resource in view.resources.items()
    }
    view = replace(view, resources=resources)
    assert hidden(view, NOBODY) == closed
    assert hidden(view, ADMIN) == frozenset()
    shown = without(view, hidden(view, NOBODY))
    assert without(view, frozenset()) is view
    for part in (shown.definitions, shown.resources, shown.targets, shown.assignments, shown.reports):
        assert not closed & set(part)
    assert set(shown.resources) == set(names) - closed
    assert not any(closed & {*look.looked, *look.epochs, *look.untold} for look in shown.looks.values())
    assert not any(closed & set(request.resources) for request in shown.requests)


@pytest.mark.parametrize(
    ("attributes", "pools"),
    [
        ("SERVER_POOLS=p", {"p"}),
        ("SERVER_POOLS=p q,PLACEMENT=restricted", {"p", "q"}),
        ("SERVER_POOLS=p,PLACEMENT=restricted,HOSTING_MEMBERS=ctr3", {"Generic", "Free"}),
        ("SERVER_POOLS=p,PLACEMENT=favored", {"Generic", "Free"}),
        ("SERVER_POOLS=p,PLACEMENT=favored,HOSTING_MEMBERS=ctr3", {"p"}),
        ("SERVER_POOLS=*", {"Generic", "Free"}),
        ("SERVER_POOLS=p *", {"Generic", "Free"}),
        ("", {"Generic", "Free"}),
    ],
)
def test_a_right_on_pools_is_of_use_only_where_they_bound_the_place(attributes: str, pools: set[str]) -> None:
    given = dict(pair.split("=") for pair in attributes.split(",") if pair)
    resource = resolve(Definition(name=ResourceName("r"), type=TypeName("cluster_resource"), uid="1", attributes=given), {})
    assert pools_of(resource) == {PoolName(pool) for pool in pools}


def test_a_refusal_names_everything_that_is_missing_once() -> None:
    """The first is the message, the others stand below it."""
    names = [ResourceName("a"), ResourceName("b")]
    definitions = {name: Definition(name=name, type=TypeName("cluster_resource"), uid=name) for name in names}
    resources = {name: resolve(record, {}) for name, record in definitions.items()}
    view = View(definitions=definitions, resources=resources)
    with pytest.raises(Declined) as refused:
        check_permitted(view, Edit(resources=dict.fromkeys(names)), NOBODY)
    assert refused.value.code == 2725
    assert str(refused.value).splitlines() == [
        "User 'nobody' does not have permission to operate on resource 'a'.",
        f"  w is needed; 'nobody' has r-- by {BUILT_IN_ACL}",
        "CRS-2725: User 'nobody' does not have permission to operate on resource 'b'.",
        f"  w is needed; 'nobody' has r-- by {BUILT_IN_ACL}",
    ]
    assert not may("", NOBODY, Right.WRITE)
    assert ROOT.by == "root@ctr1"
