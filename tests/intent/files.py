"""Random cluster files that a cluster takes: types, server pools and resources that name one another, as Hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

SERVERS = ("ctr1", "ctr2", "ctr3")
NAMES = ("a", "b.c", "d-e", "f_g", "öl")
BUILT_IN = ("cluster_resource", "local_resource")
TYPES = {"one.type": "cluster_resource", "two": "local_resource"}
OF = dict(zip(NAMES, (*BUILT_IN, "cluster_resource", *TYPES), strict=True))
"""What exists keeps its type, so each name has one."""
TEXTS = st.text(st.characters(blacklist_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")), max_size=12)
BOOLEANS: st.SearchStrategy[Any] = st.booleans()
ACLS = st.sampled_from(["owner:root:rwx,pgrp:root:r-x,other::r-x", "owner:root:rwx,other::---"])


def _number(low: int, high: int) -> st.SearchStrategy[int | str]:
    """As a number, or as a text of one."""
    numbers = st.integers(low, high)
    return numbers | numbers.map(lambda number: f"{number:03}")


def _some(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of one."""
    types = {name: draw(_type(base)) for name, base in TYPES.items() if draw(BOOLEANS)}
    pools = {name: draw(_pool()) for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))}
    resources: dict[str, Any] = {"ora.net1.network": {**NETWORK, "CHECK_INTERVAL": draw(st.sampled_from((10, 20)))}}
    for name in draw(st.lists(st.sampled_from([name for name in NAMES if OF[name] in {*BUILT_IN, *types}]), unique=True)):
        resources[name] = draw(_resource(OF[name], sorted(pools), sorted({*resources} - {"ora.net1.network"})))
    return {section: tables for section, tables in (("type", types), ("serverpool", pools), ("resource", resources)) if tables}


NETWORK = {
    "TYPE": "ora.network.type",
    "AUTO_START": "always",
    "USR_ORA_IF": "eth1",
    "USR_ORA_NETMASK": "255.255.255.0",
    "USR_ORA_SUBNET": "10.10.10.0",
}


def _type(base: str) -> st.SearchStrategy[dict[str, Any]]:
    attributes = {
        "ACTION_SCRIPT": st.just("/t"),
        "CHECK_INTERVAL": _number(1, 99),
        "ACL": ACLS,
        "USR_TEXT": TEXTS,
        "USR_NUMBER": _number(-5, 99).map(lambda value: {"TYPE": "int", "DEFAULT_VALUE": value}),
        "USR_FLAG": st.sampled_from(["CONFIG", "CONFIG|READONLY"]).map(lambda flags: {"DEFAULT_VALUE": "x", "FLAGS": flags}),
    }
    return st.fixed_dictionaries({"BASE_TYPE": st.just(base)}, optional={"attributes": _some(attributes)})


def _pool() -> st.SearchStrategy[dict[str, Any]]:
    servers = st.lists(st.sampled_from(SERVERS), unique=True, max_size=3).map(" ".join)
    of = {"IMPORTANCE": _number(0, 9), "MIN_SIZE": _number(0, 1), "MAX_SIZE": _number(1, 3), "SERVER_NAMES": servers, "ACL": ACLS}
    return _some(of) | st.just({"PARENT_POOLS": "Generic", "SERVER_NAMES": "ctr1"})


@st.composite
def _resource(draw: st.DrawFn, of: str, pools: list[str], others: list[str]) -> dict[str, Any]:
    plain = draw(_some({
        "CHECK_INTERVAL": _number(1, 99), "DESCRIPTION": TEXTS, "ENABLED": st.sampled_from([0, 1, "1"]), "UPTIME_THRESHOLD": st.just("2h"),
        "RESTART_ATTEMPTS": _number(0, 3), "ACL": ACLS, "CHECK_INTERVAL@SERVERNAME(ctr2)": _number(1, 99), "AUTO_START": st.just("never"),
    }))  # fmt: skip
    found: dict[str, Any] = {"TYPE": of, "ACTION_SCRIPT": "/a", **plain}
    if found["TYPE"] == "cluster_resource":
        if pools and draw(BOOLEANS):
            found |= {"PLACEMENT": "restricted", "SERVER_POOLS": "*"}
        found |= draw(_some({"LOAD": _number(1, 9), "FAILOVER_DELAY": _number(0, 9)}))
    if others and draw(BOOLEANS):
        found["START_DEPENDENCIES"] = f"weak({','.join(draw(st.lists(st.sampled_from(others), unique=True, min_size=1, max_size=2)))})"
    return found
