"""Pools and types have their lines in the history, as resources have: who registered, changed and deleted them."""

from daemon.cluster import running
from understudy.model import events

KINDS = (events.DEFINED, events.CHANGED, events.DELETED)


async def test_pools_and_types_leave_their_lines() -> None:
    """A change that changes nothing leaves none."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        for command in (
            "add serverpool p -attr 'PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2'",
            "modify serverpool p -attr 'SERVER_NAMES=ctr1, IMPORTANCE=5'",
            "modify serverpool p -attr IMPORTANCE=5",
            "delete serverpool p",
            "add type app.type -basetype cluster_resource -attr ATTRIBUTE=USR_PORT,TYPE=int,DEFAULT_VALUE=80",
            "modify type app.type -attr ATTRIBUTE=USR_PORT,DEFAULT_VALUE=8080",
            "delete type app.type",
        ):
            done = await cluster.run(f"crsctl {command}")
            assert done.status == 0, done.text
        await cluster.run("appvipcfg create -network=1 -ip=10.10.10.11 -vipname=vip -user=root")

        ours = [event for event in cluster.nodes["ctr1"].mirror.history() if event.kind in KINDS and event.cause.startswith("by root")]
        told = [(event.kind, event.resource, event.cause, event.text) for event in ours]

    assert told == [
        ("defined", None, "by root@ctr1", "server pool 'p'"),
        ("changed", None, "by root@ctr1", "server pool 'p': IMPORTANCE, SERVER_NAMES"),
        ("deleted", None, "by root@ctr1", "server pool 'p'"),
        ("defined", None, "by root@ctr1", "resource type 'app.type'"),
        ("changed", None, "by root@ctr1", "resource type 'app.type': USR_PORT"),
        ("deleted", None, "by root@ctr1", "resource type 'app.type'"),
        ("defined", None, "by root@ctr1", "resource type 'app.appvip_net1.type'"),
        ("defined", "vip", "by root@ctr1", ""),
    ]
