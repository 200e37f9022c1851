"""The table at the end of `understudy demo openstack`. Pure."""

from collections.abc import Sequence

from understudy.demo.openstack.acts import ServiceRow

_HEAD = ("act", "service", "outage (s)", "floor (s)", "acknowledged", "lost", "active at once")
_WORK = {
    "mysql": "mysql: rows",
    "rabbitmq": "rabbitmq: messages",
    "keystone": "keystone: tokens",
    "glance": "glance: images",
    "cinder": "cinder: volumes",
    "swift": "swift: objects",
    "placement": "placement: providers",
    "nova": "nova: flavors",
    "neutron": "neutron: ports",
    "network": "agents: router and DHCP",
}
FOOT = (
    "outage: the longest time between two pieces of work that were acknowledged; it includes the work itself",
    "floor: the longest of the starts that the service had to wait for, each as fast as it was seen in this run; no clusterware avoids it",
    "lost: of what was acknowledged, tokens included, what was not there any more, or not valid, at the end",
    "active at once: servers that answered for the address or ran one of its resources, seen from outside every 10 ms",
)


def table(rows: Sequence[ServiceRow]) -> str:
    """A line for each service in each act; the act is named once."""
    body = []
    for before, row in zip([None, *rows], rows, strict=False):
        act = row.act if before is None or before.act != row.act else ""
        counts = (str(row.acknowledged), str(row.lost), str(row.active))
        body.append((act, _WORK[row.service], f"{row.outage_s:.1f}", f"{row.floor_s:.1f}", *counts))
    widths = [max(len(line[column]) for line in (_HEAD, *body)) for column in range(len(_HEAD))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([_line(_HEAD, widths), rule, *(_line(cells, widths) for cells in body)])


def verdict(rows: Sequence[ServiceRow]) -> str:
    """In one line, whether everything held."""
    if all(row.good for row in rows):
        return "nothing that was acknowledged is lost, all tokens are valid, never two servers active at once"
    return "something did not hold: see the table"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(texts).rstrip()
