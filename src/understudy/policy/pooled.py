"""Which servers are in which pool now, by a View. Pure."""

from understudy.model.names import PoolName, ServerName
from understudy.model.pools import membership
from understudy.model.state import Life
from understudy.model.view import View


def members_now(view: View) -> dict[PoolName, tuple[ServerName, ...]]:
    """ACTIVE_SERVERS of every pool, Generic and Free included."""
    online = [server for server, record in view.workers().items() if record.life is Life.ONLINE]
    return membership(view.pools, online, view.servers)


def is_used(view: View, server: ServerName) -> bool:
    """Whether resources may be started on the server (`crsctl set resource use`)."""
    record = view.servers.get(server)
    return record is None or record.used
