"""What stories say of servers (their hardware, what operators say of them, categories) and of one of several instances."""

from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.model.categories import build
from understudy.model.names import CategoryName, ResourceName, ServerName
from understudy.model.servers import ServerHardware, ServerRecord
from understudy.model.state import Target
from understudy.model.view import TargetRecord

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


def use(cluster: "SpokenCluster", server: str, how: str) -> None:
    """crsctl set resource use."""
    name = ServerName(server)
    record = ServerRecord(server=name, addresses=("10.0.0.1",), used=how == "is used")
    cluster.change(servers={**cluster.view.servers, name: record})


def want_number(cluster: "SpokenCluster", how: str, number: str, name: str) -> None:
    """Of several instances one is wanted otherwise than the others."""
    record = cluster.view.targets.get(resource := ResourceName(name), TargetRecord(target=Target.OFFLINE))
    differs = record.target is (Target.OFFLINE if how == "want" else Target.ONLINE)
    numbers = tuple(sorted({*record.numbers, int(number)} if differs else {*record.numbers} - {int(number)}))
    cluster.change(targets={**cluster.view.targets, resource: replace(record, numbers=numbers)})
