"""The store's file: owning it, creating it, and refusing what is not ours, newer, or damaged.

Called by `store.py` alone. Must never repair anything: a registry that guesses at what is lost could start something twice.
"""

import fcntl
import os
import sqlite3
from pathlib import Path

from understudy.errors import UnderstudyError

_APPLICATION = 0x55737472
"""`Ustr`: marks the file as ours, so that no other SQLite file is taken for a registry."""
_SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN;
CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE history (revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, PRIMARY KEY (revision, key)) WITHOUT ROWID;
CREATE TABLE counter (revision INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""


class StoreRefused(UnderstudyError):
    """The file cannot be served: in use, damaged, foreign, or written by a newer version. Nothing in it was changed."""


def own(path: str) -> int:
    """Lock the file for this process; the descriptor that holds the lock. StoreRefused: another process has it.

    The lock lies beside the file because SQLite drops its own locks when any descriptor of the file is closed; it is never
    removed, because removing it would let two processes each lock a file of that name.
    """
    try:
        lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreRefused(f"{path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StoreRefused(f"{path} is already being served by process {owner}") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def connect(path: str, memory: bool) -> sqlite3.Connection:
    """An open, sound database of our schema; created if the file is empty or missing."""
    if not memory and _torn(path):
        raise damaged(path, f"it is empty, but has a log beside it, {path}-wal")
    if not memory:
        _close_to_others(path)
    try:
        database = sqlite3.connect(path, isolation_level=None, timeout=0.0, cached_statements=64)
    except sqlite3.Error as error:
        raise StoreRefused(f"{path} cannot be opened: {error}") from None
    try:
        # Exclusive: nobody else may read a half-known state or write behind the revision counter; it also saves the shared index.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        _refuse_foreign(path, database)
        database.execute(f"PRAGMA journal_mode = {'MEMORY' if memory else 'WAL'}")
        database.execute("PRAGMA synchronous = FULL")
        if _number(database, "PRAGMA user_version") == 0:
            database.executescript(_SCHEMA)
        _refuse_damaged(path, database)
    except sqlite3.Error as error:
        database.close()
        raise damaged(path, str(error)) from None
    except BaseException:
        database.close()
        raise
    return database


def damaged(path: str, what: str) -> StoreRefused:
    """The error for a file whose content contradicts itself."""
    return StoreRefused(f"{path} is damaged ({what}): restore it from a copy, or remove it to start with an empty one")


def _close_to_others(path: str) -> None:
    """What operators registered is read by nobody else: passwords end up in attributes. SQLite gives its log the mode of the file."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for file in (path, f"{path}-wal"):
            if os.path.exists(file):
                os.chmod(file, 0o600)
    except OSError as error:
        raise StoreRefused(f"{path} cannot be opened: {error.strerror}") from None


def _torn(path: str) -> bool:
    file, log = Path(path), Path(path + "-wal")
    return log.exists() and log.stat().st_size > 0 and (not file.exists() or file.stat().st_size == 0)


def _refuse_foreign(path: str, database: sqlite3.Connection) -> None:
    tables = _number(database, "SELECT count(*) FROM sqlite_master")
    application, version = _number(database, "PRAGMA application_id"), _number(database, "PRAGMA user_version")
    if application == 0 and version == 0 and tables == 0:
        return
    if application != _APPLICATION:
        raise StoreRefused(f"{path} is a database of something else, no registry")
    if version != _SCHEMA_VERSION:
        raise StoreRefused(f"{path} has the format {version} of a newer Understudy; this one knows {_SCHEMA_VERSION}")


def _refuse_damaged(path: str, database: sqlite3.Connection) -> None:
    found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, str(found))
    counted = [row[0] for row in database.execute("SELECT revision FROM counter")]
    if len(counted) != 1:
        raise damaged(path, "no single revision counter")
    newest = _number(database, "SELECT ifnull(max(revision), 0) FROM entries")
    if newest > counted[0]:
        raise damaged(path, f"an entry of revision {newest}, but the counter says {counted[0]}")


def _number(database: sqlite3.Connection, query: str) -> int:
    return int(database.execute(query).fetchone()[0])
