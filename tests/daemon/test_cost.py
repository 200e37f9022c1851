"""What one change costs does not grow with the number of resources: lines of the product that are run are counted, and no time is taken."""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest

import understudy
from cutting import exchange_value
from daemon.cluster import Cluster, running
from support import wait_until
from understudy.model import maps
from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Definition
from understudy.policy import ground
from understudy.ports import CommitCondition, Write
from understudy.registry import keys, wire

SERVERS = ("ctr1", "ctr2", "ctr3")
FEW, MANY = 100, 1_000
ATTRIBUTES = {"ACTION_SCRIPT": "/x", "CHECK_INTERVAL": "3600", "OFFLINE_CHECK_INTERVAL": "86400"}
COMMANDS = (
    """crsctl add resource new{} -type cluster_resource -attr 'ACTION_SCRIPT="/x"'""",
    "crsctl modify resource new{} -attr CHECK_INTERVAL=3700",
    "crsctl start resource new{}",
    "crsctl relocate resource new{} -f",
    "crsctl stat resource new{}",
    "crsctl stop resource new{}",
)
AT_MOST = 1.3
"""Times as many lines with ten times as many resources: of each page of a look it is asked whether it belongs to it, two become sixteen."""
ROUNDS = 6
"""Each command so often: what else there may be to do meanwhile (another leader, on a busy machine) is not in the least of them."""

_OURS = understudy.__path__[0]


async def counted(work: Callable[[], Awaitable[Any]]) -> tuple[int, Counter[str]]:
    """How many lines of the product are run until this is done, and where. A loop over everything is as many lines as it has rounds."""
    lines: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        where = f"{frame.f_code.co_filename[len(_OURS) :]}:{frame.f_code.co_qualname}"

        def line(_: FrameType, event: str, __: Any) -> Any:
            lines[where] += event == "line"
            return line

        return line

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await work()
    finally:
        sys.settrace(before)
    return sum(lines.values()), lines


async def registered(cluster: Cluster, count: int) -> None:
    """So many, as they come from a backup; every server has looked at all of them."""
    made = [Definition(name=ResourceName(f"r{n}"), type="cluster_resource", uid=f"{n:032x}", attributes=ATTRIBUTES) for n in range(count)]  # type: ignore[arg-type]
    for first in range(0, count, 100):
        page = made[first : first + 100]
        conditions = [CommitCondition(keys.resource(definition.name), 0) for definition in page]
        cluster.store.commit(conditions, [Write(keys.resource(definition.name), wire.encode(definition)) for definition in page])
    await looked(cluster, f"r{count - 1}")


async def looked(cluster: Cluster, name: str) -> None:
    """Every daemon knows that every server has looked at it, and at all that came before."""

    def known() -> bool:
        views = [node.mirror.view for node in cluster.nodes.values()]
        return all(name in view.looks[ServerName(server)].looked for view in views for server in SERVERS)

    await wait_until(known, 60, f"every server has looked at {name}")


async def lines_of_each_command(count: int) -> dict[str, tuple[int, Counter[str]]]:
    """With so many resources beside the one that is registered, changed, started, moved and stopped."""
    found: dict[str, tuple[int, Counter[str]]] = {}
    async with running(*SERVERS) as cluster:
        await registered(cluster, count)
        for number in range(ROUNDS):
            for command in COMMANDS:

                async def carried_out(command: str = command.format(number), name: str = f"new{number}") -> None:
                    assert (done := await cluster.run(command)).status == 0, done.text
                    if " add " in command:
                        await looked(cluster, name)

                lines = await counted(carried_out)
                found[command] = min(lines, found.get(command, lines), key=lambda counts: counts[0])
    return found


async def test_one_change_is_as_many_lines_with_ten_times_as_many_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered, changed, started, moved, shown, stopped; by all servers together."""
    for module in (maps, ground):  # three daemons in one process share what is remembered
        exchange_value(monkeypatch, module, "KEPT", 64)
    few, many = await lines_of_each_command(FEW), await lines_of_each_command(MANY)
    for command, (lines, where) in many.items():
        before, known = few[command]
        grown = (where - known).most_common(5)
        assert lines <= before * AT_MOST, f"{command}: {before} lines with {FEW} resources, {lines} with {MANY}; most of it in {grown}"
