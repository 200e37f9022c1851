"""Advice about pools is tried out before it is given: whoever follows it gets what it says."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from understudy.model.names import Incarnation, PoolName, ServerName
from understudy.model.pools import attributes_of, build, membership
from understudy.model.state import Life
from understudy.model.view import IncarnationRecord, Pool, View
from understudy.policy.advice import into_pool

SERVERS = ("ctr1", "ctr2", "ctr3")
NAMES = ("alpha", "beta", "gamma")


@st.composite
def pools(draw: st.DrawFn) -> dict[PoolName, Pool]:
    """Some pools: with names or without, within Generic or at the top, of limited size or not, more or less important."""
    found = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        named = draw(st.lists(st.sampled_from(SERVERS), unique=True))
        attributes = {"SERVER_NAMES": " ".join(named), "IMPORTANCE": str(draw(st.integers(0, 3)))}
        attributes["MAX_SIZE"] = str(draw(st.integers(-1, 2)))
        if draw(st.booleans()) and named:
            attributes["PARENT_POOLS"] = "Generic"
        found[PoolName(name)] = build(PoolName(name), attributes)
    return found


@given(pools(), st.sampled_from(SERVERS))
def test_who_follows_the_advice_has_the_server_in_the_pool(registered: dict, server: str) -> None:  # type: ignore[type-arg]
    """And there is advice for every pool that an operator can change."""
    records = {
        Incarnation(name): IncarnationRecord(incarnation=Incarnation(name), server=ServerName(name), life=Life.ONLINE) for name in SERVERS
    }
    view = replace(View(), incarnations=records, pools=registered)
    for name, pool in registered.items():
        if server in membership(registered, [ServerName(present) for present in SERVERS])[name]:
            continue
        told = into_pool(view, (name,), ServerName(server))
        found = re.fullmatch(rf'add it: crsctl modify serverpool {name} -attr "(.*)"', told)
        assert found, told
        changed = build(name, {**attributes_of(pool), **dict(word.split("=") for word in found[1].split(","))})
        after = membership({**registered, name: changed}, [ServerName(present) for present in SERVERS])
        assert server in after[name], told


def test_a_pool_of_the_cluster_itself_cannot_be_changed() -> None:
    """Then it is the resource that has to name another pool."""
    incarnation = Incarnation("ctr1")
    records = {incarnation: IncarnationRecord(incarnation=incarnation, server=ServerName("ctr1"), life=Life.ONLINE)}
    view = replace(View(), incarnations=records, pools={PoolName("top"): build(PoolName("top"), {})})
    told = into_pool(view, (PoolName("Generic"), PoolName("Free")), ServerName("ctr1"))
    assert told == "let SERVER_POOLS of the resource name the pool that has it: top"
