"""What every registry must do, whatever it is built on. A new engine is added in `backends.py`, and passes all of this."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from registry.backends import BACKENDS, PATIENT_S, Backend, revision_of, written
from understudy.errors import CommitTooLarge, Compacted
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Registry, Write


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.lab) if name == "etcd" else name for name in sorted(BACKENDS)])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with BACKENDS[request.param]() as engine:
        yield engine


@pytest.fixture
def registry(backend: Backend) -> Registry:
    return backend.client()


async def batches(registry: Registry, prefix: str, after: int, count: int) -> list[Batch]:
    """The first `count` batches of a watch."""
    found: list[Batch] = []
    async with asyncio.timeout(PATIENT_S):
        async for batch in registry.watch(prefix, after):
            found.append(batch)
            if len(found) == count:
                return found
    raise AssertionError("a watch ended by itself")


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_a_read_answers_what_starts_with_the_prefix_by_key(registry: Registry) -> None:
    names = ("pool/b", "pool/a", "pool", "pool/", "pools", "poo", "poo/a", "pool/a/b", "pool0", "pool.")
    for name in names:
        await written(registry, Write(name, name.encode()))
    for prefix in ("pool/", "pool", "poo", "", "x", "pool/a"):
        _, entries = await registry.read(prefix)
        assert [entry.key for entry in entries] == sorted(name for name in names if name.startswith(prefix))
        assert all(entry.value == entry.key.encode() for entry in entries)


async def test_keys_are_taken_as_they_are(registry: Registry) -> None:
    """Resource names hold slashes, dots, percents, and what an operator's language has; order is that of code points."""
    names = ["r/a/b", "r/a.b", "r/a%2Fb", "r/a%b_c", "r/a*", "r/A", "r/ a", "r/a'\"\\", "r/a\n"]
    names += ["r/ä", "r/\ud7ff", "r/\uffff", "r/\U0001f3ad", "r/\U0010ffff"]
    await written(registry, *(Write(name, name.encode()) for name in names))
    _, entries = await registry.read("r/")
    assert [entry.key for entry in entries] == sorted(names)
    for name in names:
        _, found = await registry.read(name)
        assert found[0].value == name.encode()
    _, entries = await registry.read("r/\U0010ffff")
    assert [entry.key for entry in entries] == ["r/\U0010ffff"]


async def test_an_entry_carries_the_revision_of_its_own_last_change(registry: Registry) -> None:
    first = await written(registry, Write("a", b"1"), Write("b", b"1"))
    second = await written(registry, Write("a", b"2"))
    assert second > first
    assert await registry.read("") == (second, (Entry("a", b"2", second), Entry("b", b"1", first)))


async def test_an_empty_value_is_not_an_absent_key(registry: Registry) -> None:
    revision = await written(registry, Write("a", b""))
    assert await registry.read("a") == (revision, (Entry("a", b"", revision),))
    assert await registry.commit([CommitCondition("a", 0)], [Write("a", b"x")]) == Conflict(("a",))
    assert (await batches(registry, "a", revision - 1, 1))[0] == Batch(revision, (Entry("a", b"", revision),))


async def test_a_value_may_be_any_bytes_and_a_megabyte_of_them(registry: Registry) -> None:
    value = bytes(range(256)) * 4096
    revision = await written(registry, Write("big", value))
    assert await registry.read("big") == (revision, (Entry("big", value, revision),))
    assert (await batches(registry, "big", revision - 1, 1))[0].changed[0].value == value


async def test_what_is_left_out_is_not_read(registry: Registry) -> None:
    """State without the history: what a daemon must know before it can act does not grow with what has happened."""
    names = ("a", "h", "h/", "h/1", "h/2", "h0", "i", "i/1")
    await written(registry, *(Write(name, name.encode()) for name in names))
    _, entries = await registry.read("", without="h/")
    assert [entry.key for entry in entries] == ["a", "h", "h0", "i", "i/1"]
    _, entries = await registry.read("h", without="h/")
    assert [entry.key for entry in entries] == ["h", "h0"]
    _, entries = await registry.read("i", without="h/")
    assert [entry.key for entry in entries] == ["i", "i/1"]
    assert (await registry.read("h/", without="h/"))[1] == ()
    _, entries = await registry.read("", without="h/", after="a")
    assert [entry.key for entry in entries] == ["h", "h0", "i", "i/1"]


async def test_a_long_list_is_read_in_pages(registry: Registry) -> None:
    """As many as fit a page, at least one; a page that is empty is the end."""
    names = [f"h/{number:02}" for number in range(20)]
    await written(registry, *(Write(name, b"x" * 96) for name in names), Write("h/07x", b"x" * 1000), Write("i", b""))
    found: list[str] = []
    while True:
        _, page = await registry.read("h/", after=found[-1] if found else "", limit_bytes=500)
        if not page:
            break
        assert len(page) == 1 or sum(len(entry.key) + len(entry.value) for entry in page) <= 500
        found += [entry.key for entry in page]
    assert found == sorted([*names, "h/07x"])
    assert len((await registry.read("h/", limit_bytes=500))[1]) == 5


# --- committing ------------------------------------------------------------------------------------------------------


async def test_a_key_is_created_only_if_it_is_absent(registry: Registry) -> None:
    await written(registry, Write("a", b"1"), conditions=(CommitCondition("a", 0),))
    assert await registry.commit([CommitCondition("a", 0)], [Write("a", b"2")]) == Conflict(("a",))
    assert (await registry.read("a"))[1][0].value == b"1"


async def test_a_stale_update_writes_nothing(registry: Registry) -> None:
    first = await written(registry, Write("a", b"1"))
    second = await written(registry, Write("a", b"2"), conditions=(CommitCondition("a", first),))
    assert await registry.commit([CommitCondition("a", first)], [Write("a", b"3")]) == Conflict(("a",))
    assert await registry.read("a") == (second, (Entry("a", b"2", second),))


async def test_a_key_is_deleted_under_a_condition(registry: Registry) -> None:
    first = await written(registry, Write("a", b"1"), Write("b", b"1"))
    second = await written(registry, Write("a", b"2"))
    assert await registry.commit([CommitCondition("a", first)], [Write("a", None)]) == Conflict(("a",))
    third = await written(registry, Write("a", None), conditions=(CommitCondition("a", second),))
    assert await registry.read("") == (third, (Entry("b", b"1", first),))
    assert await registry.commit([CommitCondition("a", second)], [Write("a", b"3")]) == Conflict(("a",))


async def test_a_key_deleted_and_made_again_is_another(registry: Registry) -> None:
    """A decision about the first must not be carried out on the second, though both hold the same."""
    first = await written(registry, Write("a", b"1"))
    await written(registry, Write("a", None))
    await written(registry, Write("a", b"1"))
    assert await registry.commit([CommitCondition("a", first)], [Write("a", b"2")]) == Conflict(("a",))


async def test_a_commit_is_all_or_nothing(registry: Registry) -> None:
    revision = await written(registry, Write("a", b"1"), Write("b", b"1"))
    conditions = [CommitCondition("a", revision), CommitCondition("b", revision + 5)]
    assert await registry.commit(conditions, [Write("a", b"2"), Write("b", None), Write("c", b"2")]) == Conflict(("b",))
    assert await registry.read("") == (revision, (Entry("a", b"1", revision), Entry("b", b"1", revision)))


async def test_a_conflict_names_the_keys_that_failed_and_no_others(registry: Registry) -> None:
    revision = await written(registry, Write("a", b"1"), Write("b", b"1"))
    conditions = [CommitCondition("z", revision), CommitCondition("a", 0), CommitCondition("b", revision), CommitCondition("nothing", 0)]
    conflict = await registry.commit(conditions, [Write("c", b"1")])
    assert isinstance(conflict, Conflict)
    assert sorted(conflict.failed) == ["a", "z"]


async def test_a_condition_may_be_on_a_key_that_is_not_written(registry: Registry) -> None:
    """The leader's term guards what the leader writes elsewhere."""
    term = await written(registry, Write("leader", b"1"))
    await written(registry, Write("assignment/db", b"1"), conditions=(CommitCondition("leader", term),))
    await written(registry, Write("leader", b"2"))
    assert await registry.commit([CommitCondition("leader", term)], [Write("assignment/db", b"2")]) == Conflict(("leader",))


async def test_a_commit_that_changes_nothing_makes_no_revision(registry: Registry) -> None:
    revision = await written(registry, Write("a", b"1"))
    assert await registry.commit([CommitCondition("a", revision)], []) == revision
    assert await registry.commit([], [Write("absent", None)]) == revision
    assert (await registry.read(""))[0] == revision


async def test_writing_the_same_value_is_a_change(registry: Registry) -> None:
    """The leader's beat may look the same twice and still be news."""
    first = await written(registry, Write("a", b"1"))
    second = await written(registry, Write("a", b"1"))
    assert second > first
    assert await revision_of(registry, "a") == second


@pytest.mark.parametrize(
    ("conditions", "writes"),
    [
        ([], [Write("a", b"1"), Write("a", b"2")]),
        ([], [Write("", b"1")]),
        ([CommitCondition("", 0)], []),
        ([], [Write("a\0b", b"1")]),
        ([], [Write("a" * 5000, b"1")]),
    ],
)
async def test_a_malformed_commit_is_a_mistake_of_the_program(
    registry: Registry, conditions: list[CommitCondition], writes: list[Write]
) -> None:
    with pytest.raises(ValueError, match=r"twice|no key"):
        await registry.commit(conditions, writes)


# --- how much one commit holds --------------------------------------------------------------------------------------


async def test_a_commit_as_large_as_the_bound_is_taken(registry: Registry) -> None:
    bound = registry.bound
    names = [f"k/{number:06d}" for number in range(bound.operations)]
    await written(registry, *(Write(name, b"1") for name in names), conditions=tuple(CommitCondition(name, 0) for name in names))
    room = bound.bytes - len("big")
    revision = await written(registry, Write("big", b"x" * room))
    assert (await registry.read("big"))[1] == (Entry("big", b"x" * room, revision),)


async def test_a_commit_above_the_bound_is_refused_whole(registry: Registry) -> None:
    """However it is too large; and the registry goes on."""
    bound, before = registry.bound, await written(registry, Write("a", b"1"))
    names = [f"k/{number:06d}" for number in range(bound.operations + 1)]
    too_large = [
        ([], [Write(name, b"1") for name in names]),
        ([CommitCondition(name, 0) for name in names], [Write("b", b"1")]),
        ([], [Write("b", b"1"), Write("c", b"x" * bound.bytes)]),
        ([CommitCondition("a", before)], [Write("b" * 100, b"x" * (bound.bytes - 100))]),
    ]
    for conditions, writes in too_large:
        with pytest.raises(CommitTooLarge, match="at most"):
            await registry.commit(conditions, writes)
    assert await registry.read("") == (before, (Entry("a", b"1", before),))
    assert await written(registry, Write("b", b"1")) > before


# --- writing against each other --------------------------------------------------------------------------------------


async def test_of_two_conflicting_commits_exactly_one_wins(backend: Backend) -> None:
    clients = [backend.client() for _ in range(8)]
    for round_ in range(10):
        key = f"prize/{round_}"
        answers = await asyncio.gather(
            *(client.commit([CommitCondition(key, 0)], [Write(key, b"%d" % number)]) for number, client in enumerate(clients))
        )
        winners = [number for number, answer in enumerate(answers) if isinstance(answer, int)]
        assert len(winners) == 1
        assert all(answer == Conflict((key,)) for number, answer in enumerate(answers) if number not in winners)
        assert (await clients[0].read(key))[1][0].value == b"%d" % winners[0]


async def test_no_increment_is_lost(backend: Backend) -> None:
    """Six writers count to ten each in one key, each reading, writing under the condition, and trying again."""

    async def count(registry: Registry) -> None:
        done = 0
        while done < 10:
            _, entries = await registry.read("count")
            value, revision = (int(entries[0].value), entries[0].revision) if entries else (0, 0)
            answer = await registry.commit([CommitCondition("count", revision)], [Write("count", b"%d" % (value + 1))])
            done += isinstance(answer, int)

    await asyncio.gather(*(count(backend.client()) for _ in range(6)))
    assert (await backend.client().read("count"))[1][0].value == b"60"


# --- watching --------------------------------------------------------------------------------------------------------


async def test_a_watch_sees_every_commit_whole_and_in_order(backend: Backend, registry: Registry) -> None:
    start, _ = await registry.read("")
    watching = asyncio.create_task(batches(backend.client(), "", start, 3))
    first = await written(registry, Write("b", b"1"), Write("a", b"1"), Write("c", b"1"))
    assert isinstance(await registry.commit([CommitCondition("a", 0)], [Write("a", b"9")]), Conflict)
    second = await written(registry, Write("c", None), Write("a", b"2"), Write("b", None), Write("absent", None))
    third = await written(registry, Write("d", b"3"))
    assert await watching == [
        Batch(first, (Entry("a", b"1", first), Entry("b", b"1", first), Entry("c", b"1", first))),
        Batch(second, (Entry("a", b"2", second),), ("b", "c")),
        Batch(third, (Entry("d", b"3", third),)),
    ]


async def test_a_watch_begins_at_an_old_revision(registry: Registry) -> None:
    revisions = [await written(registry, Write("a", b"%d" % number)) for number in range(10)]
    found = await batches(registry, "", revisions[3], 6)
    assert [batch.revision for batch in found] == revisions[4:]
    assert [batch.changed[0].value for batch in found] == [b"4", b"5", b"6", b"7", b"8", b"9"]


async def test_a_watch_sees_its_prefix_only(registry: Registry) -> None:
    start, _ = await registry.read("")
    first = await written(registry, Write("pool/a", b"1"), Write("pools", b"1"), Write("type/a", b"1"))
    await written(registry, Write("pools", b"2"))
    third = await written(registry, Write("pool/a", None), Write("pools", None))
    fourth = await written(registry, Write("pool/", b"4"))
    assert await batches(registry, "pool/", start, 3) == [
        Batch(first, (Entry("pool/a", b"1", first),)),
        Batch(third, (), ("pool/a",)),
        Batch(fourth, (Entry("pool/", b"4", fourth),)),
    ]


async def test_a_watch_beside_writers_misses_nothing_and_repeats_nothing(backend: Backend) -> None:
    """Read, then watch from the revision read: the copy so kept is the registry."""
    writers, watcher = [backend.client() for _ in range(4)], backend.client()

    async def write(number: int) -> None:
        for turn in range(10):
            made, gone = (number * 7 + turn) % 9, (number + turn * 5) % 9 + 10
            await writers[number].commit([], [Write(f"k/{made}", b"%d.%d" % (number, turn)), Write(f"k/{gone}", None if turn % 2 else b"")])

    async def mirror() -> dict[str, bytes]:
        seen, entries = await watcher.read("k/")
        copy = {entry.key: entry.value for entry in entries}
        async for batch in watcher.watch("", seen):
            assert batch.revision == seen + 1
            seen = batch.revision
            copy |= {entry.key: entry.value for entry in batch.changed}
            for key in batch.deleted:
                del copy[key]
            if "end" in copy:
                del copy["end"]
                return copy
        raise AssertionError("a watch ended by itself")

    async with asyncio.timeout(PATIENT_S):
        mirroring = asyncio.create_task(mirror())
        await asyncio.gather(*(write(number) for number in range(4)))
        await written(writers[0], Write("end", b""))
        copy = await mirroring
    _, entries = await watcher.read("k/")
    assert copy == {entry.key: entry.value for entry in entries}


async def test_the_end_of_one_watch_does_not_disturb_another(backend: Backend) -> None:
    registry = backend.client()
    start, _ = await registry.read("")
    await written(registry, Write("a", b"1"))
    await batches(registry, "", start, 1)
    second = await written(registry, Write("a", b"2"))
    assert (await batches(registry, "", start, 2))[1].revision == second


async def test_a_watch_from_a_forgotten_revision_must_read_again(backend: Backend, registry: Registry) -> None:
    old = await written(registry, Write("a", b"1"))
    await backend.forget()
    with pytest.raises(Compacted):
        await batches(registry, "", old, 1)
    now, entries = await registry.read("a")
    assert entries == (Entry("a", b"1", old),)
    following = asyncio.create_task(batches(registry, "a", now, 1))
    new = await written(registry, Write("a", b"2"))
    assert await following == [Batch(new, (Entry("a", b"2", new),))]
