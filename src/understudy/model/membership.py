"""Who is in which server pool now, of a View; kept, as from one View to the next it seldom changes. Pure.

Called by policy, by the lanes and by what is shown: all go by the same answer.
"""

from collections.abc import Mapping

from understudy.model.categories import CategoryMembers, category_members
from understudy.model.maps import KEPT
from understudy.model.names import PoolName, ServerName
from understudy.model.pools import membership
from understudy.model.resource import Resource
from understudy.model.state import Life
from understudy.model.view import View

PoolMembers = Mapping[PoolName, tuple[ServerName, ...]]
_known: list[tuple[View, CategoryMembers, PoolMembers]] = []


def pools_now(view: View) -> PoolMembers:
    """Active servers of every pool, Free and Generic included."""
    categories = category_members(view)
    for other, known, members in _known:
        same = other.pools is view.pools and other.incarnations is view.incarnations and other.servers is view.servers
        if same and known is categories:
            return members
    online = [server for server, record in view.workers().items() if record.life is Life.ONLINE]
    found = membership(view.pools, online, view.servers, categories)
    _known[:] = [(view, categories, found), *_known[: KEPT - 1]]
    return found


def has_instance(view: View, resource: Resource, server: ServerName) -> bool:
    """Whether a local resource has an instance on a server: on every one, or on those that are in its SERVER_POOLS and of its
    SERVER_CATEGORY now."""
    if resource.server_category is not None and not category_members(view).holds(resource.server_category, server):
        return False
    if not resource.server_pools or "*" in resource.server_pools:
        return True
    pools = pools_now(view)
    return any(server in pools.get(pool, ()) for pool in resource.server_pools)
