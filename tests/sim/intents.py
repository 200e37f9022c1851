"""Intents of small clusters, for the tests of the drill and of its file."""

import json
from dataclasses import replace
from typing import Any

from understudy.intent.whole import Intent
from understudy.kinds.address import application_vip_type, cluster_vip_type
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.state import Target
from understudy.model.types import network_definition
from understudy.model.view import ClusterRecord, Definition, Pool, TargetRecord, TypeRecord
from understudy.registry.intent import encode

PAUSE_S = 0.5


def cluster(*servers: str, voters: tuple[str, ...] = (), **more: Any) -> Intent:
    """Servers, of which the first three vote, and their network; nothing else is registered."""
    names = tuple(ServerName(server) for server in servers)
    network = network_definition(1, "10.10.10.0/24", "eth1", "net1")
    return Intent(
        servers=names,
        cluster=ClusterRecord(name="test", voters=tuple(map(ServerName, voters)) or names[:3], pause_tolerance=PAUSE_S),
        definitions={network.name: network},
        targets={network.name: TargetRecord(target=Target.ONLINE)},
        **more,
    )


def with_pool(intent: Intent, name: str, *servers: str, **attributes: Any) -> Intent:
    """One more server pool; below Generic unless attributes say otherwise."""
    pool = Pool(name=PoolName(name), server_names=tuple(map(ServerName, servers)), **{"parent_pools": (PoolName("Generic"),), **attributes})
    return replace(intent, pools={**intent.pools, pool.name: pool})


def with_resource(intent: Intent, name: str, pool: str, *, needs: str = "", wanted: bool = True, **attributes: str) -> Intent:
    """One more resource in a pool; what it needs it needs on the same server, to start and to run."""
    given = {"PLACEMENT": "restricted", "SERVER_POOLS": pool, **{key.upper(): value for key, value in attributes.items()}}
    if needs:
        given |= {"START_DEPENDENCIES": f"hard({needs})", "STOP_DEPENDENCIES": f"hard({needs})"}
    definition = Definition(name=ResourceName(name), type=TypeName("cluster_resource"), uid=name, attributes=given)
    target = TargetRecord(target=Target.ONLINE if wanted else Target.OFFLINE)
    return replace(
        intent, definitions={**intent.definitions, definition.name: definition}, targets={**intent.targets, definition.name: target}
    )


def with_trio(intent: Intent) -> Intent:
    """address, data and service in a pool of ctr1 and ctr2; it ran on ctr2, and the history knows one of its starts."""
    intent = with_resource(with_pool(intent, "pair", "ctr1", "ctr2"), "address", "pair", needs="ora.net1.network")
    intent = with_resource(intent, "data", "pair", needs="address")
    intent = with_resource(intent, "service", "pair", needs="address,data")
    homes = dict.fromkeys(map(ResourceName, ("address", "data", "service")), ServerName("ctr2"))
    return replace(intent, runs_on=homes, start_s={ResourceName("service"): 0.4})


def with_vip(intent: Intent, name: str) -> Intent:
    """An application VIP as `appvipcfg` makes it: its type is registered, not built in."""
    type_name = TypeName(application_vip_type(1))
    vip = Definition(
        name=ResourceName(name),
        type=type_name,
        uid=name,
        attributes={"USR_ORA_VIP": "10.10.10.11", "PLACEMENT": "favored", "HOSTING_MEMBERS": intent.servers[0]},
    )
    return replace(
        intent,
        types={**intent.types, type_name: TypeRecord(name=type_name, base=TypeName(cluster_vip_type(1)))},
        definitions={**intent.definitions, vip.name: vip},
        targets={**intent.targets, vip.name: TargetRecord(target=Target.ONLINE)},
    )


def edited(intent: Intent, *path: str, to: object) -> str:
    """The intent's file after somebody has changed one place in it; None leaves the place out."""
    found = json.loads(encode(intent))
    place = found
    for name in path[:-1]:
        place = place[name]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(found)
