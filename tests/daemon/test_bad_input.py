"""Bad input: the message and exit status 1, and nothing is changed."""

import asyncio

import pytest

from daemon.cluster import Cluster, running

READY = (
    'crsctl add serverpool controller_sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"',
    "appvipcfg create -network=1 -ip=10.10.10.11 -vipname=vip -user=root",
    'crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/db,START_DEPENDENCIES=hard(vip),STOP_DEPENDENCIES=hard(vip)"',
)
ADD = "crsctl add resource x -type cluster_resource -attr"

BAD = [
    # attributes
    (f'{ADD} "COLOUR=red"', "CRS-2922: The attribute 'COLOUR' is not supported for resource type 'cluster_resource'."),
    (f'{ADD} "CHECK_INTERVAL=0"', "UND-0002: The value '0' of attribute 'CHECK_INTERVAL' is not valid: it must be between 1 and 604800"),
    (f'{ADD} "FAILURE_THRESHOLD=21"', "UND-0002: "),
    (f'{ADD} "PLACEMENT=avored"', "CRS-5129: An invalid placement policy was specified for the entity."),
    (f'{ADD} "HOSTING_MEMBERS=ctr1"', "CRS-5127: "),
    (f'{ADD} "CHECK_INTERVAL=30 LOAD=2"', "UND-0001: The attribute text cannot be read: a comma is missing before LOAD"),
    (f'{ADD} "ACL=owner:root:rwx,pgrp:root:r-x"', "UND-0001: "),
    (f"{ADD} \"ACL='owner:nobody-here:rwx'\"", "UND-0049: User 'nobody-here' does not exist on server 'ctr1'."),
    # dependencies
    (f'{ADD} "START_DEPENDENCIES=hard(db"', "UND-0001: "),
    (f'{ADD} "START_DEPENDENCIES=firm(db)"', "UND-0005: "),
    (f'{ADD} "START_DEPENDENCIES=hard(db) hard(vip)"', "CRS-2571: Dependency kind 'hard' is specified more than once for resource 'x'"),
    (f'{ADD} "START_DEPENDENCIES=hard(db,db)"', "CRS-2929: "),
    (
        f'{ADD} "START_DEPENDENCIES=hard(nothing)"',
        "CRS-2510: Resource 'nothing' used in dependency 'hard(nothing)' does not exist or is not registered.",
    ),
    (f'{ADD} "START_DEPENDENCIES=hard(type:nothing)"', "CRS-2509: "),
    ('crsctl modify resource vip -attr "START_DEPENDENCIES=hard(db)"', "CRS-2515: Circular dependency found for resource 'vip'"),
    # pools, scripts, names
    (f'{ADD} "PLACEMENT=restricted,SERVER_POOLS=nowhere"', "UND-0021: Could not find server pool 'nowhere'."),
    (f'{ADD} "ACTION_SCRIPT=/gone"', "UND-0041: ACTION_SCRIPT '/gone' of resource 'x' does not exist on server 'ctr1'."),
    (f'{ADD} "ACTION_SCRIPT=/plain"', "UND-0042: ACTION_SCRIPT '/plain' of resource 'x' is not executable on server 'ctr1'."),
    (f'{ADD} "ACTION_SCRIPT=/loose"', "UND-0190: ACTION_SCRIPT '/loose' of resource 'x' cannot be used on server 'ctr1': others than root"),
    ("crsctl modify resource db -attr ACTION_SCRIPT=/loose", "UND-0190: "),
    (f'{ADD} "ACTION_SCRIPT=gone.scr"', "UND-0002: "),
    ("crsctl add resource db -type cluster_resource", "CRS-2539: A resource with the name 'db' is already registered"),
    ("crsctl add resource ora.x -type cluster_resource", "UND-0007: "),
    ("crsctl add resource .x -type cluster_resource", "UND-0007: "),
    ("crsctl add resource x -type no.such.type", "UND-0023: Could not find resource type 'no.such.type'."),
    ("crsctl add resource x", "UND-0010: "),
    # addresses
    (
        "appvipcfg create -network=1 -ip=10.10.10.99 -vipname=x -user=root",
        "UND-0043: Address '10.10.10.99' is already in use on the network by MAC 02:00:00:00:00:99.",
    ),
    (
        "appvipcfg create -network=1 -ip=10.10.10.11 -vipname=x -user=root",
        "UND-0045: Address '10.10.10.11' already belongs to resource 'vip'.",
    ),
    ("appvipcfg create -network=1 -ip=10.9.9.9 -vipname=x -user=root", "UND-0044: "),
    ("appvipcfg create -network=1 -ip=10.10.10.255 -vipname=x -user=root", "UND-0048: "),
    ("appvipcfg create -network=1 -ip=ten -vipname=x -user=root", "UND-0047: 'ten' is no IP address."),
    ("appvipcfg create -network=2 -ip=10.10.10.12 -vipname=x -user=root", "UND-0046: "),
    ("appvipcfg create -network=1 -ip=10.10.10.12 -vipname=db -user=root", "CRS-2539: "),
    ("appvipcfg create -network=1 -ip=10.10.10.12 -vipname=x -user=nobody-here", "UND-0049: "),
    ("appvipcfg create -network=1 -vipname=x -user=root", "UND-0010: "),
    ("crsctl add resource x -type app.appvip_net1.type -attr USR_ORA_VIP=10.10.10.99,HOSTING_MEMBERS=ctr1", "UND-0043: "),
    ("crsctl add resource x -type app.appvip_net1.type -attr HOSTING_MEMBERS=ctr1", "UND-0008: "),
    # pools
    ("crsctl add serverpool controller_sp", "UND-0022: "),
    ('crsctl add serverpool p -attr "PARENT_POOLS=nowhere"', "UND-0021: "),
    ('crsctl add serverpool p -attr "IMPORTANCE=1001"', "UND-0002: "),
    ('crsctl add serverpool p -attr "COLOUR=red"', "UND-0011: "),
    # in the way
    ("crsctl delete resource vip", "CRS-2730: Resource 'db' depends on resource 'vip'"),
    ("crsctl delete resource nothing", "CRS-2613: Could not find resource 'nothing'."),
    ("crsctl start resource nothing", "CRS-2613: "),
    ("crsctl start resource db -n ctr9", "UND-0024: "),
    ("crsctl relocate resource db", "CRS-2562: Resource 'db' cannot be relocated as it is not running"),
    ("crsctl relocate resource ora.net1.network", "CRS-2904: "),
    ("crsctl modify resource ora.net1.network -attr USR_ORA_SUBNET=10.1.1.0", "UND-0030: "),
    ("crsctl modify resource nothing -attr LOAD=2", "CRS-2613: "),
    ("crsctl modify resource db", "UND-0010: "),
    ('crsctl stop resource -w "type = x"', "UND-0006: "),
    ("crsctl stop resource", "UND-0010: "),
]


def intent(cluster: Cluster) -> list[object]:
    """Everything operators have asked for, with its revisions."""
    kinds = ("server/", "pool/", "category/", "type/", "resource/", "target/", "request/")
    return [entry for kind in kinds for entry in cluster.store.read(kind)[1]]


@pytest.mark.parametrize(("command", "message"), BAD, ids=[command for command, _ in BAD])
async def test_bad_input_is_refused_and_changes_nothing(command: str, message: str) -> None:
    """The message says what is wrong; the registry's records of intent are those of before, revisions included."""
    async with running("ctr1", "ctr2") as cluster:
        cluster.scripts |= {"/gone": "missing", "/plain": "not executable", "/loose": "others than root may change it: chmod o-w /loose"}
        cluster.answering["10.10.10.99"] = "MAC 02:00:00:00:00:99"
        for line in READY:
            assert (await cluster.run(line)).status == 0
        before = intent(cluster)

        done = await cluster.run(command)

        assert message in done.text
        assert done.status == 1
        assert intent(cluster) == before


async def test_a_script_need_not_be_where_the_resource_never_runs() -> None:
    """An operator on ctr1 may register what runs on ctr2 only."""
    async with running("ctr1", "ctr2") as cluster:
        cluster.scripts["/gone"] = "missing"

        done = await cluster.run(f'{ADD} "ACTION_SCRIPT=/gone,PLACEMENT=restricted,HOSTING_MEMBERS=ctr2"')

        assert (done.text, done.status) == ("", 0)


async def test_two_operators_cannot_close_a_cycle_together() -> None:
    """Each change is conditional on everything its check walked over: the second is decided anew, and refused."""
    async with running("ctr1", "ctr2") as cluster:
        for name in ("a", "b"):
            await cluster.run(f'crsctl add resource {name} -type cluster_resource -attr "ACTION_SCRIPT=/x"')
        node = cluster.nodes["ctr2"]
        while "b" not in node.mirror.view.resources:
            await node.mirror.wait(node.mirror.view.revision, 1)

        both = await asyncio.gather(
            cluster.run('crsctl modify resource a -attr "START_DEPENDENCIES=hard(b)"', on="ctr1"),
            cluster.run('crsctl modify resource b -attr "START_DEPENDENCIES=hard(a)"', on="ctr2"),
        )

        assert sorted(lines.status for lines in both) == [0, 1]
        assert any("CRS-2515" in lines.text for lines in both)
