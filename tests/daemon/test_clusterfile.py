"""`understudy export`, `plan` and `apply` against real daemons, in virtual time: the cluster becomes what a file says, and nothing else."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples

from daemon.cluster import PrintedLines, running
from daemon.hand import DB, Hand
from daemon.test_rehearse import run, up
from intent.files import files
from understudy.daemon.verbs import clusterfile
from understudy.intent.clusterfile.pieces import CommitRoom
from understudy.intent.clusterfile.toml import toml
from understudy.intent.refusal import Declined
from understudy.model import events
from understudy.model.names import ResourceName
from understudy.model.state import Target


def test_an_export_applied_elsewhere_gives_the_same_export(tmp_path: Path) -> None:
    """To the byte, with types, scopes, access lists and networks; and of its own cluster it has nothing to change."""
    commands = (
        'crsctl add serverpool sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1"',
        'crsctl add type own.type -basetype cluster_resource -attr "ATTRIBUTE=COLOUR,TYPE=string,DEFAULT_VALUE=red,'
        'ATTRIBUTE=SIZE,TYPE=int,DEFAULT_VALUE=5,FLAGS=CONFIG"',
        'crsctl add resource db -type own.type -attr "ACTION_SCRIPT=/a,PLACEMENT=restricted,SERVER_POOLS=sp,CHECK_INTERVAL=030,'
        "DESCRIPTION='a \\ b',LOAD=3,LOAD@SERVERNAME(ctr1)=4,SIZE=7\"",
        "crsctl setperm resource db -u user:oracle:r-x",
        "understudy network add 2=10.20.0.0/24,eth2",
        "appvipcfg create -network=1 -ip=10.10.10.11 -vipname=vip -user=root",
    )

    async def played() -> tuple[str, str, list[PrintedLines]]:
        async with running("ctr1") as cluster:
            for command in commands:
                lines = await cluster.run(command)
                assert lines.status == 0, lines.text
            text = await Hand(cluster, tmp_path).export()
            own = [await Hand(cluster, tmp_path).plan(text, "--prune"), await Hand(cluster, tmp_path).apply(text, "--prune")]
        async with running("ctr1") as other:
            hand = Hand(other, tmp_path)
            applied = await hand.apply(text)
            assert applied.status == 0, applied.text
            assert other.nodes["ctr1"].mirror.view.target(ResourceName("ora.net2.network")) is Target.ONLINE
            return text, await hand.export(), [*own, await hand.apply(text)]

    text, again, nothing = run(played())
    assert again == text
    assert [(lines.status, lines.text) for lines in nothing] == [(0, "UND-0701: Nothing to do: the cluster is as cluster.toml says.")] * 3
    assert 'CHECK_INTERVAL = "030"' in text
    assert 'LOAD = 3\n"LOAD@SERVERNAME(ctr1)" = 4' in text


@examples(max_examples=8)
@given(files(), files())
def test_any_cluster_becomes_any_other(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """A plan says whether there is something to change; an apply changes it; then there is nothing left."""

    async def played(folder: Path) -> None:
        async with running("ctr1") as cluster:
            hand = Hand(cluster, folder)
            for tables in (before, after):
                text = toml(tables)
                planned = await hand.plan(text, "--prune -f")
                applied = await hand.apply(text, "--prune -f")
                assert (planned.status, applied.status) in ((2, 0), (0, 0)), (planned.text, applied.text)
                assert ("Nothing to do" in applied.text) is (planned.status == 0)
                left = await hand.plan(text, "--prune -f")
                assert left.status == 0, left.text
                text = await hand.export()
            async with running("ctr1") as other:
                assert (await Hand(other, folder).apply(text, "--prune -f")).status == 0
                assert await Hand(other, folder).export() == text

    with tempfile.TemporaryDirectory() as folder:
        run(played(Path(folder)))


def test_a_plan_shows_what_differs_and_what_comes_of_it(tmp_path: Path) -> None:
    """Attribute by attribute; what stops, moves and is down; and with which command."""

    async def played() -> tuple[PrintedLines, PrintedLines, PrintedLines]:
        async with running("ctr1", "ctr2", "ctr3") as cluster:
            hand = Hand(cluster, tmp_path)
            assert (await hand.apply(DB)).status == 0
            assert (await cluster.run("crsctl start resource db -n ctr1")).status == 0
            changed = DB.replace("ctr1 ctr2", "ctr2 ctr3").replace("CHECK_INTERVAL = 30\n", "")
            changed += '[resource.web]\nTYPE="cluster_resource"\n'
            shown, as_json = await hand.plan(changed), await hand.plan(changed, "--json")
            return shown, as_json, await hand.apply(changed)

    shown, as_json, refused = run(played())
    assert shown.status == 2
    for text in (
        "~ serverpool sp\n    SERVER_NAMES: ctr1 ctr2 -> ctr2 ctr3",
        "~ resource db\n    CHECK_INTERVAL: 30 -> 60 (the default)",
        "+ resource web\n    TYPE: cluster_resource",
        "UND-0704: What runs is stopped, moved or restarted by it, so it needs -f:\n  UND-0151: ",
        "stop db 1.0 s*",
        "start db ",
        "UND-0711: 1 to add, 2 to change, 0 to remove. Nothing was changed: understudy apply cluster.toml -f does it.",
    ):
        assert text in shown.text
    whole = json.loads(as_json.text)
    assert (whole["exit"], whole["needs_force"], whole["down"][0]["resource"]) == (2, True, "db")
    assert whole["changes"][1] == {
        "change": "change", "kind": "resource", "name": "db",
        "attributes": [{"name": "CHECK_INTERVAL", "before": "30", "after": None}],
    }  # fmt: skip
    assert refused.status == 1
    assert refused.text.startswith("UND-0703: cluster.toml would stop, move or restart what runs")
    assert "UND-0151" in refused.text


def test_what_is_planned_happens(tmp_path: Path) -> None:
    """What runs where in the end is what the plan has said; a rehearsal of the apply says the same."""

    async def played() -> None:
        async with running("ctr1", "ctr2", "ctr3") as cluster:
            hand, view = Hand(cluster, tmp_path), cluster.nodes["ctr1"].mirror
            await hand.apply(DB)
            await cluster.run("crsctl start resource db -n ctr1")
            changed = DB.replace("ctr1 ctr2", "ctr2 ctr3").replace('"/db"', '"/other"')
            planned = json.loads((await hand.plan(changed, "--json")).text)
            rehearsed = await hand.apply(changed, "-f --dry-run --json")
            assert json.loads(rehearsed.text)["acts"] == planned["acts"]

            assert (await hand.apply(changed, "-f")).status == 0

            started = {(act["resource"], act["server"]) for act in planned["acts"] if act["action"] == "start"}
            assert started == {place for place in up(view.view) if place[0] in ("db", "vip")}

    run(played())


def test_what_is_removed_is_asked_for_twice(tmp_path: Path) -> None:
    """With --prune, and what runs with -f as well: it is stopped first."""
    less = DB[: DB.index("[resource.db]")]

    async def played() -> None:
        async with running("ctr1", "ctr2") as cluster:
            hand = Hand(cluster, tmp_path)
            await hand.apply(DB)
            await cluster.run("crsctl start resource db")
            kept, shown = await hand.apply(less), await hand.plan(less)
            assert (kept.status, "Nothing to do" in kept.text) == (0, True)
            assert "UND-0712: Not in cluster.toml, and left as it is (--prune removes it): resource.db" in shown.text

            refused = await hand.apply(less, "--prune")
            planned = await hand.plan(less, "--prune")
            assert refused.status == 1
            assert "UND-0714: 'db' is removed, and stopped before that where it may run: ctr" in refused.text
            assert "- resource db" in planned.text
            assert "stop db" in planned.text

            done = await hand.apply(less, "--prune -f")
            assert done.status == 0, done.text
            assert "CRS-2677: Stop of 'db'" in done.text
            assert "ora.net1.network" in (await cluster.run("crsctl stat res")).text
            assert ResourceName("db") not in cluster.nodes["ctr1"].mirror.view.definitions

    run(played())


def test_who_applied_stands_in_the_history(tmp_path: Path) -> None:
    """And each definition that came of it."""

    async def played() -> list[tuple[str, str | None, str, str]]:
        async with running("ctr1") as cluster:
            await Hand(cluster, tmp_path).apply(DB.replace("ctr1 ctr2", "ctr1"))
            mirror = cluster.nodes["ctr1"].mirror
            await mirror.wait(mirror.view.revision, 1.0)
            kinds = (events.APPLIED, events.DEFINED)
            return [(event.kind, event.resource, event.cause, event.text) for event in mirror.history() if event.kind in kinds]

    told = run(played())
    assert (told[-4][0], told[-4][2]) == ("applied", "by root@ctr1")
    assert told[-4][3].endswith("cluster.toml: 3 added, 0 changed, 0 removed")
    assert [entry[1] or entry[3] for entry in told[-3:]] == ["server pool 'sp'", "db", "vip"]


def many(count: int, interval: int = 60) -> str:
    """Resources that name one another."""
    return "".join(
        f'[resource.r{number:03}]\nTYPE = "cluster_resource"\nACTION_SCRIPT = "/a"\nCHECK_INTERVAL = {interval}\n'
        + (f'START_DEPENDENCIES = "weak(r{number - 1:03})"\n' if number % 10 else "")
        for number in range(count)
    )


def test_an_apply_that_is_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several commits some are made; the same command makes the others, and what was made is not made again."""
    monkeypatch.setattr(clusterfile, "ROOM", CommitRoom(operations=20, bytes=1 << 20))

    async def played() -> None:
        async with running("ctr1") as cluster:
            hand, mirror = Hand(cluster, tmp_path), cluster.nodes["ctr1"].mirror
            original, made = mirror.commit_parts, []

            async def third_fails(parts: Any, **how: Any) -> Any:
                made.append(parts)
                if len(made) == 3:
                    raise Declined(20062)
                return await original(parts, **how)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(mirror, "commit_parts", third_fails)
                broken = await hand.apply(many(40))
            assert broken.status == 1
            assert "commit 2 of 4: 10 definitions" in broken.text
            assert "UND-0706: Of 4 commits 2 are made" in broken.text
            assert len(mirror.view.definitions) == 21

            done = await hand.apply(many(40))
            assert (done.status, "UND-0700: Applied: 20 added, 0 changed, 0 removed." in done.text) == (0, True)
            assert (await hand.apply(many(40, 7))).status == 0
            assert (await hand.plan(many(40, 7))).status == 0

    run(played())


def test_what_one_commit_does_not_hold_goes_into_several(tmp_path: Path) -> None:
    """As large as the registry takes them, and not larger."""

    async def played() -> None:
        async with running("ctr1") as cluster:
            hand = Hand(cluster, tmp_path)
            done = await hand.apply(many(150))
            assert done.status == 0, done.text
            assert "commit 3 of 3" in done.text
            changed = await hand.apply(many(150, 7))
            assert changed.status == 0, changed.text
            assert "UND-0700: Applied: 0 added, 150 changed, 0 removed." in changed.text
            assert (await hand.plan(many(150, 7))).status == 0

    run(played())


def test_what_somebody_else_changes_meanwhile_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check and the commit: the file's is refused, and theirs stays."""

    async def played() -> PrintedLines:
        async with running("ctr1", "ctr2") as cluster:
            hand = Hand(cluster, tmp_path)
            await hand.apply(DB)
            checked = clusterfile._check_edge

            async def comes_between(*given: Any) -> None:
                await checked(*given)
                assert (await cluster.run('crsctl modify resource db -attr "CHECK_INTERVAL=99"', on="ctr2")).status == 0

            monkeypatch.setattr(clusterfile, "_check_edge", comes_between)
            lines = await hand.apply(DB.replace("CHECK_INTERVAL = 30", "CHECK_INTERVAL = 7"))
            assert "CHECK_INTERVAL = 99" in await hand.export()
            return lines

    lines = run(played())
    assert lines.status == 1
    assert "UND-0705: resource.db was changed by somebody else" in lines.text


OWNER = DB + 'ACL = "owner:oracle:rwx,pgrp:root:r-x,other::r--"\n'
"""Another owner: what runs has to be stopped and started for it."""


def test_what_has_to_be_restarted_is_and_nothing_is_written_under_what_runs_on(tmp_path: Path) -> None:
    """Without -f it is refused; where it does not stop, nothing is applied, and that is said."""

    async def played() -> list[PrintedLines]:
        async with running("ctr1", "ctr2") as cluster:
            hand = Hand(cluster, tmp_path)
            await hand.apply(DB)
            await cluster.run("crsctl start resource db -n ctr1")
            refused = await hand.apply(OWNER)
            service = cluster.executors["ctr1"].service(ResourceName("db"))
            service.undying, service.fails["stop"] = True, 1
            failed = await hand.apply(OWNER, "-f")
            assert "oracle" not in await hand.export()
            service.undying = False
            service.fails.clear()
            await cluster.run("crsctl stop resource db -f")
            await cluster.run("crsctl start resource db -n ctr1")
            done = await hand.apply(OWNER, "-f")
            assert ("db", "ctr1") in up(cluster.nodes["ctr1"].mirror.view)
            return [refused, failed, done]

    refused, failed, done = run(played())
    assert [lines.status for lines in (refused, failed, done)] == [1, 1, 0], (failed.text, done.text)
    assert "UND-0152" in refused.text
    assert "UND-0715: cluster.toml was not applied" in failed.text
    assert "UND-0700" not in failed.text
    assert "CRS-2677: Stop of 'db'" in done.text


def test_what_starts_between_check_and_commit_is_not_changed_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would need is worked out again with the commit."""

    async def played() -> PrintedLines:
        async with running("ctr1", "ctr2") as cluster:
            hand = Hand(cluster, tmp_path)
            await hand.apply(DB)
            checked = clusterfile._check_edge

            async def comes_between(*given: Any) -> None:
                await checked(*given)
                assert (await cluster.run("crsctl start resource db", on="ctr2")).status == 0

            monkeypatch.setattr(clusterfile, "_check_edge", comes_between)
            lines = await hand.apply(OWNER)
            assert "oracle" not in await hand.export()
            return lines

    lines = run(played())
    assert lines.status == 1
    assert "UND-0030: Changing ACL restarts 'db', but the force option was not specified" in lines.text


def test_what_the_machine_says_is_said_of_all(tmp_path: Path) -> None:
    """Scripts, users and addresses: each is asked once, and every refusal is listed."""
    text = DB.replace("ctr1 ctr2", "ctr1") + '[resource.own]\nTYPE = "cluster_resource"\nACL = "owner:nobody-here:rwx"\n'

    async def played() -> PrintedLines:
        async with running("ctr1") as cluster:
            cluster.scripts |= {"/db": "missing", "/vip": "not executable"}
            return await Hand(cluster, tmp_path).apply(text)

    lines = run(played())
    assert lines.status == 1
    assert lines.text.startswith("UND-0702: cluster.toml cannot be applied; nothing was changed:")
    for part in ("resource.own.ACL: UND-0049", "resource.db: UND-0041", "resource.vip: UND-0042"):
        assert part in lines.text


def test_rights_are_those_of_the_single_commands(tmp_path: Path) -> None:
    """Who may not see something is not shown it, and who may not change it changes nothing."""
    secret = "ACL = 'owner:root:rwx,pgrp:root:---,other::---'"
    his = '[resource.his]\nTYPE = "cluster_resource"\nACTION_SCRIPT = "/a"\nACL = "owner:oracle:rwx,other::r--"\n'

    async def played() -> dict[str, PrintedLines]:
        async with running("ctr1") as cluster:
            hand, oracle = Hand(cluster, tmp_path), cluster.user("oracle")
            await hand.apply(f'[resource.secret]\nTYPE = "cluster_resource"\nCHECK_INTERVAL = 5\n{secret}\n{his}')
            seen = await hand.export(caller=oracle)
            assert "secret" not in seen
            return {
                "seen": await hand.plan(seen, "--prune", caller=oracle),
                "own": await hand.apply(his.replace('"/a"', '"/b"'), caller=oracle),
                "network": await hand.apply(seen.replace("CHECK_INTERVAL = 10", "CHECK_INTERVAL = 20"), caller=oracle),
                "secret": await hand.plan('[resource.secret]\nTYPE = "cluster_resource"\n', caller=oracle),
                "new": await hand.apply('[resource.new]\nTYPE = "cluster_resource"\n', caller=oracle),
                "pool": await hand.apply("[serverpool.sp]\n", caller=oracle),
            }

    found = run(played())
    assert {name: lines.status for name, lines in found.items()} == {
        "own": 0, "seen": 0, "network": 1, "secret": 1, "new": 1, "pool": 1
    }  # fmt: skip
    assert "CRS-2725" in found["network"].text
    assert "resource.secret: CRS-2725" in found["secret"].text
    assert "CHECK_INTERVAL" not in found["secret"].text
    assert "UND-0327" in found["new"].text
    assert "UND-0064" in found["pool"].text


def test_a_file_of_another_cluster_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    """It says so itself; one that says nothing may be applied to any."""

    async def played() -> list[PrintedLines]:
        async with running("ctr1") as cluster:
            hand, text = Hand(cluster, tmp_path), DB.replace("ctr1 ctr2", "ctr1")
            other = f'cluster = "other"\n{text}'
            return [await hand.plan(other), await hand.apply(other), await hand.apply(other, "--other-cluster"), await hand.apply(text)]

    found = run(played())
    assert [lines.status for lines in found] == [1, 1, 0, 0]
    assert "UND-0708: cluster.toml is of cluster 'other', and this is cluster 'test'" in found[1].text
