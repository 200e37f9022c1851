"""Server pools: membership as the guide has it, and what a pool is refused for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadAttribute, BadInput
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import FREE, GENERIC, attributes_of, build, membership, validate
from understudy.model.view import Pool

SERVERS = [ServerName(f"ctr{number}") for number in range(1, 7)]
POOLS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(SERVERS), unique=True, max_size=4),
        st.sampled_from([(), (GENERIC,)]),
        st.integers(0, 3),
        st.integers(0, 2),
        st.integers(-1, 4),
    ),
    max_size=5,
)


def pool(name: str, **attributes: str) -> Pool:
    """A pool built as crsctl builds it."""
    return build(PoolName(name), attributes)


def members(*pools: Pool, online: list[str]) -> dict[str, str]:
    """ACTIVE_SERVERS of every pool as text."""
    found = membership({given.name: given for given in pools}, [ServerName(server) for server in online])
    return {name: " ".join(servers) for name, servers in found.items()}


def test_named_servers_of_generic_sub_pools() -> None:
    """The guide's case: two pools that share a server, and a server that is in neither."""
    controller = pool("controller_sp", PARENT_POOLS="Generic", SERVER_NAMES="ctr2 ctr1")
    network = pool("network_sp", PARENT_POOLS="Generic", SERVER_NAMES="ctr2 ctr3")

    found = members(controller, network, online=["ctr1", "ctr2", "ctr3", "ctr4"])

    assert found == {"Free": "ctr4", "Generic": "ctr1 ctr2 ctr3", "controller_sp": "ctr2 ctr1", "network_sp": "ctr2 ctr3"}


def test_a_server_that_leaves_disappears_from_its_pools() -> None:
    """And returns when it rejoins."""
    controller = pool("controller_sp", PARENT_POOLS="Generic", SERVER_NAMES="ctr1 ctr2")

    assert members(controller, online=["ctr2"])["controller_sp"] == "ctr2"
    assert members(controller, online=["ctr1", "ctr2"])["controller_sp"] == "ctr1 ctr2"


def test_top_level_pools_are_served_by_importance() -> None:
    """First every MIN_SIZE, then up to MAX_SIZE, and the rest is Free."""
    gold = pool("gold", IMPORTANCE="10", MIN_SIZE="1", MAX_SIZE="2")
    iron = pool("iron", IMPORTANCE="1", MIN_SIZE="1", MAX_SIZE="1")

    assert members(gold, iron, online=["ctr1", "ctr2"]) == {"Free": "", "Generic": "", "gold": "ctr1", "iron": "ctr2"}
    assert members(gold, iron, online=["ctr1", "ctr2", "ctr3", "ctr4"])["gold"] == "ctr1 ctr3"
    assert members(gold, iron, online=["ctr1", "ctr2", "ctr3", "ctr4"])["Free"] == "ctr4"


def test_a_sub_pool_shows_its_parents_servers() -> None:
    """At most those that its own SERVER_NAMES allow."""
    top, part = pool("top", SERVER_NAMES="ctr1 ctr2"), pool("part", PARENT_POOLS="top", SERVER_NAMES="ctr2 ctr3")

    assert members(top, part, online=["ctr1", "ctr2", "ctr3"])["part"] == "ctr2"


@given(POOLS, st.lists(st.sampled_from(SERVERS), unique=True))
def test_every_online_server_is_somewhere_and_none_else(
    raw: list[tuple[list[str], tuple[str, ...], int, int, int]], online: list[str]
) -> None:
    """Top-level pools, Generic and Free share the servers out: each has exactly one of them, and MAX_SIZE holds."""
    pools = {}
    for number, (names, parents, importance, low, high) in enumerate(raw):
        name = PoolName(f"p{number}")
        pools[name] = Pool(
            name=name,
            server_names=tuple(ServerName(server) for server in names),
            parent_pools=tuple(PoolName(parent) for parent in parents),
            importance=importance,
            min_size=0 if parents else low,
            max_size=high if high < 0 else max(low, high),
        )

    found = membership(pools, [ServerName(server) for server in online])

    top = [GENERIC, FREE, *(name for name, other in pools.items() if not other.parent_pools)]
    assert sorted(server for name in top for server in found[name]) == sorted(online)
    for name, other in pools.items():
        assert set(found[name]) <= set(online)
        assert other.parent_pools or other.max_size < 0 or len(found[name]) <= other.max_size
        assert not other.server_names or set(found[name]) <= set(other.server_names)


def test_a_pool_printed_and_built_again_is_the_same() -> None:
    """`crsctl modify` depends on it."""
    made = pool("p", PARENT_POOLS="Generic", SERVER_NAMES="a b", EXCLUSIVE_POOLS="x")

    assert build(made.name, attributes_of(made)) == made


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("p", {"COLOUR": "red"}, 20011),
        ("p", {"IMPORTANCE": "1001"}, 20002),
        ("p", {"MIN_SIZE": "3", "MAX_SIZE": "2"}, 20002),
        ("p", {"PARENT_POOLS": "nowhere"}, 20021),
        ("p", {"PARENT_POOLS": "p"}, 20002),
        ("p", {"PARENT_POOLS": "Free"}, 20002),
        ("p", {"SERVER_NAMES": "ctr1; ctr2"}, 20002),
        ("p", {"SERVER_NAMES": "ctr1,ctr2"}, 20002),
        ("p", {"PARENT_POOLS": "Generic", "MIN_SIZE": "1"}, 20002),
        ("ora.p", {}, 20007),
        (".p", {}, 20007),
        ("a b", {}, 20007),
        ("a!b", {}, 20007),
    ],
)
def test_a_bad_pool_is_refused(name: str, attributes: dict[str, str], code: int) -> None:
    """With the number of its fault."""
    with pytest.raises(BadInput) as refused:
        validate(pool(name, **attributes), {})

    assert refused.value.code == code


def test_a_pool_is_never_its_own_ancestor() -> None:
    """Over any number of steps."""
    a = pool("a", PARENT_POOLS="b")

    with pytest.raises(BadInput, match="own ancestor"):
        validate(pool("b", PARENT_POOLS="a"), {PoolName("a"): a, PoolName("b"): pool("b")})


def test_exclusive_pools_share_no_server() -> None:
    """The more important one has it, of equals the first by name; what is below a pool goes with it."""
    first = pool("a", PARENT_POOLS="Generic", SERVER_NAMES="ctr1 ctr2", EXCLUSIVE_POOLS="x")
    second = pool("b", PARENT_POOLS="Generic", SERVER_NAMES="ctr2 ctr3", EXCLUSIVE_POOLS="x")
    below = pool("c", PARENT_POOLS="b", SERVER_NAMES="ctr2")
    online = ["ctr1", "ctr2", "ctr3"]

    assert {name: servers for name, servers in members(first, second, below, online=online).items() if name in "abc"} == {
        "a": "ctr1 ctr2", "b": "ctr3", "c": "",
    }  # fmt: skip
    more = replace(second, importance=1)
    assert members(first, more, below, online=online)["a"] == "ctr1"
    assert members(first, more, below, online=online)["c"] == "ctr2"


def test_an_exclusive_pool_is_not_above_its_like() -> None:
    """The lower one could have no server."""
    upper = pool("up", EXCLUSIVE_POOLS="x")
    with pytest.raises(BadAttribute, match="one is above the other"):
        validate(pool("low", PARENT_POOLS="up", EXCLUSIVE_POOLS="x"), {upper.name: upper})
