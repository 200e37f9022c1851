"""A dry run changes nothing, ends as the command does, and says what then happens: each command is rehearsed, and then typed.

The daemons are real, in this process and in virtual time. What is compared is what servers report in the end.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from daemon.cluster import ROOT, Cluster, PrintedLines, running
from understudy.cli.options import CHANGING
from understudy.daemon.api import application
from understudy.daemon.callers import Callers
from understudy.daemon.http import HttpRequest, Peer
from understudy.daemon.verbs import REHEARSALS, VERBS
from understudy.daemon.verbs.arguments import Arguments
from understudy.model.state import State
from understudy.model.view import View
from understudy.registry import keys
from understudy.sim.loop import VirtualLoop

SETUP = (
    'crsctl add serverpool controllers -attr "SERVER_NAMES=ctr1 ctr2, PARENT_POOLS=Generic"',
    'crsctl add resource vip -type cluster_resource -attr "ACTION_SCRIPT=/a,PLACEMENT=restricted,SERVER_POOLS=controllers"',
    'crsctl add resource data -type cluster_resource -attr "ACTION_SCRIPT=/a,PLACEMENT=restricted,SERVER_POOLS=controllers,'
    'START_DEPENDENCIES=hard(vip),STOP_DEPENDENCIES=hard(vip)"',
    'crsctl add resource db -type cluster_resource -attr "ACTION_SCRIPT=/a,PLACEMENT=restricted,SERVER_POOLS=controllers,'
    'START_DEPENDENCIES=hard(vip,data),STOP_DEPENDENCIES=hard(vip,data)"',
    'crsctl add resource log -type cluster_resource -attr "ACTION_SCRIPT=/a,PLACEMENT=favored,HOSTING_MEMBERS=ctr3"',
    'crsctl add resource web -type cluster_resource -attr "ACTION_SCRIPT=/a,PLACEMENT=favored,HOSTING_MEMBERS=ctr3,'
    'START_DEPENDENCIES=hard(global:db) weak(log)"',
    'crsctl add resource agent -type local_resource -attr "ACTION_SCRIPT=/a"',
)
COMMANDS = (
    "crsctl start resource web -n ctr3",
    "crsctl start resource web -n ctr3",
    "crsctl start resource agent",
    "crsctl stop resource vip",
    "crsctl relocate resource db -n ctr2",
    "crsctl relocate resource db -n ctr2 -f",
    "crsctl relocate resource db -n ctr3 -f",
    "crsctl restart resource data -f",
    'crsctl modify resource db -attr "ACTION_SCRIPT=/b"',
    'crsctl modify resource db -attr "ACTION_SCRIPT=/b" -f',
    'crsctl modify resource db -attr "CHECK_INTERVAL=7"',
    'crsctl modify serverpool controllers -attr "SERVER_NAMES=ctr1 ctr3"',
    'crsctl modify serverpool controllers -attr "SERVER_NAMES=ctr1 ctr3" -f',
    "crsctl delete resource db",
    "crsctl stop resource vip -f",
    "crsctl start resource web",
    "crsctl stop resource nothing",
    "crsctl delete resource log",
    "crsctl delete resource agent -f",
    'crsctl add resource more -type cluster_resource -attr "ACTION_SCRIPT=/a"',
    'crsctl add resource more -type cluster_resource -attr "ACTION_SCRIPT=/a"',
    "crsctl setperm resource more -u other::r-x",
    'crsctl add type app.type -basetype cluster_resource -attr "ATTRIBUTE=USR_X,TYPE=int"',
    "crsctl start resource more",
    "understudy server leave ctr3",
)
PROGRESS = ("CRS-2672", "CRS-2673", "CRS-2676", "CRS-2677", "CRS-2679", "CRS-2681")


def run(work: Any) -> Any:
    """In virtual time."""
    return VirtualLoop().run_until_complete(work)  # type: ignore[abstract]


def up(view: View) -> set[tuple[str, str]]:
    """What runs where, by the reports."""
    return {
        (name, server)
        for name in view.resources
        for server in view.reports.get(name, {})
        if (report := view.report(name, server)) is not None and report.state is State.ONLINE
    }


def stored(cluster: Cluster) -> Mapping[str, bytes]:
    """All that the registry holds, but for the leader's sign of progress."""
    return {entry.key: entry.value for entry in cluster.store.read("")[1] if entry.key != keys.BEAT}


def predicted(before: set[tuple[str, str]], answer: Mapping[str, Any]) -> set[tuple[str, str]]:
    """What would run where, by the acts alone."""
    running_there = set(before)
    for act in sorted(answer["acts"], key=lambda act: act["ends_s"]):
        place = (act["resource"], act["server"])
        if act["action"] == "start":
            running_there.add(place)
        elif act["action"] in ("stop", "ends"):
            running_there.discard(place)
    return running_there


def said(lines: PrintedLines) -> list[str]:
    """Without what only says that something has been done."""
    return [line for text in lines.printed for line in text.split("\n") if not line.startswith(PROGRESS)]


def test_what_is_rehearsed_happens_and_nothing_before() -> None:
    """Exit status, messages, and what runs where in the end; the registry holds what it held."""

    async def played() -> None:
        async with running("ctr1", "ctr2", "ctr3") as cluster:
            for line in SETUP:
                assert not (await cluster.run(line)).status, line
            for line in COMMANDS:
                await rehearsed_and_done(cluster, line)

    run(played())


async def rehearsed_and_done(cluster: Cluster, line: str) -> None:
    node = cluster.nodes["ctr1"]
    held, before = stored(cluster), up(node.mirror.view)
    rehearsed = await cluster.run(f"{line} --dry-run --json")
    assert stored(cluster) == held, line
    answer = json.loads(rehearsed.printed[-1])

    done = await cluster.run(line)
    await node.mirror.wait(node.mirror.view.revision, 2.0)

    assert rehearsed.status == answer["exit"] == done.status, (line, rehearsed.text, done.text)
    assert [part for text in answer["messages"] for part in text.split("\n")] == said(done), line
    names = set(node.mirror.view.resources) - {"ora.net1.network"}
    expected = {place for place in predicted(before, answer) if place[0] in names}
    assert expected == {place for place in up(node.mirror.view) if place[0] in names}, (line, answer)


def test_every_verb_can_be_asked_about_or_says_why_not() -> None:
    """Whatever takes --dry-run changes something, and nothing is carried out under the path of rehearsals."""
    assert {name for name, verb in VERBS.items() if verb.changes} >= CHANGING
    assert REHEARSALS.keys() >= VERBS.keys()
    assert all(verb.rehearsal for verb in REHEARSALS.values())


@pytest.mark.parametrize("name", sorted(VERBS))
def test_who_may_not_do_it_may_not_rehearse_it(name: str) -> None:
    """Rights are those of the verb."""
    verb, rehearsal = VERBS[name], REHEARSALS[name]
    if rehearsal.changes:
        assert (rehearsal.by_rights, rehearsal.knows) == (verb.by_rights, verb.knows)


def test_a_verb_that_does_not_know_it_refuses() -> None:
    """Whatever is not named as fit to be rehearsed."""

    async def played() -> list[tuple[int, str]]:
        async with running("ctr1") as cluster:
            found = []
            for name in ("rotate-keys", "add-voter", "join-server", "stat-resource"):
                lines = PrintedLines()
                lines.status = await REHEARSALS[name].run(cluster.world(lines, "ctr1"), Arguments({"names": ["ctr1"]}))
                found.append((lines.status, lines.text))
            return found

    for status, text in run(played()):
        assert status == 1
        assert text.startswith("UND-0621: There is no dry run of")


def test_a_user_sees_only_what_is_his_to_see() -> None:
    """And is refused what he may not do, in the verb's words."""

    async def played() -> tuple[PrintedLines, PrintedLines, PrintedLines]:
        async with running("ctr1", "ctr2") as cluster:
            hidden = "ACL='owner:root:rwx,pgrp:root:---,other::---'"
            his = "ACL='owner:oracle:rwx,pgrp:root:---,other::---'"
            for line in (
                f'crsctl add resource base -type cluster_resource -attr "ACTION_SCRIPT=/a,{his}"',
                f'crsctl add resource secret -type cluster_resource -attr "ACTION_SCRIPT=/a,{hidden},STOP_DEPENDENCIES=hard(global:base)"',
                "crsctl start resource base secret",
            ):
                assert not (await cluster.run(line)).status, line
            oracle = cluster.user("oracle")
            return (
                await cluster.run("crsctl stop resource base -f --dry-run", caller=oracle),
                await cluster.run("crsctl stop resource base -f", caller=oracle),
                await cluster.run("crsctl eval fail resource base", caller=oracle),
            )

    rehearsed, refused, failing = run(played())
    assert (rehearsed.status, refused.status) == (1, 1)
    assert rehearsed.printed[: len(refused.printed)] == refused.printed
    assert failing.status == 0
    assert "secret" not in failing.text


async def test_a_dry_run_has_a_path_of_its_own() -> None:
    """A daemon that does not know it refuses the path; one that does refuses a dry run that comes by the other."""
    async with running("ctr1") as cluster:
        app = application(cluster.services("ctr1"))
        peer = Peer(uid=0, gid=0, pid=0, callers=Callers())
        body = json.dumps({"names": ["x"], "dry_run": True}).encode()
        wrong = await app(HttpRequest(method="POST", path="/v1/verb/stop-resource", query={}, body=body, peer=peer))
        right = await app(HttpRequest(method="POST", path="/v1/whatif/stop-resource", query={}, body=body, peer=peer))

        assert (wrong.status, right.status) == (400, 200)
        assert ROOT.uid == 0
