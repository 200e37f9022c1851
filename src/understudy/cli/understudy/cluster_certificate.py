"""`understudy cluster certificate NAME`: a certificate with which an administrator gives commands to the cluster from elsewhere.

Only reads the command line, writes the one file and prints. Exit status 0: done; 1: refused or failed, nothing was written; 2: the command
line is wrong. Never prints a key.
"""

import argparse
import json
import os
import sys
import time
from datetime import timedelta

from understudy.errors import BadInput, UnderstudyError
from understudy.model.messages import line, with_number, words

_DAYS = 90
_MOST_DAYS = 730


def main(argv: list[str]) -> int:
    """Run it; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return _made(arguments)
    except UnderstudyError as error:
        print(with_number(getattr(error, "code", None), str(error)), file=sys.stderr)
        return 1
    except OSError as error:
        print(line(20285, error.filename or "The certificate", error.strerror or error), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    """Its command line."""
    example = "example: understudy cluster certificate bob --days 30 --out /root/bob.pem"
    parser = argparse.ArgumentParser(prog="understudy cluster", description="Administrators of a cluster.", epilog=example)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    text = "A certificate with its key, in one file, by which an administrator gives commands from elsewhere (--server)."
    found = commands.add_parser(
        "certificate",
        description=f"{text} Run it on a voter. What NAME may is what access lists give the user of that name; root may everything.",
        epilog=example,
    )
    found.add_argument("name", metavar="NAME", help="the user; no server")
    found.add_argument("--days", type=int, default=_DAYS, metavar="N", help=f"how long it is valid, 1 to {_MOST_DAYS} ({_DAYS})")
    found.add_argument("--out", metavar="FILE", help="the file to write, readable for its owner alone (NAME.pem here)")
    found.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _made(arguments: argparse.Namespace) -> int:
    from understudy.guard.configured import read_settings
    from understudy.security.keyfiles import KeyFiles
    from understudy.setup.places import SetupPlaces
    from understudy.setup.userfile import new_user_file, write_new

    if os.geteuid() != 0:
        raise BadInput(words(20280), code=20280)
    if not 1 <= arguments.days <= _MOST_DAYS:
        raise BadInput(words(20285, "--days", f"write a number from 1 to {_MOST_DAYS}"), code=20285)
    places = SetupPlaces()
    path = os.path.abspath(arguments.out or f"{arguments.name}.pem")
    file = new_user_file(arguments.name, timedelta(days=arguments.days), read_settings(places.config), KeyFiles(places.keys), path)
    write_new(file)
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + arguments.days * 86400))
    if arguments.json:
        print(json.dumps({"file": path, "user": arguments.name, "until": until, "exit": 0}))
        return 0
    print(
        f"written: {path}\n"
        f"It makes whoever has it user {arguments.name} of this cluster until {until}. Carry it by a way that nobody listens to, to\n"
        f"  ~/.config/understudy/certificate.pem   (mode 0600; or name it with --certificate, or UNDERSTUDY_CERTIFICATE)\n"
        f"and then, for example:\n"
        f"  crsctl --server ADDRESS stat res -t\n"
        f"What {arguments.name} may: crsctl getperm resource NAME -u {arguments.name}"
    )
    return 0
