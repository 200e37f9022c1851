"""Who is in which server pool now, of a View; kept, as from one View to the next it seldom changes. Pure.

Called by policy, by the lanes and by what is shown: all go by the same answer.
"""

from collections.abc import Mapping

from understudy.model.maps import KEPT
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import membership
from understudy.model.resource import Resource
from understudy.model.state import Life
from understudy.model.view import View

PoolMembers = Mapping[PoolName, tuple[ServerName, ...]]
_known: list[tuple[View, PoolMembers]] = []


def pools_now(view: View) -> PoolMembers:
    """Active servers of every pool, Free and Generic included."""
    for other, members in _known:
        if other.pools is view.pools and other.incarnations is view.incarnations and other.servers is view.servers:
            return members
    online = [server for server, record in view.workers().items() if record.life is Life.ONLINE]
    found = membership(view.pools, online, view.servers)
    _known[:] = [(view, found), *_known[: KEPT - 1]]
    return found


def has_instance(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether a local resource has an instance on a server: on every one, or on those that are in its SERVER_POOLS now."""
    if not resource.server_pools or "*" in resource.server_pools:
        return True
    pools = pools_now(view)
    return any(server in pools.get(pool, ()) for pool in resource.server_pools)
