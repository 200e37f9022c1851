"""The store's file: what survives its process, and what is refused rather than guessed at."""

import os
import sqlite3
from pathlib import Path

import pytest

from understudy.errors import Compacted
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import checked
from understudy.registry.sqlite.store import Store, StoreFailed
from understudy.registry.sqlite.storefile import StoreRefused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


def filled(path: Path, commits: int = 5) -> None:
    with Store(path) as store:
        for number in range(commits):
            store.commit([], [Write(f"k/{number}", b"%d" % number)])


def sql(path: Path, statement: str) -> None:
    """Meddle with the file."""
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()


# --- what survives ---------------------------------------------------------------------------------------------------


def test_everything_is_there_again(path: Path) -> None:
    with Store(path) as store:
        store.commit([], [Write("a", b"1"), Write("b", b"1")])
        store.commit([], [Write("a", None)])
        store.commit([], [Write("ä/b", b"")])
        before, history = store.read(""), store.changes("", 0)
    with Store(path) as store:
        assert store.read("") == before == (3, (Entry("b", b"1", 1), Entry("ä/b", b"", 3)))
        assert store.changes("", 0) == history
        assert history[1][1] == Batch(2, (), ("a",))
        assert store.commit([CommitCondition("a", 1)], []) == Conflict(("a",))
        assert store.commit([CommitCondition("b", 1)], [Write("b", b"2")]) == 4


def test_a_process_that_ended_without_closing_loses_nothing(path: Path, tmp_path: Path) -> None:
    """The file and its log as they lie on the disk at some instant are a whole store."""
    copy = tmp_path / "copy.db"
    with Store(path) as store:
        for number in range(20):
            store.commit([], [Write(f"k/{number}", b"x")])
        copy.write_bytes(path.read_bytes())
        Path(f"{copy}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
        before = store.read("")
    with Store(copy) as store:
        assert store.read("") == before


def test_a_log_torn_at_any_byte_gives_a_whole_older_state(path: Path, tmp_path: Path) -> None:
    """Power lost while the log was written: commits are there to the last whole one, each with both its keys."""
    with Store(path) as store:
        for number in range(4):
            store.commit([], [Write("a", b"%d" % number), Write("b", b"%d" % number)])
        file, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    seen = set()
    for length in range(len(log), 0, -997):
        copy = tmp_path / f"torn{length}.db"
        copy.write_bytes(file)
        Path(f"{copy}-wal").write_bytes(log[:length])
        with Store(copy) as store:
            revision, entries = store.read("")
            assert [entry.value for entry in entries] == [b"%d" % (revision - 1)] * (2 if revision else 0)
            seen.add(revision)
    assert seen >= {0, 1, 2, 3, 4}


# --- commits together ------------------------------------------------------------------------------------------------


def test_commits_made_together_are_judged_one_after_the_other() -> None:
    with Store() as store:
        together = [
            checked([CommitCondition("a", 0)], [Write("a", b"1")]),
            checked([CommitCondition("a", 0)], [Write("a", b"2")]),
            checked([CommitCondition("a", 1)], [Write("a", b"3")]),
            checked([], []),
            checked([], [Write("b", b"1")]),
        ]
        assert store.commit_all(together) == [1, Conflict(("a",)), 2, 2, 3]
        assert store.read("") == (3, (Entry("a", b"3", 2), Entry("b", b"1", 3)))


def test_a_full_disk_refuses_the_commit_and_nothing_else(path: Path) -> None:
    with Store(path) as store:
        store.commit([], [Write("a", b"1")])
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFailed, match="full") as caught:
            store.commit_all([checked([], [Write("b", b"1")]), checked([], [Write("c", b"x" * 100_000)])])
        assert caught.value.full
        assert store.read("") == (1, (Entry("a", b"1", 1),))
        assert store.changes("", 1) == (1, [])
        assert store.commit([CommitCondition("a", 1)], [Write("a", b"2")]) == 2


def test_a_commit_that_fails_half_way_leaves_no_half(path: Path) -> None:
    with Store(path) as store:
        store.commit([], [Write("a", b"1")])
        store._database.execute("DROP TABLE history")
        with pytest.raises(StoreFailed, match="history") as caught:
            store.commit([], [Write("a", b"2")])
        assert not caught.value.full
        assert store.read("") == (1, (Entry("a", b"1", 1),))


def test_every_commit_is_flushed_to_the_disk(path: Path) -> None:
    """A kill cannot show this: what was written outlives the process in the machine's memory."""
    with Store(path) as store:
        assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_power_loss_takes_nothing_from_a_store_in_memory_but_what_was_not_flushed() -> None:
    """The simulator's disks go by this."""
    with Store(keep_commits=3) as store:
        for number in range(5):
            store.commit([], [Write(f"k/{number}", b"x")])
        before = (store.read(""), store.oldest, store.changes("", 2))
        store.lose_power()
        assert (store.read(""), store.oldest, store.changes("", 2)) == before
        store._database.execute("BEGIN IMMEDIATE")
        store._apply(checked([], [Write("k/0", b"y")]), 6)
        assert store.read("k/0")[1][0].value == b"y"
        store.lose_power()
        assert (store.read(""), store.oldest, store.changes("", 2)) == before
        assert store.commit([CommitCondition("k/0", 1)], [Write("k/0", b"z")]) == 6


def test_a_watcher_is_told_once_for_commits_made_together_and_never_for_none() -> None:
    with Store() as store:
        told: list[int] = []
        stop = store.on_commit(lambda: told.append(store.revision))
        store.commit_all([checked([], [Write("a", b"1")]), checked([], [Write("a", b"2")])])
        store.commit([CommitCondition("a", 0)], [Write("a", b"3")])
        store.commit([], [Write("absent", None)])
        stop()
        store.commit([], [Write("a", b"4")])
        assert told == [2]


# --- recent commits --------------------------------------------------------------------------------------------------


def test_only_so_many_commits_are_kept(path: Path) -> None:
    with Store(path, keep_commits=3) as store:
        for number in range(500):
            store.commit([], [Write("a", b"%d" % number)])
        assert store.oldest == 497
        assert [batch.revision for batch in store.changes("", 497)[1]] == [498, 499, 500]
        with pytest.raises(Compacted, match="from 497 to 500, not from 496"):
            store.changes("", 496)
        rows = store._database.execute("SELECT count(*) FROM history").fetchone()[0]
        assert rows <= 3 + 101
    with Store(path, keep_commits=3) as store:
        assert store.oldest == 497
    with Store(path, keep_commits=1) as store:
        assert store.oldest == 499


def test_only_so_many_bytes_are_kept_but_always_the_newest_commit() -> None:
    with Store(keep_bytes=1000) as store:
        for _ in range(10):
            store.commit([], [Write("a", b"x" * 300)])
        assert store.oldest == 7
        store.commit([], [Write("a", b"x" * 5000)])
        assert store.oldest == 10
        assert store.changes("", 10)[1][0].revision == 11


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_a_long_past_is_told_in_parts(most: int) -> None:
    with Store() as store:
        for number in range(7):
            store.commit([], [Write("a" if number % 3 else "b", b"x")])
        seen, found = 0, []
        while seen != store.revision:
            seen, part = store.changes("a", seen, most)
            found += part
        assert [batch.revision for batch in found] == [2, 3, 5, 6]


# --- what is refused -------------------------------------------------------------------------------------------------


def test_two_never_own_one_file(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(StoreRefused, match=f"already being served by process {os.getpid()}"):
            Store(path)
        assert store.commit([], [Write("a", b"1")]) == 1
    with Store(path) as store:
        assert store.revision == 1


def test_a_newer_format_is_refused(path: Path) -> None:
    filled(path)
    sql(path, "PRAGMA user_version = 2")
    with pytest.raises(StoreRefused, match="format 2 of a newer Understudy; this one knows 1"):
        Store(path)


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    sql(path, "CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="something else"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreRefused, match=r"damaged|something else"):
        Store(path)
    assert path.read_bytes() == content


def test_a_file_cut_short_is_refused(path: Path) -> None:
    filled(path, 500)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreRefused, match="damaged"):
        Store(path)


def test_a_file_emptied_under_its_log_is_not_taken_for_a_new_one(path: Path, tmp_path: Path) -> None:
    """An empty registry would mean: nothing is wanted, nothing is held."""
    copy = tmp_path / "copy.db"
    with Store(path) as store:
        store.commit([], [Write("a", b"1")])
        copy.touch()
        Path(f"{copy}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    with pytest.raises(StoreRefused, match="empty, but has a log"):
        Store(copy)


def test_pages_overwritten_are_noticed(path: Path) -> None:
    filled(path, 500)
    content = bytearray(path.read_bytes())
    content[8192:20000] = b"\xa5" * (20000 - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreRefused, match="damaged"):
        Store(path)


@pytest.mark.parametrize("place", [0, 1])
def test_a_key_that_changed_in_one_of_its_two_places_is_noticed(path: Path, place: int) -> None:
    """Table and index disagree: a condition would be judged by the one, a read by the other."""
    with Store(path) as store:
        store.commit([], [Write("needle", b"1")])
    sql(path, "DELETE FROM history")
    sql(path, "VACUUM")
    parts = path.read_bytes().split(b"needle")
    assert len(parts) == 3
    path.write_bytes(parts[0] + (b"beetle" if place == 0 else b"needle") + parts[1] + (b"beetle" if place else b"needle") + parts[2])
    with pytest.raises(StoreRefused, match="damaged"):
        Store(path)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM counter", "no single revision counter"),
        ("UPDATE counter SET revision = 2", "an entry of revision 5, but the counter says 2"),
        ("UPDATE counter SET revision = 9", "gaps"),
        ("DELETE FROM history WHERE revision = 3", "gaps"),
        ("DROP TABLE history", "no such table"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(path: Path, statement: str, why: str) -> None:
    filled(path)
    sql(path, statement)
    with pytest.raises(StoreRefused, match=why):
        Store(path)
    with pytest.raises(StoreRefused, match=why):
        Store(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="cannot be opened: No such file"):
        Store(tmp_path / "nowhere" / "registry.db")


def test_nobody_else_reads_what_is_registered(tmp_path: Path) -> None:
    """Also where an older version made the file."""
    path = tmp_path / "registry.db"
    path.touch(0o644)
    with Store(path) as store:
        store.commit([], [Write("a", b"secret")])
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db.lock": 0o600}
