"""The verbs: what operators can ask for, one function each from a World and arguments to an exit status.

`VERBS` names them as they stand in `POST /v1/verb/NAME`. Called by `daemon/api.py` and by tests, which drive the same functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from understudy.daemon.verbs import (
    accept_settings,
    add_resource,
    appvip,
    backup,
    check_resource,
    confirm_off,
    delete_resource,
    evict,
    export,
    history,
    leave,
    members,
    modify_resource,
    network,
    permissions,
    query,
    relocate,
    restart,
    restore,
    roster,
    rotate,
    serverpool,
    servers,
    set_parameters,
    site_places,
    start,
    stat_resource,
    stop,
    types,
)
from understudy.daemon.verbs.truth import Run, only_if_possible


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `changes`: it is carried to its end even if the caller goes away, and is root's alone unless `by_rights`."""

    run: Run
    changes: bool = False
    by_rights: bool = False
    """Others than root may do it as far as access lists give it to them (`intent/permitted.py`)."""
    knows: bool = True
    """It speaks of the cluster, so this daemon must have read the registry; else it only says how this server is."""


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "accept-settings": Verb(accept_settings.run, changes=True),
        "add-resource": Verb(only_if_possible(add_resource.run, "Add", registry_alone=True), changes=True, by_rights=True),
        "add-server": Verb(only_if_possible(roster.add, "Add", registry_alone=True), changes=True),
        "add-serverpool": Verb(only_if_possible(serverpool.add, "Add", registry_alone=True), changes=True),
        "add-type": Verb(only_if_possible(types.add, "Add", registry_alone=True), changes=True),
        "add-voter": Verb(only_if_possible(members.add, "Add"), changes=True),
        "appvip-create": Verb(only_if_possible(appvip.create, "Add", registry_alone=True), changes=True),
        "appvip-delete": Verb(only_if_possible(appvip.delete, "Delete", registry_alone=True), changes=True),
        "appvip-modify": Verb(only_if_possible(appvip.modify, "Modify"), changes=True),
        "check-css": Verb(query.check_css, knows=False),
        "check-evm": Verb(query.check_evm, knows=False),
        "check-cluster": Verb(servers.check_cluster, knows=False),
        "check-crs": Verb(servers.check_crs, knows=False),
        "check-has": Verb(servers.check_has, knows=False),
        "check-resource": Verb(check_resource.run, changes=True, by_rights=True),
        "cluster-backup": Verb(backup.run),
        "cluster-export": Verb(export.run),
        "cluster-restore": Verb(only_if_possible(restore.run, "Restore", registry_alone=True), changes=True),
        "cluster-status": Verb(servers.cluster_status),
        "confirm-off": Verb(only_if_possible(confirm_off.run, "Confirm-off", registry_alone=True), changes=True),
        "delete-resource": Verb(only_if_possible(delete_resource.run, "Delete", registry_alone=True), changes=True, by_rights=True),
        "delete-serverpool": Verb(only_if_possible(serverpool.delete, "Delete", registry_alone=True), changes=True, by_rights=True),
        "delete-type": Verb(only_if_possible(types.delete, "Delete", registry_alone=True), changes=True, by_rights=True),
        "explain": Verb(history.explain),
        "evict-server": Verb(only_if_possible(evict.run, "Evict"), changes=True),
        "get-cluster": Verb(query.get_cluster),
        "get-css": Verb(query.get_css),
        "get-resource-use": Verb(query.get_resource_use),
        "getperm": Verb(permissions.getperm),
        "history": Verb(history.history),
        "join-server": Verb(leave.join, changes=True, knows=False),
        "leave-server": Verb(leave.leave, changes=True),
        "modify-resource": Verb(only_if_possible(modify_resource.run, "Modify"), changes=True, by_rights=True),
        "modify-serverpool": Verb(only_if_possible(serverpool.modify, "Modify"), changes=True, by_rights=True),
        "modify-type": Verb(only_if_possible(types.modify, "Modify"), changes=True, by_rights=True),
        "network-add": Verb(only_if_possible(network.add, "Add", registry_alone=True), changes=True),
        "network-list": Verb(network.listed),
        "network-remove": Verb(only_if_possible(network.remove, "Delete", registry_alone=True), changes=True),
        "query-crs": Verb(query.query_crs),
        "query-css": Verb(query.query_css),
        "relocate-server": Verb(only_if_possible(set_parameters.relocate_server, "Relocate"), changes=True),
        "relocate-resource": Verb(only_if_possible(relocate.run, "Relocate"), changes=True, by_rights=True),
        "remove-voter": Verb(only_if_possible(members.remove, "Remove"), changes=True),
        "replace-voter": Verb(only_if_possible(members.replaced, "Replace", registry_alone=True), changes=True),
        "remove-server": Verb(only_if_possible(roster.remove, "Remove", registry_alone=True), changes=True),
        "restart-resource": Verb(only_if_possible(restart.run, "Restart"), changes=True, by_rights=True),
        "rotate-keys": Verb(only_if_possible(rotate.run, "Rotate", registry_alone=True), changes=True),
        "server-list": Verb(servers.server_list),
        "set-crs": Verb(set_parameters.set_crs, changes=True),
        "set-css": Verb(set_parameters.set_css, changes=True),
        "set-log": Verb(only_if_possible(set_parameters.set_log, "Set", registry_alone=True), changes=True, by_rights=True),
        "set-resource-use": Verb(only_if_possible(set_parameters.set_resource_use, "Set", registry_alone=True), changes=True),
        "set-trace": Verb(set_parameters.set_trace, changes=True),
        "setperm": Verb(only_if_possible(permissions.setperm, "Modify", registry_alone=True), changes=True, by_rights=True),
        "site-places": Verb(site_places.run, changes=True, knows=False),
        "start-resource": Verb(only_if_possible(start.run, "Start"), changes=True, by_rights=True),
        "stat-resource": Verb(stat_resource.run),
        "stat-server": Verb(servers.stat),
        "stat-serverpool": Verb(serverpool.stat),
        "stat-type": Verb(types.stat),
        "stop-resource": Verb(only_if_possible(stop.run, "Stop"), changes=True, by_rights=True),
    }
)
