"""Pools, addresses and resources in a real registry, by the daemons' own verbs: registered, verified, changed, and taken back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cluster import ROOT, Cluster, PrintedLines, running
from openstack.trees import SITE, desired_of, make_trees
from understudy.cli.understudy import openstack
from understudy.cli.understudy.openstack_registry import CommandRegistrar, body_of
from understudy.daemon.verbs import VERBS
from understudy.daemon.verbs.arguments import Arguments
from understudy.errors import BadInput
from understudy.model.messages import with_number
from understudy.openstack.core.compare import Comparison
from understudy.openstack.core.registered import judge_registered, registry_steps
from understudy.openstack.ground import NotReached, Nowhere, ServerGround
from understudy.openstack.kept import FormerStates
from understudy.openstack.releases import load_release, release_names
from understudy.openstack.work import CommandFailed, RunOutcome, register, undo


def registrar_of(cluster: Cluster, loop: asyncio.AbstractEventLoop) -> CommandRegistrar:
    """As the command line asks, but that no socket is between; called from another thread."""

    async def run(verb: str, body: dict[str, object]) -> tuple[int, str]:
        lines = PrintedLines()
        await cluster.sights["ctr1"].look()
        world = cluster.world(lines, "ctr1", ROOT, changes=VERBS[verb].changes)
        try:
            lines.status = await VERBS[verb].run(world, Arguments(body))
        except BadInput as error:
            lines.out(with_number(error.code, str(error)))
            lines.status = 1
        return lines.status, lines.text

    def ask(verb: str, body: dict[str, object]) -> tuple[int, str]:
        return asyncio.run_coroutine_threadsafe(run(verb, body), loop).result(60)

    return CommandRegistrar(ask)


def silent(step: object, why: str) -> None:
    """Nothing is shown of it."""


@pytest.mark.parametrize("release", release_names())
async def test_everything_is_registered_by_the_commands_of_crsctl_and_taken_back(release: str, place: Path) -> None:
    """One run registers all of it, a second finds nothing to do; what was changed is put right; undo leaves the registry as it was."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        registrar, wanted, kept = registrar_of(cluster, asyncio.get_running_loop()), desired_of(release), FormerStates(place / "kept")
        before = await asyncio.to_thread(registrar.found)

        def begin() -> None:
            with kept.held():
                register(wanted, registrar, kept, silent, first)
                register(wanted, registrar, kept, silent, second)

        first, second = RunOutcome(), RunOutcome()
        await asyncio.to_thread(begin)
        assert (first.left, second.left, second.done) == ([], [], [])
        assert len(first.done) == len(wanted.registered)
        found = await asyncio.to_thread(registrar.found)
        assert {judge_registered(item, found).verdict for item in wanted.registered} == {Comparison.RIGHT}

        assert (await cluster.run('crsctl modify resource mysqld -attr "CHECK_INTERVAL=7"')).status == 0
        found = await asyncio.to_thread(registrar.found)
        (step,) = registry_steps(wanted.registered, found)
        await asyncio.to_thread(registrar.run, step.command)
        assert registry_steps(wanted.registered, await asyncio.to_thread(registrar.found)) == ()

        assert (await cluster.run("crsctl start resource mysqlVIP -n ctr1")).status == 0

        def end() -> RunOutcome:
            with kept.held():
                return undo(kept, {}, registrar, silent, force=False)

        left = (await asyncio.to_thread(end)).left
        assert left[0].place == "mysqlVIP"
        assert left[-1].place == "the servers"
        assert (await cluster.run("crsctl stop resource mysqlVIP")).status == 0
        assert (await asyncio.to_thread(end)).left == []
        assert await asyncio.to_thread(registrar.found) == before


async def test_a_command_that_is_refused_says_what_the_cluster_said() -> None:
    """With the command, so that it can be typed by hand."""
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        registrar = registrar_of(cluster, asyncio.get_running_loop())
        command = ("crsctl", "add", "resource", "db", "-type", "cluster_resource", "-attr", "SERVER_POOLS=nowhere,PLACEMENT=restricted")
        with pytest.raises(CommandFailed, match=r"crsctl add resource db: .*nowhere"):
            await asyncio.to_thread(registrar.run, command)


async def test_nothing_is_registered_before_every_server_is_right(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that cannot be looked at is in the way, unless the operator says that it is done there; what is known to be left is."""
    trees: dict[str, ServerGround] = {**make_trees(place / "trees", "zed")}
    names = load_release("zed").secrets()
    credentials = "".join(f'{name} = "env:SECRET"\n' for name in names)
    (place / "site.toml").write_text(SITE.replace("RELEASE", "zed") + f"[credentials]\n{credentials}")
    monkeypatch.setenv("SECRET", "x")
    away = {**trees, "ctr2": Nowhere("no way to ctr2")}
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        registrar = registrar_of(cluster, asyncio.get_running_loop())
        monkeypatch.setattr(openstack, "_registrar", lambda arguments: registrar)
        monkeypatch.setattr(openstack, "_grounds", lambda site, wanted, folder: away)

        async def typed(*words: str) -> int:
            options = ["--site", f"{place}/site.toml", "--state", f"{place}/kept"]
            return await asyncio.to_thread(openstack.main, [*words, *options])

        assert await typed("apply") == 1
        assert "nothing is registered before every server is as it should be" in capsys.readouterr().out
        assert (await asyncio.to_thread(registrar.found)).pools.keys() == {"Free", "Generic"}

        assert await typed("apply", "--register") == 1
        assert "UND-0436: Not done: ctr2: no way to ctr2." in capsys.readouterr().out
        assert "mysqld" in (await asyncio.to_thread(registrar.found)).resources
        assert await typed("verify") == 2
        away["ctr2"] = trees["ctr2"]
        assert await typed("apply") == 0
        assert await typed("verify") == 0


def asked(answers: Iterator[tuple[int, str]]) -> CommandRegistrar:
    return CommandRegistrar(lambda verb, body: next(answers))


@pytest.mark.parametrize("said", ["CRS-4639: Could not contact Oracle High Availability Services", "{}", "[]", ""])
def test_a_daemon_that_does_not_say_what_is_registered_is_not_reached(said: str) -> None:
    """Never taken for a registry in which nothing is."""
    with pytest.raises(NotReached):
        asked(iter([(1, said)] * 2)).found()


def test_commands_are_read_as_the_command_line_reads_them() -> None:
    """The verb and the body that crsctl itself would send."""
    command = ("crsctl", "add", "serverpool", "sp", "-attr", "PARENT_POOLS=Generic,SERVER_NAMES=ctr1 ctr2")
    assert body_of(command) == ("add-serverpool", {"attr": "PARENT_POOLS=Generic,SERVER_NAMES=ctr1 ctr2", "names": ["sp"]})
    assert body_of(("appvipcfg", "delete", "-vipname=v")) == ("appvip-delete", {"vipname": "v"})
