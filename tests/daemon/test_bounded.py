"""A registry that takes only so much in one commit: what is more is divided where it may be, and else refused with what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pytest

from cutting import exchange
from daemon.cluster import Cluster, PrintedLines, running
from support import wait_until
from understudy.daemon.alerts import alert_lines
from understudy.daemon.mirror import Mirror
from understudy.daemon.parts import Part, PartsWritten, PreparedCommit
from understudy.daemon.verbs.world import commit_in_steps
from understudy.intent.start import StartCommand, start_in_steps
from understudy.model import events
from understudy.model.looks import PAGE_NAMES
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.ports import Bound, CommitCondition, Conflict, Write
from understudy.registry import keys
from understudy.registry.commits import BOUND
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store

FEW = Bound(operations=12, bytes=BOUND.bytes)
NAMES = [f"r{number}" for number in range(10)]


async def registered(cluster: Cluster) -> None:
    """Ten resources; each second one stands on the one before it."""
    for number, name in enumerate(NAMES):
        needs = f',START_DEPENDENCIES="hard({NAMES[number - 1]})"' if number % 2 else ""
        assert (await cluster.run(f"""crsctl add resource {name} -type cluster_resource -attr 'ACTION_SCRIPT="/x"{needs}'""")).status == 0


def largest_commit(cluster: Cluster) -> int:
    """Of all that the registry keeps."""
    return max(len(batch.changed) + len(batch.deleted) for batch in cluster.store.changes("", 0)[1])


def targets(cluster: Cluster) -> set[Target]:
    """Of the ten."""
    return {cluster.nodes["ctr1"].mirror.view.target(ResourceName(name)) for name in NAMES}


async def test_more_is_started_and_stopped_than_one_commit_holds() -> None:
    """Ten TARGETs, five requests and ten lines of the history, each group in one commit."""
    async with running("ctr1", "ctr2", bound=FEW) as cluster:
        await registered(cluster)
        started = await cluster.run("crsctl start resource -all")
        assert started.status == 0, started.text
        assert targets(cluster) == {Target.ONLINE}
        assert largest_commit(cluster) <= FEW.operations
        stopped = await cluster.run("crsctl stop resource -all -f")
        assert stopped.status == 0, stopped.text
        assert targets(cluster) == {Target.OFFLINE}


async def test_a_start_that_others_come_in_between_of_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written already is not written again: each group is asked for once."""
    original = Mirror.commit_parts
    sent: list[list[str]] = []

    async def commit_parts(self: Mirror, parts: Sequence[Part], *, decided_on: View, unchanged: Iterable[str] = ()) -> PartsWritten:
        asked = [key for part in parts for key in part.writes if key.startswith(keys.REQUEST)]
        if asked:
            sent.append(asked)
        if not asked or len(sent) > 1:
            return await original(self, parts, decided_on=decided_on, unchanged=unchanged)
        first = await original(self, parts[:2], decided_on=decided_on, unchanged=unchanged)
        return replace(first, done=2)  # the third conflicts

    async with running("ctr1", "ctr2", bound=FEW) as cluster:
        await registered(cluster)
        exchange(monkeypatch, original)(commit_parts)
        started = await cluster.run("crsctl start resource -all")
        assert started.status == 0, started.text
        assert (len(sent[0]), len(sent[1])) == (5, 3)
        assert not set(sent[0][:2]) & set(sent[1])


async def test_what_is_decided_from_one_view_is_written_without_being_decided_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commits of one decision rest on the View it was made from, however soon the answer to the first of them comes: each of the others
    was a conflict, and a start of a thousand was decided about forty times."""
    original, answers = Mirror.send, list[int | None]()

    async def send(self: Mirror, prepared: PreparedCommit) -> int | None:
        answer = await original(self, prepared)
        if any(write.key.startswith(keys.ASSIGNMENT) for write in prepared.commit.writes):
            answers.append(answer)
        return answer

    async with running("ctr1", "ctr2", bound=FEW) as cluster:
        await registered(cluster)
        exchange(monkeypatch, original)(send)
        assert (await cluster.run("crsctl start resource -all")).status == 0
    assert len(answers) >= len(NAMES) // 2
    assert answers.count(None) <= 1, answers


async def test_what_cannot_be_divided_is_refused_with_what_to_do() -> None:
    """A definition rests on everything that it leads to: nothing is written, and the registry goes on."""
    async with running("ctr1", bound=FEW) as cluster:
        await registered(cluster)
        revision = cluster.revision
        needs = ",".join(f"global:{name}" for name in NAMES)
        attributes = f'ACTION_SCRIPT="/x",START_DEPENDENCIES="weak({needs})"'
        lines = await cluster.run(f"crsctl add resource last -type cluster_resource -attr '{attributes}'")
        assert lines.status == 1
        assert lines.text.startswith("UND-0221: The registry cannot take that, and nothing of it was changed: a commit of 1")
        assert cluster.revision == revision


@dataclass
class _Meanwhile:
    """A turn in which others do something after the third step, and how many steps there were."""

    what: Callable[[], Awaitable[object]]
    steps: int = 0

    async def begin(self) -> None:
        pass

    async def next(self) -> None:
        self.steps += 1
        if self.steps == 3:
            await self.what()


@pytest.mark.parametrize(
    ("command", "again", "requests"),
    [
        pytest.param("""crsctl modify resource r5 -attr 'START_DEPENDENCIES="hard(r4,r9)"'""", True, 4, id="what it is about has changed"),
        pytest.param("crsctl add serverpool other -attr SERVER_NAMES=ctr2", True, 5, id="what counts for all has changed"),
        pytest.param("crsctl modify resource apart -attr CHECK_INTERVAL=7", False, 5, id="something else has changed"),
    ],
)
async def test_a_start_of_many_lets_others_have_their_turn_and_goes_by_what_they_did(command: str, again: bool, requests: int) -> None:
    """It is decided in steps. What it is about is another by the end? It is decided anew, on that."""
    async with running("ctr1", "ctr2") as cluster:
        await registered(cluster)
        assert (await cluster.run("""crsctl add resource apart -type cluster_resource -attr 'ACTION_SCRIPT="/x"'""")).status == 0
        lines = PrintedLines()
        turn = _Meanwhile(lambda: cluster.run(command))
        world = replace(cluster.world(lines, "ctr1"), turn=turn)
        names = tuple(ResourceName(name) for name in NAMES)
        done = await commit_in_steps(world, lambda view: start_in_steps(view, StartCommand(names=names), world.operator()))
        assert turn.steps > 2 * len(NAMES) if again else turn.steps < 2 * len(NAMES)
        assert len(done.decided.edit.requests) == requests
        assert {name for name, target in cluster.nodes["ctr1"].mirror.view.targets.items() if target.target is Target.ONLINE} >= set(names)


class _Slow(LocalRegistry):
    """Others have their turn before each commit."""

    async def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        await asyncio.sleep(0)
        return await super().commit(conditions, writes)


async def test_a_group_that_no_commit_holds_is_told_and_alarmed_once() -> None:
    """It was registered by an older version, say. It is not retried without end, nothing of it is written, and others go on."""
    async with running("ctr1", bound=FEW) as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        attributes = """-type cluster_resource -attr 'ACTION_SCRIPT="/x"'"""
        assert (await cluster.run(f"crsctl add resource base {attributes}")).status == 0
        for number in range(FEW.operations):
            needs = attributes.replace('"/x"', '"/x",START_DEPENDENCIES="hard(base)"')
            assert (await cluster.run(f"crsctl add resource on{number} {needs}")).status == 0
        assert (await cluster.run(f"crsctl add resource alone {attributes}")).status == 0
        wanted = TargetRecord(target=Target.ONLINE)
        await mirror.commit_parts(
            [Part(writes={keys.target(name): wanted}) for name in mirror.view.definitions if name != "alone"], decided_on=mirror.view
        )

        await wait_until(lambda: any(event.kind == events.TOO_LARGE for event in mirror.history()), 20, "it is told")
        assert (await cluster.run("crsctl start resource alone")).status == 0
        (told,) = [event for event in mirror.history() if event.kind == events.TOO_LARGE]
        assert f"one holds at most {FEW.operations} (it moves together with {FEW.operations} others)" in told.cause
        _, line = alert_lines(told, "understudyd")
        assert line.startswith("[understudyd]UND-0220:What was decided about resource 'base' cannot be written: a commit of")
        assert not any(name.startswith("on") and assignment.owner for name, assignment in mirror.view.assignments.items())


async def test_parts_rest_on_what_was_seen_when_they_were_decided() -> None:
    """Also those of a later commit: somebody who comes in between the two is not written over."""
    with Store() as store:
        mirror, other = Mirror(_Slow(store, Bound(operations=2, bytes=10_000))), Mirror(LocalRegistry(store))
        await mirror.refresh()
        await other.refresh()
        wanted, theirs = TargetRecord(target=Target.ONLINE), TargetRecord(target=Target.ONLINE, by="somebody")
        committing = asyncio.ensure_future(
            mirror.commit_parts([Part(writes={keys.target(name): wanted}) for name in "abc"], decided_on=mirror.view)
        )
        await asyncio.sleep(0)
        assert await other.commit({keys.target("c"): theirs}, decided_on=other.view) is not None
        written = await committing
        assert written.done == 2
        assert (await other.refresh()).targets == {"a": wanted, "b": wanted, "c": theirs}


async def test_what_was_looked_at_is_written_in_pages() -> None:
    """More resources than a page names, and than a commit of so few bytes could: the server has looked at all of them, and what runs among
    them is reported and stopped as ever."""
    async with running("ctr1", bound=Bound(operations=128, bytes=8_000)) as cluster:
        mirror = cluster.nodes["ctr1"].mirror
        assert (await cluster.run("""crsctl add resource alone -type cluster_resource -attr 'ACTION_SCRIPT="/x"'""")).status == 0
        assert (await cluster.run("crsctl start resource alone")).status == 0
        like = mirror.view.definitions[ResourceName("alone")]
        many = [replace(like, name=ResourceName(f"vm-{number:03}"), uid=f"{number:032x}") for number in range(200)]
        await mirror.commit_parts(
            [Part(writes={keys.resource(definition.name): definition}) for definition in many], decided_on=mirror.view
        )

        await wait_until(
            lambda: mirror.view.looks[ServerName("ctr1")].looked.keys() >= mirror.view.resources.keys(), 20, "all is looked at"
        )
        stopped = await cluster.run("crsctl stop resource alone")
        assert stopped.status == 0, stopped.text
        pages = mirror.look_pages(ServerName("ctr1"))
        assert sorted(pages) == [0, 1, 2, 3]
        assert all(len(page.looked) <= PAGE_NAMES for page in pages.values())
