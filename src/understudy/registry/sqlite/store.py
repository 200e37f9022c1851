"""The store: keys, values, revisions and recent commits in one SQLite file, or in memory.

Owns what a revision, a condition and a commit mean, and the file while it is open. Called by LocalRegistry (simulator, tests) and
by the registry's server, from one thread. Must never wait, read a clock or roll dice: the same calls give the same revisions, so
that a simulated run can be repeated.

* A commit is durable (WAL, synchronous=FULL) when `commit` returns, and whole: after a crash all of it is there or nothing.
* The revision grows by one with every commit that changes something; a commit that changes nothing (only conditions, or deletions
  of what is not there) answers the present revision.
* The last `keep_commits` commits (fewer if their values exceed `keep_bytes`) are kept for watches, in memory and in the file, so
  that a restart of the server does not send every watcher back to reading everything.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Self

from understudy.errors import Compacted, UnderstudyError
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Write
from understudy.registry.commits import Commit, checked
from understudy.registry.sqlite.storefile import connect, damaged, own

MEMORY = ":memory:"
KEEP_COMMITS = 10_000
KEEP_BYTES = 64 * 1024 * 1024

_TRIM_EVERY = 100
"""Commits by which the file's history may exceed what is kept: trimming it costs as much as a write."""


class StoreFailed(UnderstudyError):
    """The file cannot be written (nothing of the commits happened) or read. `full`: only room is missing, all else goes on."""

    def __init__(self, text: str, *, full: bool) -> None:
        super().__init__(text)
        self.full = full


class Store:
    """One open store. Close it, or use it as a context manager."""

    def __init__(
        self, path: str | Path = MEMORY, *, keep_commits: int = KEEP_COMMITS, keep_bytes: int = KEEP_BYTES, image: bytes | None = None
    ) -> None:
        """Open or create; StoreRefused says why a file cannot be served. `image`: of another store, to begin with, in memory only."""
        self.path = str(path)
        self._keep_commits = keep_commits
        self._keep_bytes = keep_bytes
        self._listeners: dict[int, Callable[[], None]] = {}
        self._listeners_made = 0
        self._recent: deque[tuple[Batch, int]] = deque()
        """The commits kept, oldest first, without a gap, each with its size; the last one's revision is the store's."""
        self._recent_bytes = 0
        self._lock = None if self.path == MEMORY else own(self.path)
        try:
            self._database = connect(self.path, memory=self.path == MEMORY)
            if image is not None:
                self._database.deserialize(image)
            try:
                self._revision = self._load()
            except sqlite3.Error as error:
                self._database.close()
                raise damaged(self.path, str(error)) from None
            except BaseException:
                self._database.close()
                raise
        except BaseException:
            self._unlock()
            raise
        self._trimmed = self.oldest

    @property
    def revision(self) -> int:
        """Of the newest commit."""
        return self._revision

    @property
    def oldest(self) -> int:
        """The oldest revision from which a watch may begin."""
        return self._revision - len(self._recent)

    def read(self, prefix: str, *, without: str = "", after: str = "", limit_bytes: int = 0) -> tuple[int, tuple[Entry, ...]]:
        """The revision and every entry whose key starts with `prefix`, by key; less, as the port says. StoreFailed: the disk does not
        give them."""
        rows = chain.from_iterable(self._range(*limits) for limits in _ranges(prefix, without, after))
        try:
            return self._revision, tuple(_first((Entry(*row) for row in rows), limit_bytes))
        except sqlite3.Error as error:
            raise StoreFailed(f"{self.path} cannot be read: {error}", full=False) from error

    def _range(self, start: bytes, end: bytes) -> Iterator[tuple[str, bytes, int]]:
        """Rows by key, from `start` on, before `end`."""
        query = "SELECT key, value, revision FROM entries WHERE key >= CAST(? AS TEXT) AND key < CAST(? AS TEXT) ORDER BY key"
        yield from self._database.execute(query, (start, end))

    def commit(self, conditions: Sequence[CommitCondition], writes: Sequence[Write]) -> int | Conflict:
        """All or nothing, durable at return: the new revision, or the keys whose condition failed."""
        return self.commit_all([checked(conditions, writes)])[0]

    def commit_all(self, commits: Sequence[Commit]) -> list[int | Conflict]:
        """Several commits, one after the other, made durable together (one flush for all); each is judged on its own.

        StoreFailed: none of them happened.
        """
        batches: list[Batch] = []
        answers: list[int | Conflict] = []
        revision = self._revision
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for commit in commits:
                answer = self._apply(commit, revision + 1)
                if isinstance(answer, Batch):
                    batches.append(answer)
                    revision += 1
                answers.append(answer if isinstance(answer, Conflict) else revision)
            if batches:
                self._database.execute("UPDATE counter SET revision = ?", (revision,))
                self._trim()
            self._database.execute("COMMIT")  # durable from here on; none of them was answered yet
        except sqlite3.Error as error:
            self._roll_back()
            full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
            raise StoreFailed(f"{self.path} cannot be written: {error}", full=full) from error
        if batches:
            self._revision = revision
            self._keep(batches)
            for call in tuple(self._listeners.values()):
                call()
        return answers

    def changes(self, prefix: str, after: int, most: int = 1000) -> tuple[int, list[Batch]]:
        """The commits after revision `after` that touched the prefix, and the revision up to which that is all of them.

        At most `most` commits are looked at; ask again from the revision returned. Compacted: they are no longer known, or that
        revision was never reached (the store was set back to an older copy, and what the caller believes is not so).
        """
        if not self.oldest <= after <= self._revision:
            raise Compacted(f"the registry knows its commits from {self.oldest} to {self._revision}, not from {after}: read again")
        behind = self._revision - after
        if behind <= most:
            # From the newest end: a watcher is usually one commit behind, and a deque is slow in its middle.
            looked = [batch for batch, _ in islice(reversed(self._recent), behind)][::-1]
        else:
            start = len(self._recent) - behind
            looked = [batch for batch, _ in islice(self._recent, start, start + most)]
        found = [part for part in (_within(batch, prefix) for batch in looked) if part is not None]
        return after + len(looked), found

    def on_commit(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call `call` after every durable change, until the function returned is called."""
        self._listeners_made += 1
        number = self._listeners_made
        self._listeners[number] = call

        def stop() -> None:
            self._listeners.pop(number, None)

        return stop

    def lose_power(self) -> None:
        """What a power loss leaves of a store in memory, for simulated disks: what was made durable, read again as by a restart."""
        self._roll_back()
        self._recent.clear()
        self._recent_bytes = 0
        self._revision = self._load()
        self._trimmed = self.oldest

    def image(self) -> bytes:
        """Everything in it, as a file would hold it."""
        return self._database.serialize()

    def close(self) -> None:
        """Write everything into the one file and give it up. Harmless when closed already."""
        self._listeners.clear()
        self._database.close()
        self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self) -> int:
        """Fill what is kept from the file; the revision."""
        revision = int(self._database.execute("SELECT revision FROM counter").fetchone()[0])
        rows = self._database.execute(
            "SELECT revision, key, value FROM history WHERE revision > ? ORDER BY revision, key", (revision - self._keep_commits,)
        )
        batches = [
            Batch(
                number,
                tuple(Entry(key, value, number) for _, key, value in changes if value is not None),
                tuple(key for _, key, value in changes if value is None),
            )
            for number, changes in ((number, list(group)) for number, group in groupby(rows, key=lambda row: row[0]))
        ]
        if [batch.revision for batch in batches] != list(range(revision - len(batches) + 1, revision + 1)):
            raise damaged(self.path, "its history has gaps")
        self._keep(batches)
        return revision

    def _apply(self, commit: Commit, revision: int) -> Batch | Conflict | None:
        """One commit within the open transaction; None: nothing changed."""
        execute = self._database.execute
        failed = []
        for condition in commit.conditions:
            row = execute("SELECT revision FROM entries WHERE key = ?", (condition.key,)).fetchone()
            if (row[0] if row else 0) != condition.revision:
                failed.append(condition.key)
        if failed:
            return Conflict(tuple(dict.fromkeys(failed)))
        changed, deleted = [], []
        for write in sorted(commit.writes, key=lambda write: write.key):
            if write.value is not None:
                execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (write.key, write.value, revision))
                changed.append(Entry(write.key, write.value, revision))
            elif execute("DELETE FROM entries WHERE key = ?", (write.key,)).rowcount:
                deleted.append(write.key)
            else:
                continue
            execute("INSERT INTO history VALUES (?, ?, ?)", (revision, write.key, write.value))
        return Batch(revision, tuple(changed), tuple(deleted)) if changed or deleted else None

    def _trim(self) -> None:
        if self.oldest - self._trimmed >= _TRIM_EVERY:
            self._database.execute("DELETE FROM history WHERE revision <= ?", (self.oldest,))
            self._trimmed = self.oldest

    def _keep(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            size = sum(len(entry.key) + len(entry.value) for entry in batch.changed) + sum(map(len, batch.deleted))
            self._recent.append((batch, size))
            self._recent_bytes += size
        # The newest commit always stays: a watcher that is up to date must not be sent back to reading.
        while len(self._recent) > self._keep_commits or (self._recent_bytes > self._keep_bytes and len(self._recent) > 1):
            self._recent_bytes -= self._recent.popleft()[1]

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


_PAST_ALL = b"\xff"
"""No key begins with it: UTF-8 sorts like its bytes and holds no 0xFF."""


def _ranges(prefix: str, without: str, after: str) -> tuple[tuple[bytes, bytes], ...]:
    """What is asked for, as ranges of keys: the first key, and what comes after the last."""
    start = max(prefix.encode(), after.encode() + b"\0" if after else b"")
    end = _end(prefix)
    if not without:
        return ((start, end),)
    return (start, min(end, without.encode())), (max(start, _end(without)), end)


def _end(prefix: str) -> bytes:
    """What follows every key of a prefix: its last byte plus one."""
    start = prefix.encode()
    return start[:-1] + bytes((start[-1] + 1,)) if start else _PAST_ALL


def _first(entries: Iterable[Entry], limit_bytes: int) -> Iterator[Entry]:
    """As many as have no more bytes than the limit, but at least one; 0: all."""
    if not limit_bytes:
        yield from entries
        return
    size = 0
    for entry in entries:
        size += entry.size
        if size > limit_bytes and size > entry.size:
            return
        yield entry


def _within(batch: Batch, prefix: str) -> Batch | None:
    """What of a commit lies under the prefix; None: nothing."""
    if not prefix:
        return batch
    changed = tuple(entry for entry in batch.changed if entry.key.startswith(prefix))
    deleted = tuple(key for key in batch.deleted if key.startswith(prefix))
    return Batch(batch.revision, changed, deleted) if changed or deleted else None
