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
    category,
    check_resource,
    clusterfile,
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
    rehearse,
    relocate,
    request_action,
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
    whatif,
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
    rehearsal: bool = False
    """It changes nothing after all: what it would change is only rehearsed."""


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "accept-settings": Verb(accept_settings.run, changes=True),
        "add-category": Verb(only_if_possible(category.add, "Add", registry_alone=True), changes=True, by_rights=True),
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
        "delete-category": Verb(only_if_possible(category.delete, "Delete", registry_alone=True), changes=True, by_rights=True),
        "delete-resource": Verb(only_if_possible(delete_resource.run, "Delete", registry_alone=True), changes=True, by_rights=True),
        "delete-serverpool": Verb(only_if_possible(serverpool.delete, "Delete", registry_alone=True), changes=True, by_rights=True),
        "delete-type": Verb(only_if_possible(types.delete, "Delete", registry_alone=True), changes=True, by_rights=True),
        "explain": Verb(history.explain),
        "file-apply": Verb(only_if_possible(clusterfile.apply, "Apply"), changes=True, by_rights=True),
        "file-export": Verb(clusterfile.export),
        "evict-server": Verb(only_if_possible(evict.run, "Evict"), changes=True),
        "get-cluster": Verb(query.get_cluster),
        "get-css": Verb(query.get_css),
        "get-resource-use": Verb(query.get_resource_use),
        "getperm": Verb(permissions.getperm),
        "history": Verb(history.history),
        "join-server": Verb(leave.join, changes=True, knows=False),
        "leave-server": Verb(leave.leave, changes=True),
        "modify-category": Verb(only_if_possible(category.modify, "Modify"), changes=True, by_rights=True),
        "modify-resource": Verb(only_if_possible(modify_resource.run, "Modify"), changes=True, by_rights=True),
        "modify-server": Verb(only_if_possible(category.modify_server, "Modify"), changes=True),
        "modify-serverpool": Verb(only_if_possible(serverpool.modify, "Modify"), changes=True, by_rights=True),
        "modify-type": Verb(only_if_possible(types.modify, "Modify"), changes=True, by_rights=True),
        "network-add": Verb(only_if_possible(network.add, "Add", registry_alone=True), changes=True),
        "network-list": Verb(network.listed),
        "network-remove": Verb(only_if_possible(network.remove, "Delete", registry_alone=True), changes=True),
        "query-crs": Verb(query.query_crs),
        "query-css": Verb(query.query_css),
        "relocate-server": Verb(only_if_possible(set_parameters.relocate_server, "Relocate"), changes=True),
        "relocate-resource": Verb(only_if_possible(relocate.run, "Relocate"), changes=True, by_rights=True),
        "request-action": Verb(only_if_possible(request_action.run, "Request"), changes=True, by_rights=True),
        "remove-voter": Verb(only_if_possible(members.remove, "Remove"), changes=True),
        "replace-voter": Verb(only_if_possible(members.replaced, "Replace", registry_alone=True), changes=True),
        "remove-server": Verb(only_if_possible(roster.remove, "Remove", registry_alone=True), changes=True),
        "restart-resource": Verb(only_if_possible(restart.run, "Restart"), changes=True, by_rights=True),
        "rotate-keys": Verb(only_if_possible(rotate.run, "Rotate", registry_alone=True), changes=True),
        "server-list": Verb(servers.server_list),
        "set-crs": Verb(set_parameters.set_crs),
        "set-css": Verb(set_parameters.set_css),
        "set-log": Verb(only_if_possible(set_parameters.set_log, "Set", registry_alone=True), changes=True, by_rights=True),
        "set-resource-use": Verb(only_if_possible(set_parameters.set_resource_use, "Set", registry_alone=True), changes=True),
        "set-trace": Verb(set_parameters.set_trace),
        "setperm": Verb(only_if_possible(permissions.setperm, "Modify", registry_alone=True), changes=True, by_rights=True),
        "site-places": Verb(site_places.run, changes=True, knows=False),
        "start-resource": Verb(only_if_possible(start.run, "Start"), changes=True, by_rights=True),
        "stat-category": Verb(category.stat),
        "stat-resource": Verb(stat_resource.run),
        "stat-server": Verb(servers.stat),
        "stat-serverpool": Verb(serverpool.stat),
        "stat-type": Verb(types.stat),
        "stop-resource": Verb(only_if_possible(stop.run, "Stop"), changes=True, by_rights=True),
    }
)

_REHEARSABLE = frozenset(
    {
        "add-category", "add-resource", "add-server", "add-serverpool", "add-type", "appvip-create", "appvip-delete", "appvip-modify",
        "confirm-off", "delete-category", "delete-resource", "delete-serverpool", "delete-type", "evict-server", "file-apply",
        "leave-server", "modify-category", "modify-resource", "modify-server", "modify-serverpool", "modify-type", "network-remove",
        "relocate-resource", "relocate-server", "remove-server", "restart-resource", "set-log", "set-resource-use", "setperm",
        "start-resource", "stop-resource",
    }
)  # fmt: skip
"""What reaches the world by commits alone, and waits by the world's clock: what is not named here refuses."""
_WHY_NOT = {
    "accept-settings": "it watches for five seconds whether anybody leads, which only the command itself can do",
    "add-voter": "what the members of etcd will do cannot be worked out beforehand",
    "check-resource": "it changes nothing but the time of a check",
    "cluster-restore": "use understudy cluster restore FILE --dry-run, which shows what it would register",
    "network-add": "whether a server has an interface in it only that server can say",
    "join-server": "use understudy whatif return NAME, on a server that takes part",
    "remove-voter": "what the members of etcd will do cannot be worked out beforehand",
    "request-action": "only the script itself knows what its action would do",
    "replace-voter": "what the members of etcd will do cannot be worked out beforehand",
    "rotate-keys": "each step waits for what every guard says of its keys",
    "site-places": "understudy openstack plan shows what would be changed",
}
_NOT_KNOWN = "it does not know how to be rehearsed"


def _rehearsal(name: str, verb: Verb) -> Verb:
    if name in _REHEARSABLE:
        return Verb(rehearse.rehearsed(verb.run), changes=True, by_rights=verb.by_rights, knows=verb.knows, rehearsal=True)
    why = _WHY_NOT.get(name, _NOT_KNOWN) if verb.changes else "it changes nothing"
    return Verb(rehearse.refused(name, why), knows=False, rehearsal=True)


def _event(run: Run) -> Run:
    return rehearse.rehearsed(only_if_possible(run, "Eval"), event=True)


REHEARSALS: Mapping[str, Verb] = MappingProxyType(
    {
        **{name: _rehearsal(name, verb) for name, verb in VERBS.items()},
        "activate-policy": Verb(whatif.activate_policy, rehearsal=True),
        "fail-resource": Verb(_event(whatif.fail), changes=True, by_rights=True, rehearsal=True),
        "file-plan": Verb(clusterfile.plan, changes=True, by_rights=True, rehearsal=True),
        "lose-servers": Verb(_event(whatif.lose), changes=True, rehearsal=True),
        "return-servers": Verb(_event(whatif.back), changes=True, rehearsal=True),
    }
)
"""The same verbs as they stand in `POST /v1/whatif/NAME`, and what is only asked there: nothing is changed by any of them."""
