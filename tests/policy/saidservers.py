"""What stories say of servers: their hardware, what operators say of them, and categories."""

from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.model.categories import build
from understudy.model.names import CategoryName, ServerName
from understudy.model.servers import ServerHardware, ServerRecord

if TYPE_CHECKING:
    from policy.language import SpokenCluster


def category(cluster: "SpokenCluster", name: str, expression: str) -> None:
    """Registered, or changed."""
    made = build(CategoryName(name), {"EXPRESSION": expression})
    cluster.change(categories={**cluster.view.categories, made.name: made})


def processors(cluster: "SpokenCluster", server: str, cpus: str) -> None:
    """The server's own daemon says so."""
    cluster.hardware[ServerName(server)] = ServerHardware(memory_mb=1024, cpus=int(cpus))
    cluster.look_again()


def say_of_server(cluster: "SpokenCluster", server: str, key: str, value: str) -> None:
    """crsctl modify server."""
    name = ServerName(server)
    before = cluster.view.servers.get(name) or ServerRecord(server=name, addresses=("10.0.0.1",))
    record = replace(before, attributes={**before.attributes, key: value})
    cluster.change(servers={**cluster.view.servers, name: record})
