"""`understudy cluster backup` and `restore`: the file is written and read here, all else is the daemon's.

Exit status 0: done; 1: refused or failed; 2: the command line is wrong. A backup is written beside its place, flushed, and renamed; only
its owner can read it.
"""

import argparse
import os
import sys

from understudy.cli import client

VERBS = ("cluster-backup", "cluster-restore")
"""Of the daemon."""
_BACKUP_EXAMPLE = "example: understudy cluster backup /var/backups/understudy-$(date +%F).json"
_RESTORE_EXAMPLE = """examples:
  understudy cluster restore /var/backups/understudy-2026-11-27.json --dry-run
  understudy cluster restore /var/backups/understudy-2026-11-27.json"""


def main(argv: list[str]) -> int:
    """Run one of them; its exit status."""
    arguments = _parser().parse_args(argv)
    run = {"backup": _backup, "restore": _restore}[arguments.command]
    try:
        return run(arguments)
    except client.Away as error:
        client.say_away(error)
        return 1
    except OSError as error:
        print(f"UND-0350: {arguments.file}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; what was begun goes on", file=sys.stderr)
        return client.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="understudy cluster", description="The backup of a cluster.", epilog=_BACKUP_EXAMPLE)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    backup = commands.add_parser(
        "backup",
        description="Write one file with what is registered and wanted, and the epochs: what is needed after the loss of everything. "
        "It holds no keys. Works on any server, also while the registry is away.",
        epilog=_BACKUP_EXAMPLE,
    )
    backup.add_argument("file", metavar="FILE", help="where it is written (- is standard output); an older file there is replaced")
    restore = commands.add_parser(
        "restore",
        description="Register again what a backup holds and the registry does not. What is there stays as it is, what runs goes on "
        "running, and nothing is deleted. What differs is shown first.",
        epilog=_RESTORE_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    restore.add_argument("file", metavar="FILE", help="what `understudy cluster backup` wrote (- is standard input)")
    restore.add_argument("--dry-run", action="store_true", help="show what would be done, and change nothing")
    restore.add_argument("--overwrite", action="store_true", help="also set back what was changed, started or stopped since")
    restore.add_argument("--other-cluster", action="store_true", help="the backup is of a cluster of another name, and that is meant")
    restore.add_argument("-f", dest="force", action="store_true", help="even if something that runs is stopped or moved by it")
    return parser


def _backup(arguments: argparse.Namespace) -> int:
    status, text = client.ask(VERBS[0], {})
    if status or not text.startswith("{"):
        print(text)
        return status or 1
    if arguments.file == "-":
        print(text)
        return 0
    _write(arguments.file, text.encode() + b"\n")
    print(f"written: {arguments.file} ({len(text)} bytes)")
    return 0


def _write(path: str, content: bytes) -> None:
    """Whole or not at all."""
    beside = f"{path}.new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # one that a crash left may have another
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _restore(arguments: argparse.Namespace) -> int:
    import base64
    import zlib

    if arguments.file == "-":
        content = sys.stdin.buffer.read()
    else:
        with open(arguments.file, "rb") as file:
            content = file.read()
    packed = base64.b64encode(zlib.compress(content)).decode()
    flags = {name: getattr(arguments, name) for name in ("dry_run", "overwrite", "other_cluster", "force")}
    return client.run(VERBS[1], {"content": packed, **{name: True for name, given in flags.items() if given}})
