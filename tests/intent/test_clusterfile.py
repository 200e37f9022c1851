"""The cluster as a file, without a cluster: its text, its tables, what is wrong with them, and its division into commits."""

import contextlib
import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from intent.files import NETWORK, files
from understudy.intent.clusterfile.changes import FileItem, changes
from understudy.intent.clusterfile.document import Troubles, document_of, read_in_steps
from understudy.intent.clusterfile.draft import ApplyCommand, FileDraft, draft_in_steps
from understudy.intent.clusterfile.pieces import CommitRoom, FilePiece, components, pieces_in_steps, with_piece
from understudy.intent.clusterfile.toml import toml
from understudy.intent.clusterfile.trials import Trials
from understudy.intent.clusterfile.whole import ClusterFile, file_of
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.rights import Identity
from understudy.intent.steps import at_once
from understudy.model.attributes import ATTRIBUTES, SPECIAL
from understudy.model.names import ResourceName, ServerName
from understudy.model.pools import ATTRIBUTES as POOL_ATTRIBUTES
from understudy.model.settings import parse_settings
from understudy.model.view import ClusterRecord, View

ROOM = CommitRoom(operations=126, bytes=1 << 20)
SETTINGS = parse_settings(
    '[cluster]\nname = "test"\n[server]\nname = "ctr1"\n'
    + "".join(f'[servers.ctr{number}]\naddresses = ["192.168.0.{number}"]\n' for number in (1, 2, 3))
    + '[network.1]\nsubnet = "10.10.10.0/24"\ninterface = "eth1"\n'
)
OPERATOR = Operator(by="root@ctr1", token="1", settings=SETTINGS)
EMPTY = View(cluster=ClusterRecord(name="test", voters=(ServerName("ctr1"),), pause_tolerance=2.0))
ROOT = Identity("root")


def read(tables: Mapping[str, Any]) -> ClusterFile:
    """What the tables say."""
    return at_once(read_in_steps(tables, "x.toml"))


def drafted(view: View, tables: Mapping[str, Any], *, prune: bool = False, force: bool = False) -> FileDraft:
    """What is to be written for them."""
    command = ApplyCommand(what="x.toml", file=read(tables), prune=prune, force=force)
    return at_once(draft_in_steps(view, command, OPERATOR, ROOT))


def pieces(draft: FileDraft, room: CommitRoom) -> tuple[FilePiece, ...]:
    """Its commits."""
    return at_once(pieces_in_steps(draft, room))


def applied(view: View, tables: Mapping[str, Any]) -> View:
    """The cluster of which the tables are all."""
    return drafted(view, tables, prune=True).after


# --- text and tables --------------------------------------------------------------------------------------------------


@given(files())
def test_a_text_is_read_as_what_it_was_made_of(tables: Mapping[str, Any]) -> None:
    """To the byte, and again."""
    file = read(tables)
    text = toml(document_of(file))

    assert read(tomllib.loads(text)) == file
    assert toml(document_of(read(tomllib.loads(text)))) == text


@given(st.recursive(st.integers(-(10**11), 10**11) | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=8))
def test_any_tables_are_written_as_they_are(value: Any) -> None:
    """Whatever a name or a value holds: `tomllib` is the judge."""
    document = {"resource": {"x": {"a": value if not isinstance(value, dict) else "", "b": str(value)}}, "y": value}

    assert tomllib.loads(toml(document)) == json.loads(json.dumps(document))


@given(files(), files())
def test_a_cluster_that_is_as_its_file_says_has_nothing_to_change(one_file: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """From any state to any other, and then there is nothing left to do."""
    view = applied(applied(EMPTY, one_file), other)

    assert changes(file_of(view, "test"), read(other), prune=True) == ()
    assert toml(document_of(file_of(view, ""))) == toml(document_of(read(other)))
    assert drafted(view, document_of(file_of(view, "test")), prune=True).changes == ()


RED = {"resource": {"x": {"TYPE": "t", "COLOUR": "red"}}}
TABLES: dict[str, Any] = {"resource": {"db": {"TYPE": "cluster_resource", "ACTION_SCRIPT": "/db"}}}


@pytest.mark.parametrize(
    ("tables", "trouble"),
    [
        ({"resources": {}}, "resources: a cluster file has no such table; did you mean resource?"),
        ({"format": 2}, "it has format 2, and this version reads up to 1"),
        ({"format": True}, "format: write 1"),
        ({"cluster": 3}, "cluster: write the name of the cluster"),
        ({"resource": 3}, "resource: write a table for each: [resource.NAME]"),
        ({"resource": {"db": 3}}, "resource.db: write a table: [resource.db]"),
        ({"resource": {"db": {}}}, 'resource.db: write its type: TYPE = "cluster_resource"'),
        ({"resource": {"db": {"TYPE": "x", "LOAD": True}}}, "resource.db.LOAD: write a text, or a whole number: true and false"),
        ({"resource": {"db": {"TYPE": "x", "LOAD": 1.5}}}, "resource.db.LOAD: write a text, or a whole number: this is neither"),
        ({"resource": {"db": {"TYPE": "x", "LOAD": ["a"]}}}, "resource.db.LOAD: write a text, or a whole number: write the names"),
        ({"resource": {"db": {"TYPE": "x", "LOAD": 10**12}}}, "resource.db.LOAD: no number here is so large"),
        ({"serverpool": {"sp": {"SIZE": 1}}}, "serverpool.sp: UND-0011: The attribute 'SIZE' is not supported for a server pool."),
        ({"type": {"t": {}}}, 'type.t: write BASE_TYPE = "cluster_resource" or another type'),
        ({"type": {"t": {"BASE_TYPE": "cluster_resource", "LOAD": 1}}}, "type.t.LOAD: a type has BASE_TYPE and attributes"),
        ({"type": {"t": {"BASE_TYPE": "x", "attributes": {"A": {"KIND": 1}}}}}, "type.t.attributes.A.KIND: of an attribute there are"),
        ({"type": {"t": {"BASE_TYPE": "x", "attributes": {"A": {"TYPE": "float"}}}}}, "type.t: UND-0002: The value 'float'"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tables: Mapping[str, Any], trouble: str) -> None:
    """By its key, and with what to write."""
    with pytest.raises(Declined) as refused:
        read(tables)

    assert trouble in str(refused.value)


@pytest.mark.parametrize(
    ("tables", "trouble"),
    [
        ({"type": {"ora.x": {"BASE_TYPE": "cluster_resource"}}}, "type.ora.x: UND-0007"),
        ({"type": {"cluster_resource": {"BASE_TYPE": "local_resource"}}}, "type.cluster_resource: UND-0027"),
        ({"type": {"t": {"BASE_TYPE": "nothing"}}}, "type.t: UND-0023: Could not find resource type 'nothing'"),
        ({"type": {"t": {"BASE_TYPE": "cluster_resource", "attributes": {"LOAD": "x"}}}}, "type.t: UND-0002: The value 'x'"),
        ({"type": {"t": {"BASE_TYPE": "cluster_resource", "attributes": {"SERVER_POOLS": "sp"}}}}, "type.t: UND-0021"),
        ({"serverpool": {"Generic": {}}}, "serverpool.Generic: UND-0025"),
        ({"serverpool": {"sp": {"PARENT_POOLS": "other"}}}, "serverpool.sp: UND-0021"),
        ({"serverpool": {"sp": {"SERVER_NAMES": "ctr9"}}}, "serverpool.sp: UND-0156"),
        ({"resource": {"a b": {"TYPE": "cluster_resource"}}}, "resource.a b: UND-0007"),
        ({"resource": {"db": {"TYPE": "nothing"}}}, "resource.db: UND-0023"),
        ({"resource": {"db": {"TYPE": "cluster_resource", "LOAD": 0}}}, "resource.db: UND-0002"),
        ({"resource": {"db": {"TYPE": "cluster_resource", "COLOUR": "red"}}}, "resource.db: CRS-2922"),
        ({"resource": {"db": {"TYPE": "cluster_resource", "HOSTING_MEMBERS": "ctr1"}}}, "resource.db: CRS-5127"),
        ({"resource": {"db": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(x)"}}}, "resource.db: CRS-2510"),
        ({"resource": {"db": {"TYPE": "cluster_resource", "PLACEMENT": "favored", "HOSTING_MEMBERS": "ctr9"}}}, "resource.db: UND-0156"),
        ({"resource": {"ora.net2.network": {"TYPE": "ora.network.type"}}}, "resource.ora.net2.network: UND-0615"),
    ],
)
def test_what_a_single_command_refuses_a_file_is_refused(tables: Mapping[str, Any], trouble: str) -> None:
    """In the same words, with the key."""
    with pytest.raises(Declined) as refused:
        drafted(EMPTY, tables)

    assert refused.value.code == 20702
    assert trouble in str(refused.value)


WORDS = st.sampled_from(
    [*ATTRIBUTES, *SPECIAL, *POOL_ATTRIBUTES, "TYPE", "NAME", "BASE_TYPE", "attributes", "LOAD@SERVERNAME(ctr1)", "@", "x"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["", "a", "b", "hard(a)", "cluster_resource", "a b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
TABLE = st.dictionaries(WORDS, ANYTHING, max_size=4)
NAMED = st.dictionaries(
    st.sampled_from(["a", "b", "ora.net1.network", "", "a b", "-x"]) | st.text(max_size=2), TABLE | ANYTHING, max_size=3
)


@given(st.dictionaries(st.sampled_from(["type", "serverpool", "resource", "cluster", "format", "x"]), NAMED | ANYTHING, max_size=5))
def test_whatever_tables_say_they_are_taken_or_refused(tables: Mapping[str, Any]) -> None:
    """No file that anybody writes does anything else to who reads it."""
    with contextlib.suppress(Declined):
        drafted(EMPTY, tables, prune=True)


def test_every_refusal_of_a_file_is_listed() -> None:
    """A cycle, an unknown name and a bad number; not what follows from them."""
    tables = {
        "resource": {
            "a": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(b)"},
            "b": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(a)"},
            "c": {"TYPE": "cluster_resource", "LOAD": "heavy"},
            "d": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(c)"},
            "e": {"TYPE": "cluster_resource", "SERVER_POOLS": "sp"},
        }
    }

    with pytest.raises(Declined) as refused:
        drafted(EMPTY, tables)

    keys = [text.split(":")[0].strip() for text in refused.value.refusal.below if not text.startswith("    ")]
    assert keys == ["resource.a", "resource.b", "resource.c", "resource.e"]


@pytest.mark.parametrize(
    ("before", "after", "trouble"),
    [
        (TABLES, {"resource": {"db": {"TYPE": "local_resource"}}}, "UND-0710: TYPE of 'db' cannot be changed"),
        ({"type": {"t": {"BASE_TYPE": "cluster_resource"}}}, {"type": {"t": {"BASE_TYPE": "local_resource"}}}, "BASE_TYPE of 't'"),
        (
            {"type": {"t": {"BASE_TYPE": "cluster_resource", "attributes": {"COLOUR": ""}}}, **RED},
            {"type": {"t": {"BASE_TYPE": "cluster_resource"}}, **RED},
            "resource.x: CRS-2922: The attribute 'COLOUR' is not supported",
        ),
        (
            {"serverpool": {"sp": {}}, "resource": {"x": {"TYPE": "cluster_resource", "SERVER_POOLS": "sp"}}},
            {"resource": {"x": {"TYPE": "cluster_resource", "SERVER_POOLS": "sp"}}},
            "serverpool.sp: UND-0026: Server pool 'sp' cannot be deleted because resource 'x' names it",
        ),
        (
            {"type": {"t": {"BASE_TYPE": "cluster_resource"}}, "resource": {"x": {"TYPE": "t"}}},
            {"resource": {"x": {"TYPE": "t"}}},
            "type.t: CRS-2559",
        ),
        (
            {"resource": {**TABLES["resource"], "x": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(db)"}}},
            {"resource": {"x": {"TYPE": "cluster_resource", "START_DEPENDENCIES": "hard(db)"}}},
            "resource.db: CRS-2730: Resource 'x' depends on resource 'db'",
        ),
    ],
)
def test_a_change_that_cannot_be_is_refused(before: Mapping[str, Any], after: Mapping[str, Any], trouble: str) -> None:
    """Of what exists some things stay; what is named by what stays is not removed."""
    view = applied(EMPTY, before)

    with pytest.raises(Declined) as refused:
        applied(view, after)

    assert trouble in str(refused.value)


def test_a_type_and_its_resources_lose_an_attribute_together() -> None:
    """Neither could go first."""
    view = applied(EMPTY, {"type": {"t": {"BASE_TYPE": "cluster_resource", "attributes": {"COLOUR": "", "LOAD": 3}}}, **RED})
    draft = drafted(view, {"type": {"t": {"BASE_TYPE": "cluster_resource"}}, "resource": {"x": {"TYPE": "t"}}})

    assert [change.item for change in draft.changes] == [("type", "t"), ("resource", "x")]
    assert draft.after.resources[ResourceName("x")].load == 1


# --- in several commits -----------------------------------------------------------------------------------------------


@given(files(), files(), st.integers(8, 20))
def test_a_cluster_is_a_valid_one_after_each_commit(before: Mapping[str, Any], after: Mapping[str, Any], most: int) -> None:
    """However little one holds: each leaves what every check takes, and all together leave what the file says."""
    view = applied(EMPTY, before)
    draft = drafted(view, after, prune=True)
    try:
        found = pieces(draft, CommitRoom(operations=most, bytes=1 << 20))
    except Declined:
        assume(False)
        raise

    assert sorted(item for piece in found for item in piece.items) == sorted(change.item for change in draft.changes)
    assert sum(piece.moving for piece in found) <= 1
    for piece in found:
        assert len(piece.edit.history) + len(piece.items) <= most or len(found) == 1
        view = checked(view, piece, draft)
    assert (view.definitions, view.types, view.pools) == (draft.after.definitions, draft.after.types, draft.after.pools)


def checked(view: View, piece: FilePiece, draft: FileDraft) -> View:
    """The View after a piece, in which each of its definitions is well."""
    after, troubles = with_piece(view, piece), Troubles()
    trials = Trials(before=view, after=after, operator=OPERATOR, force=False, troubles=troubles)
    at_once(trials.all(tuple(change for change in draft.changes if change.item in piece.items)))
    assert troubles.found == []
    return after


def test_a_thousand_resources_go_into_some_twenty_commits() -> None:
    """In the order of what they name."""
    tables = {
        "serverpool": {"sp": {"SERVER_NAMES": "ctr1 ctr2"}},
        "resource": {
            f"r{number:04}": {
                "TYPE": "cluster_resource",
                "PLACEMENT": "restricted",
                "SERVER_POOLS": "sp",
                **({"START_DEPENDENCIES": f"weak(r{number + 1:04})"} if number % 10 else {}),
            }
            for number in range(1, 1001)
        }
        | {"r1001": {"TYPE": "cluster_resource"}},
    }
    draft = drafted(EMPTY, tables)

    found = pieces(draft, ROOM)

    assert 16 <= len(found) <= 22
    written: set[FileItem] = set()
    for piece in found:
        written |= piece.items
        names = {("resource", name) for name in piece.edit.rests.resources} | {("serverpool", name) for name in piece.edit.rests.pools}
        assert names <= written
    assert len(written) == 1002


def test_what_decides_about_places_is_never_divided() -> None:
    """A hundred of them do not fit into one commit; a hundred changes that disturb nothing are divided."""
    names = [f"r{number:03}" for number in range(100)]
    before = {"resource": {name: {"TYPE": "cluster_resource"} for name in names}}
    places = {"resource": {name: {"TYPE": "cluster_resource", "PLACEMENT": "favored", "HOSTING_MEMBERS": "ctr1"} for name in names}}
    times = {"resource": {name: {"TYPE": "cluster_resource", "CHECK_INTERVAL": 7} for name in names}}
    view = applied(EMPTY, before)

    with pytest.raises(Declined, match="100 definitions of it have to change together"):
        pieces(drafted(view, places), ROOM)

    assert [piece.moving for piece in pieces(drafted(view, times), ROOM)] == [False, False]


@given(st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9), max_size=3), min_size=10, max_size=10))
def test_items_that_lead_to_one_another_are_together(graph: Mapping[int, set[int]]) -> None:
    """And what is needed comes first; paths, found by brute force, are the judge."""
    needs = {("resource", str(key)): frozenset(("resource", str(other)) for other in others) for key, others in graph.items()}
    reach = {item: {item} for item in needs}
    for _ in needs:
        reach = {item: found.union(*(needs[other] for other in found)) for item, found in reach.items()}

    found = components(needs, needs)

    assert sorted(item for part in found for item in part) == sorted(needs)
    seen: set[FileItem] = set()
    for part in found:
        assert all((other in reach[item]) and (item in reach[other]) for item in part for other in part)
        seen.update(part)
        assert all(reach[item] <= seen for item in part)


def test_only_what_the_file_names_is_removed_without_prune() -> None:
    """And what it leaves out is named."""
    view = applied(EMPTY, TABLES)
    draft = drafted(view, {"resource": {"other": {"TYPE": "cluster_resource"}}})

    assert [(change.sort, change.item) for change in draft.changes] == [("add", ("resource", "other"))]
    assert draft.left == (("resource", "db"),)


def test_a_network_of_the_settings_is_never_removed() -> None:
    """It would be made again; one that was added is removed, unless an address stands on it."""
    other = {**NETWORK, "USR_ORA_SUBNET": "10.20.0.0"}
    view = applied(EMPTY, {"resource": {"ora.net1.network": NETWORK, "ora.net2.network": other}})

    assert [change.item for change in drafted(view, {}, prune=True).changes] == [("resource", "ora.net2.network")]
    assert drafted(view, {}).left == (("resource", "ora.net2.network"),)
