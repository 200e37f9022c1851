"""What is wanted of a server as a place: in which top-level pool it is (`crsctl relocate server`), and whether it is used at all. Pure."""

from dataclasses import replace

from understudy.intent.change import Draft
from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import servers
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.model.events import CHANGED
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import FREE, GENERIC
from understudy.model.servers import ServerRecord, known_servers
from understudy.model.view import View
from understudy.policy.pooled import members_now


def relocate(view: View, names: tuple[ServerName, ...], pool: PoolName, operator: Operator) -> Draft:
    """These servers are to be in this pool. Declined: it is no top-level pool, may not have them, or another would go short."""
    records = _records(view, operator)
    for name in names:
        if name not in servers(view, operator.settings):
            raise Declined(20024, name)
        _check_pool(view, name, pool)
        records[name] = replace(records[name], pool=pool)
    after = replace(view, servers=records)
    now, then = members_now(view), members_now(after)
    for name in names:
        if name not in then[pool]:
            raise Declined(20613, name, pool, _why_not(view, name, pool))
    for giver, left in then.items():
        if giver in view.pools and len(left) < min(view.pools[giver].min_size, len(now[giver])):
            raise Declined(
                20613, names[0], pool, f"'{giver}' would be left with {len(left)} servers, and its MIN_SIZE is {view.pools[giver].min_size}"
            )
    return _draft(view, records, after, f"{', '.join(names)} to server pool '{pool}'")


def use(view: View, name: ServerName, operator: Operator, *, used: bool) -> Draft:
    """Whether resources may be started on this server."""
    records = _records(view, operator)
    records[name] = replace(records[name], used=used)
    return _draft(view, records, replace(view, servers=records), f"{name}: resource use {int(used)}")


def _records(view: View, operator: Operator) -> dict[ServerName, ServerRecord]:
    return dict(known_servers(view.servers, operator.settings))


def _draft(view: View, records: dict[ServerName, ServerRecord], after: View, text: str) -> Draft:
    changed = {name: record for name, record in records.items() if view.servers.get(name) != record}
    if not changed:
        return Draft(edit=Edit(), after=view)
    return Draft(edit=Edit(servers=dict(changed), history=(HistoryEntry(kind=CHANGED, text=f"server {text}"),)), after=after)


def _check_pool(view: View, name: ServerName, pool: PoolName) -> None:
    if pool == GENERIC or (pool in view.pools and view.pools[pool].parent_pools):
        raise Declined(2603, name, pool)
    if pool != FREE and pool not in view.pools:
        raise Declined(20021, pool)
    if name in members_now(view)[GENERIC]:
        raise Declined(20613, name, pool, "it is named by a server pool below Generic; take it out of its SERVER_NAMES first")


def _why_not(view: View, name: ServerName, pool: PoolName) -> str:
    record = view.pools.get(pool)
    if name not in {server for members in members_now(view).values() for server in members}:
        return "it is not ONLINE, or is a witness"
    if record is not None and record.server_names and name not in record.server_names:
        return f"its SERVER_NAMES does not name it: {' '.join(record.server_names)}"
    if record is not None and 0 <= record.max_size <= len(members_now(view)[pool]):
        return f"its MAX_SIZE is {record.max_size}"
    return "the MIN_SIZE of another pool needs it, or its resource use is 0"
