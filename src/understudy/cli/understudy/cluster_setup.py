"""`understudy cluster init`, `join`, `token`, `check`, `leave`: from bare servers to a cluster, and out of one.

Only reads the command line, prints, and puts the parts of `setup/` in their order. Exit status 0: done; 1: refused or failed, and nothing
was changed that the same command would not go on from; 2: the command line is wrong.
"""

import argparse
import getpass
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from understudy.errors import BadInput, UnderstudyError
from understudy.model.engines import ENGINES
from understudy.model.messages import line, with_number, words

if TYPE_CHECKING:
    from understudy.model.settings import Settings
    from understudy.setup.checks import CheckRow, Purpose
    from understudy.setup.files import NewFile
    from understudy.setup.places import SetupPlaces
    from understudy.setup.services import Arrived
    from understudy.setup.state import HereNow
    from understudy.setup.wanted import InitWish

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TOKEN_LASTS_S = 3600.0
_WAIT_S = 120.0
_INIT_EXAMPLE = """example:
  understudy cluster init prod --server ctr1=10.10.20.1,10.10.10.1 --server ctr2=10.10.20.2,10.10.10.2 \\
      --server ctr3=10.10.20.3,10.10.10.3 --network 1=10.10.10.0/24,eth1"""


def main(argv: list[str]) -> int:
    """Run one of them; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except UnderstudyError as error:
        print(with_number(getattr(error, "code", None), str(error)), file=sys.stderr)
        return 1
    except OSError as error:
        print(line(20285, error.filename or "This server", error.strerror or error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy cluster", description="From bare servers to a cluster.", epilog="example: understudy cluster check"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, text: str, epilog: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=text, description=text, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(run={"init": _init, "join": _join, "token": _token, "check": _check, "leave": _leave}[name])
        command.add_argument("--json", action="store_true", help="one JSON object, in the end")
        return command

    _add_init(
        add("init", "Make a cluster, beginning with this server. Typed again, it goes on from where it was interrupted.", _INIT_EXAMPLE)
    )
    join = add("join", "Make this server one of a cluster's, with a token from there.", "example: understudy cluster join und1aekaufab...")
    join.add_argument("token", nargs="?", help="what init or token printed; asked for, or read from standard input, if it is left out")
    join.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing; the token stays good")
    _add_wait(join)
    token = add(
        "token", "Another token, for another server to join with; each counts once.", "example: understudy cluster token --expires 20m"
    )
    token.add_argument("--expires", type=_duration, default=_TOKEN_LASTS_S, metavar="TIME", help="after 90s, 20m, 2h, 1d, ... (1h)")
    add("check", "Whether this server has all that a cluster needs; changes nothing.", "example: understudy cluster check --json")
    leave = add(
        "leave", "This server leaves the cluster for good: what runs here starts elsewhere, then its settings and keys are removed.",
        "example: understudy cluster leave",
    )  # fmt: skip
    leave.add_argument("--keep", action="store_true", help="leave services, settings and keys as they are")
    return parser


def _add_init(init: argparse.ArgumentParser) -> None:
    init.add_argument("cluster", metavar="NAME", help="the cluster's name")
    init.add_argument(
        "--server", action="append", default=[], metavar="NAME=ADDRESS,...", help="once for each server: its address on each network, the"
        " most trusted network first"
    )  # fmt: skip
    init.add_argument(
        "--witness", action="append", default=[], metavar="NAME=ADDRESS,...", help="a server that votes and runs no resources, so that two"
        " others have a majority without a third"
    )  # fmt: skip
    init.add_argument("--network", action="append", default=[], metavar="N=SUBNET,INTERFACE", help="a network for virtual addresses")
    init.add_argument("--pause-tolerance", type=float, default=2.0, metavar="SECONDS", help="survive pauses up to (2)")
    init.add_argument("--voters", metavar="NAMES", help="1, 3 or 5 servers, separated by commas (the first three by name)")
    init.add_argument("--engine", choices=tuple(ENGINES), default="etcd", help="what the registry is built on (etcd, on the voters)")
    init.add_argument("--endpoint", action="append", default=[], metavar="ADDRESS:PORT", help="where a registry of engine sqlite is")
    init.add_argument("--accept-single-voter", action="store_true", help="two servers: accept that the loss of the voter stops both")
    init.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    _add_wait(init)


def _add_wait(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wait", type=_duration, default=_WAIT_S, metavar="TIME", help="how long to wait until this server is ONLINE (2m)"
    )


def _duration(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smhd]?)", text.strip())
    seconds = float(found[1]) * _UNITS_S[found[2] or "s"] if found else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text}: write a number with s, m, h or d, as 20m")
    return seconds


# --- the commands -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Result:
    """What a command prints: lines as they come, or one JSON object in the end."""

    as_json: bool
    values: dict[str, object] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            print(text, flush=True)

    def end(self, status: int) -> int:
        """The exit status, and the object."""
        if self.as_json:
            print(json.dumps({**self.values, "exit": status}))
        return status


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _init(arguments: argparse.Namespace) -> int:
    from understudy.security.keyfiles import KeyFiles
    from understudy.setup.begin import new_files, new_token
    from understudy.setup.checks import Purpose
    from understudy.setup.wanted import wanted_settings

    places, result = _places(), _Result(arguments.json)
    here = _here(places)
    settings, not_a_server = wanted_settings(_wish(arguments), here.addresses, places)
    if not _checked(result, _Target(settings, not_a_server), here, Purpose.INIT):
        return result.end(1)
    _show_voters(result, settings)
    files = new_files(settings, places)
    if arguments.dry_run:
        return _shown(result, settings, [file.path for file in files])
    _write(files, settings, places)
    arrived = _start(result, settings, arguments.wait)
    more = len(settings.servers) > len(arrived.there)
    token = new_token(settings, KeyFiles(places.keys), _TOKEN_LASTS_S, time.time()) if more else ""
    return _end(result, settings, arrived, token=token)


def _join(arguments: argparse.Namespace) -> int:
    from understudy.setup.checks import Purpose
    from understudy.setup.enter import admitted, terms, using_token, would_write
    from understudy.setup.token import parse_token

    places, result = _places(), _Result(arguments.json)
    token = parse_token(_given_token(arguments.token))
    _require_root()
    here = _here(places)
    found = terms(token, here, places)
    settings = found.settings
    if not _checked(result, _Target(settings, found.not_a_server), here, Purpose.JOIN):
        return result.end(1)
    _show_voters(result, settings)
    if arguments.dry_run:
        return _shown(result, settings, would_write(settings, places) if found.issuer else [])
    with using_token(found):
        _write(admitted(found, places), settings, places)
    return _end(result, settings, _start(result, settings, arguments.wait))


def _token(arguments: argparse.Namespace) -> int:
    from understudy.security.keyfiles import KeyFiles
    from understudy.setup.begin import new_token
    from understudy.setup.tokens import LONGEST_S, SHORTEST_S

    _require_root()
    places, result = _places(), _Result(arguments.json)
    settings = _configured(_here(places))
    if not SHORTEST_S <= arguments.expires <= LONGEST_S:
        raise BadInput(words(20285, "--expires", "write a time from 1m to 7d"), code=20285)
    token = new_token(settings, KeyFiles(places.keys), arguments.expires, time.time())
    result.values |= {"token": token, "expires_in_s": arguments.expires}
    result.say(f"On the server that is to join, within {_written(arguments.expires)}:\n  understudy cluster join {token}")
    return result.end(0)


def _check(arguments: argparse.Namespace) -> int:
    from understudy.setup.checks import Purpose
    from understudy.setup.wanted import own_name

    places, result = _places(), _Result(arguments.json)
    here = _here(places)
    not_a_server = ""
    if here.settings is not None:
        name, not_a_server = own_name(here.settings.servers, here.addresses)
        if name and name != here.settings.server:
            not_a_server = f"it has the addresses of {name}, and understudy.toml says that it is {here.settings.server}"
    return result.end(0 if _checked(result, _Target(here.settings, not_a_server), here, Purpose.CHECK) else 1)


def _leave(arguments: argparse.Namespace) -> int:
    from understudy.cli.understudy.cluster_leave import leave

    result = _Result(arguments.json)
    return result.end(leave(arguments))


# --- their parts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Target:
    settings: "Settings | None"
    not_a_server: str


def _checked(result: _Result, target: _Target, here: "HereNow", purpose: "Purpose") -> bool:
    """Print the table; whether nothing in it failed."""
    from understudy.setup.checks import Purpose, check_rows, failed
    from understudy.setup.measure import read_host
    from understudy.setup.table import table_text
    from understudy.setup.wanted import differences

    _progress("looking at this server ...")
    found = read_host(target.settings, here, _places(), others=purpose is Purpose.INIT)
    rows: tuple[CheckRow, ...] = check_rows(found, target.settings, purpose, target.not_a_server)
    result.values["checks"] = [row.as_json() for row in rows]
    result.say(table_text(rows))
    if not failed(rows):
        return True
    if purpose is not Purpose.CHECK:
        otherwise = differences(here.settings, target.settings) if here.settings and target.settings else []
        print(line(20273, "; ".join(otherwise)) if otherwise else line(20270), file=sys.stderr)
    return False


def _show_voters(result: _Result, settings: "Settings") -> None:
    majority = len(settings.voters) // 2 + 1
    result.values |= {"cluster": settings.cluster, "server": settings.server, "voters": list(settings.voters)}
    rows = {
        "cluster": settings.cluster,
        "this server": settings.server,
        "voters": f"{', '.join(settings.voters)}; {majority} of them must be there" if majority > 1 else settings.voters[0],
        "registry": f"{settings.engine} at {', '.join(settings.registry)}",
    }
    result.say("\n".join(["", *(f"{title:<11}  {value}" for title, value in rows.items()), ""]))


def _shown(result: _Result, settings: "Settings", paths: list[str]) -> int:
    """What a dry run ends with."""
    from understudy.setup.written import settings_text

    result.values |= {"files": paths, "settings": settings_text(settings)}
    result.say("\n".join(["would write, if not there already:", *(f"  {path}" for path in paths)]))
    result.say(f"\nunderstudy.toml:\n\n{settings_text(settings)}\nNothing was changed.")
    return result.end(0)


def _write(files: "list[NewFile]", settings: "Settings", places: "SetupPlaces") -> None:
    from understudy.setup.begin import write_all

    write_all(files, places, settings.state_dir, _progress)


def _start(result: _Result, settings: "Settings", within_s: float) -> "Arrived":
    from understudy.setup.services import TARGET, by_hand, start_target, systemd_runs, wait_online

    if systemd_runs():
        start_target()
        _progress(f"started: {TARGET}")
    else:
        commands = by_hand(settings, _places())
        result.values["start"] = commands
        result.say(
            "\n".join(["", "systemd does not run here. Have these run all the time, started in this order:", *(f"  {c}" for c in commands)])
        )
    return wait_online(settings, _ask_daemon, within_s, _progress)


def _end(result: _Result, settings: "Settings", arrived: "Arrived", *, token: str = "") -> int:
    from understudy.setup.standing import next_steps

    result.values |= {"online": arrived.online, "waits_for": arrived.waits_for, "token": token}
    if arrived.online:
        result.say(f"\n{settings.server} is ONLINE in cluster {settings.cluster}.")
    elif arrived.in_time:
        result.say(f"\n{settings.server} is configured. {arrived.waits_for}.")
    if token:
        result.say("\n".join(["", *next_steps(settings, arrived.there, token)]))
    if arrived.online or arrived.in_time:
        return result.end(0)
    print(line(20281, settings.server, f"{arrived.waited_s:.0f}", arrived.waits_for), file=sys.stderr)
    return result.end(1)


def _wish(arguments: argparse.Namespace) -> "InitWish":
    from understudy.setup.wanted import InitWish, endpoint_text, parse_network, parse_server

    voters = arguments.voters
    return InitWish(
        cluster=arguments.cluster,
        servers=(*map(parse_server, arguments.server), *(parse_server(text, witness=True) for text in arguments.witness)),
        networks=tuple(map(parse_network, arguments.network)),
        voters=None if voters is None else tuple(sorted(name.strip() for name in voters.split(",") if name.strip())),
        engine=arguments.engine,
        endpoints=tuple(map(endpoint_text, arguments.endpoint)),
        pause_tolerance=arguments.pause_tolerance,
        single_voter=arguments.accept_single_voter,
    )


def _given_token(argument: str | None) -> str:
    """From the command line; else from a terminal, unseen; else from standard input."""
    if argument not in (None, "-"):
        return str(argument)
    return getpass.getpass("token: ") if sys.stdin.isatty() else sys.stdin.readline()


def _places() -> "SetupPlaces":
    from understudy.setup.places import SetupPlaces

    return SetupPlaces()


def _here(places: "SetupPlaces") -> "HereNow":
    from understudy.setup.measure import local_addresses
    from understudy.setup.state import here_now

    return here_now(places, local_addresses())


def _configured(here: "HereNow") -> "Settings":
    if here.settings is not None:
        return here.settings
    raise BadInput(
        words(20285, "This server is not configured", here.unreadable or "understudy cluster init, or join, does that"), code=20285
    )


def _require_root() -> None:
    import os

    if os.geteuid() != 0:
        raise BadInput(words(20280), code=20280)


def _ask_daemon(verb: str, body: dict[str, object]) -> str:
    """See `setup/services.py`."""
    from understudy.cli.client import Away, ask

    try:
        return ask(verb, body, quiet=True)[1]
    except Away as error:
        raise ConnectionError(str(error)) from None


def _written(seconds: float) -> str:
    for unit, worth in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds % worth == 0:
            return f"{seconds / worth:.0f} {unit}"
    return f"{seconds:.0f} s"
