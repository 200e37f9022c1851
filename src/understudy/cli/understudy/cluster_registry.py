"""`understudy cluster repair-registry`: room in an etcd whose quota is used up. Asks no daemon: none can write then.

Exit status 0: every member takes writes; 1: refused or failed, or a member was away, and the same command goes on from there; 2: the
command line is wrong.
"""

import argparse
import json
import os
import sys

from understudy.errors import BadInput, UnderstudyError
from understudy.model.messages import line, with_number, words

_EXAMPLE = "example: understudy cluster repair-registry"


def main(argv: list[str]) -> int:
    """The command; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return _repair(as_json=arguments.json)
    except UnderstudyError as error:
        code = getattr(error, "code", None)
        print(with_number(code, str(error)) if code else line(20361, error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="understudy cluster", description="The registry of a cluster.", epilog=_EXAMPLE)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    repair = commands.add_parser(
        "repair-registry",
        description="Make room in an etcd whose quota is used up, so that it takes writes again: compact, defragment one member after the "
        "other, disarm the alarm. What runs is not touched. Harmless where there is room.",
        epilog=_EXAMPLE,
    )
    repair.add_argument("--json", action="store_true", help="one JSON object, in the end")
    return parser


def _repair(*, as_json: bool) -> int:
    from understudy.guard.configured import read_settings
    from understudy.linux.paths import CONFIG
    from understudy.registry.etcd.room import EtcdRoom

    if os.geteuid() != 0:
        raise BadInput(words(20280), code=20280)
    settings = read_settings(CONFIG)
    if settings.engine != "etcd":
        raise BadInput(words(20360, settings.engine), code=20360)
    room = EtcdRoom(settings.registry, settings.registry_tls)
    members = room.make_room(lambda text: print(text, file=sys.stderr, flush=True))
    full = [member.endpoint for member in members if member.full]
    if as_json:
        rows = [{"endpoint": member.endpoint, "bytes": member.stored, "used": member.used, "full": member.full} for member in members]
        print(json.dumps({"members": rows, "silent": room.silent, "exit": int(bool(full or room.silent))}))
    else:
        for member in members:
            print(f"{member.endpoint}  {member.stored} bytes, {member.used} of them used{'  FULL' if member.full else ''}")
        print(line(20362) if not full else line(20363, ", ".join(full)))
        for why in room.silent.values():
            print(line(20401, why), file=sys.stderr)
    return int(bool(full or room.silent))
