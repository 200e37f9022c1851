"""The verbs: what operators can ask for, one function each from a World and arguments to an exit status.

`VERBS` names them as they stand in `POST /v1/verb/NAME`. Called by `daemon/api.py` and by tests, which drive the same functions.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from understudy.daemon.verbs import (
    accept_settings,
    add_resource,
    appvip,
    check_resource,
    confirm_off,
    delete_resource,
    evict,
    export,
    history,
    leave,
    modify_resource,
    permissions,
    relocate,
    restart,
    serverpool,
    servers,
    start,
    stat_resource,
    stop,
    types,
)
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import World

Run = Callable[[World, Arguments], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `changes`: only root may, and it is carried to its end even if the caller goes away."""

    run: Run
    changes: bool = False
    knows: bool = True
    """It speaks of the cluster, so this daemon must have read the registry; else it only says how this server is."""


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "accept-settings": Verb(accept_settings.run, changes=True),
        "add-resource": Verb(add_resource.run, changes=True),
        "add-serverpool": Verb(serverpool.add, changes=True),
        "add-type": Verb(types.add, changes=True),
        "appvip-create": Verb(appvip.create, changes=True),
        "appvip-delete": Verb(appvip.delete, changes=True),
        "check-cluster": Verb(servers.check_cluster, knows=False),
        "check-crs": Verb(servers.check_crs, knows=False),
        "check-has": Verb(servers.check_has, knows=False),
        "check-resource": Verb(check_resource.run, changes=True),
        "cluster-export": Verb(export.run),
        "cluster-status": Verb(servers.cluster_status),
        "confirm-off": Verb(confirm_off.run, changes=True),
        "delete-resource": Verb(delete_resource.run, changes=True),
        "delete-serverpool": Verb(serverpool.delete, changes=True),
        "delete-type": Verb(types.delete, changes=True),
        "explain": Verb(history.explain),
        "evict-server": Verb(evict.run, changes=True),
        "getperm": Verb(permissions.getperm),
        "history": Verb(history.history),
        "join-server": Verb(leave.join, changes=True, knows=False),
        "leave-server": Verb(leave.leave, changes=True),
        "modify-resource": Verb(modify_resource.run, changes=True),
        "modify-serverpool": Verb(serverpool.modify, changes=True),
        "modify-type": Verb(types.modify, changes=True),
        "relocate-resource": Verb(relocate.run, changes=True),
        "restart-resource": Verb(restart.run, changes=True),
        "server-list": Verb(servers.server_list),
        "setperm": Verb(permissions.setperm, changes=True),
        "start-resource": Verb(start.run, changes=True),
        "stat-resource": Verb(stat_resource.run),
        "stat-server": Verb(servers.stat),
        "stat-serverpool": Verb(serverpool.stat),
        "stat-type": Verb(types.stat),
        "stop-resource": Verb(stop.run, changes=True),
    }
)
