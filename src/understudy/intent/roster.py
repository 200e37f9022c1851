"""Which servers there are: `cluster add-server`, `cluster remove-server`. Pure; docs/design/0013-servers-come-and-go.md.

Called by `daemon/verbs/roster.py`. What touches networks is looked at there.
"""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import replace

from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.model.events import SERVER_ADDED, SERVER_REMOVED
from understudy.model.names import ServerName, registered_name
from understudy.model.servers import LEARNER, MEMBER, ServerRecord, Servers, known_servers
from understudy.model.settings import LONGEST_NAME, MOST_SERVERS, Settings
from understudy.model.state import PROVEN, Life
from understudy.model.tables import NAME, NAMES_ALLOWED
from understudy.model.view import IncarnationRecord, View
from understudy.policy.liveness import CONFIRMED_OFF, unended_of


def wanted_server(text: str, *, witness: bool) -> ServerRecord:
    """`ctr5=10.10.20.5,10.10.10.5`. Declined (20305)."""
    name, equals, rest = text.partition("=")
    listed = tuple(address.strip() for address in rest.split(",") if address.strip())
    if not equals or not listed:
        raise Declined(20305, text, "write NAME=ADDRESS,ADDRESS as ctr5=10.10.20.5,10.10.10.5")
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise Declined(20305, text, f"'{name}' is no name for a server; {NAMES_ALLOWED}")
    try:
        addresses = tuple(str(ipaddress.ip_address(address)) for address in listed)
    except ValueError as error:
        raise Declined(20305, name, f"{error}") from None
    return ServerRecord(server=ServerName(name), addresses=addresses, witness=witness)


def add_server(view: View, wanted: ServerRecord, operator: Operator, in_use: Collection[str] = ()) -> Edit:
    """The server is one of the cluster's; an empty edit if it is already, just so. `in_use`: virtual addresses. Declined."""
    known, name = known_servers(view.servers, operator.settings), wanted.server
    if _same(known.get(name), wanted):
        return _with_all(view, operator.settings, {})
    if name in known:
        raise Declined(20305, name, f"there is a server of this name, at {', '.join(known[name].addresses)}")
    if len(known) >= MOST_SERVERS:
        raise Declined(20305, name, f"a cluster has at most {MOST_SERVERS} servers")
    _refuse_addresses(wanted, known, operator.settings, in_use)
    _all_know(view)
    text = f"{name} at {', '.join(wanted.addresses)}{', a witness' if wanted.witness else ''}"
    edit = _with_all(view, operator.settings, {name: wanted})
    return Edit(servers=edit.servers, history=(HistoryEntry(kind=SERVER_ADDED, text=text),))


def may_go(view: View, name: ServerName, operator: Operator) -> None:
    """Whether a server could be taken out once it has left. Declined (20024, 20306, 20307): it is none, or it votes, or it is the only
    one."""
    known = known_servers(view.servers, operator.settings)
    if name not in known:
        raise Declined(20024, name)
    voters = view.cluster.voters if view.cluster is not None else ()
    if name in voters or known[name].etcd in (MEMBER, LEARNER):
        what = f"remove-voter {name}, or replace-voter {name} --by OTHER" if len(voters) > 1 else f"replace-voter {name} --by OTHER"
        raise Declined(20307, name, what)
    if len(known) == 1:
        raise Declined(20306, name, "it is the only server")
    _all_know(view)


def remove_server(view: View, name: ServerName, operator: Operator) -> Edit:
    """The server is none of the cluster's any more. Declined: it may not go, or may run something."""
    may_go(view, name, operator)
    record = view.present().get(name)
    if record is not None and (why := _may_run_something(view, record)):
        raise Declined(20306, name, why)
    edit = _with_all(view, operator.settings, {name: None})
    return Edit(servers=edit.servers, looks=(name,) if name in view.looks else (), history=(HistoryEntry(kind=SERVER_REMOVED, text=name),))


def with_member(view: View, name: ServerName, etcd: str) -> Edit:
    """How a server's member of etcd stands (`model/servers.py` has the words)."""
    record = view.servers.get(name)
    if record is None:
        raise Declined(20024, name)
    return Edit() if record.etcd == etcd else Edit(servers={name: replace(record, etcd=etcd)})


def still_named(view: View, name: ServerName) -> tuple[str, ...]:
    """What names a server that was removed: pools and resources, as an operator finds them."""
    pools = (f"server pool {pool.name} (SERVER_NAMES)" for pool in view.pools.values() if name in pool.server_names)
    resources = (f"resource {each.name} (HOSTING_MEMBERS)" for each in view.resources.values() if name in each.hosting_members)
    return tuple(sorted((*pools, *resources)))


def _with_all(view: View, settings: Settings, changed: Mapping[ServerName, ServerRecord | None]) -> Edit:
    """The records that change; all of them in a cluster that has none."""
    return Edit(servers=changed if view.servers or not changed else {**known_servers(view.servers, settings), **changed})


def _same(known: ServerRecord | None, wanted: ServerRecord) -> bool:
    return known is not None and (known.addresses, known.witness) == (wanted.addresses, wanted.witness)


def _refuse_addresses(wanted: ServerRecord, known: Servers, settings: Settings, in_use: Collection[str]) -> None:
    """One for each network, of its family, and nobody else's."""
    name, own = wanted.server, known.get(ServerName(settings.server))
    if len(set(wanted.addresses)) != len(wanted.addresses):
        raise Declined(20305, name, "an address is named twice")
    if own is not None:
        families = [ipaddress.ip_address(address).version for address in own.addresses]
        if [ipaddress.ip_address(address).version for address in wanted.addresses] != families:
            named = ", ".join(own.addresses)
            raise Declined(20305, name, f"name one address for each network, in the order of the others: {own.server} has {named}")
    owners = settings.named()
    for record in known.values():
        owners |= {str(ipaddress.ip_address(address)): f"of server {record.server}" for address in record.addresses}
    for address in wanted.addresses:
        if address in owners or address in in_use:
            raise Declined(20305, name, f"address {address} is {owners.get(address, 'a virtual address of the cluster')}")


def _all_know(view: View) -> None:
    """An older daemon would end on a record that it does not know."""
    if view.servers:
        return
    old = sorted({record.server for record in view.incarnations.values() if record.life not in PROVEN and not record.knows_servers})
    if old:
        raise Declined(20308, ", ".join(old))


def _may_run_something(view: View, record: IncarnationRecord) -> str:
    """Why, with what to do; empty: it runs nothing."""
    name = record.server
    if record.life is Life.LOST:
        return "it was lost a moment ago, and is not fenced yet: try again in some seconds"
    if record.life not in PROVEN:
        return (
            f"it is {record.life.value}. On {name} itself: understudy cluster leave. If it is gone for good and not yet proved lost, wait "
            "until 'understudy server list' calls it FENCED"
        )
    if any(unended_of(view, record)) and CONFIRMED_OFF not in record.proof:
        return f"something there could not be ended before it fell silent. When it is off for certain: understudy server confirm-off {name}"
    held = (each for each in view.assignments.values() if any(h.incarnation == record.incarnation for h in each.holders))
    holds = sorted(registered_name(each.resource) for each in held)
    return f"it is still a holder of {', '.join(holds[:5])}: the leader takes that back in a moment, try again" if holds else ""
