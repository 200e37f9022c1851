"""Which servers are in which pool now, by a View. Pure."""

from understudy.model.names import ServerName
from understudy.model.view import View


def is_used(view: View, server: ServerName) -> bool:
    """Whether resources may be started on the server (`crsctl set resource use`)."""
    record = view.servers.get(server)
    return record is None or record.used
