"""`understudy openstack keys` and `rotate-keys`: the keys that controllers share, the same on all of them.

Reads the command line and prints; `openstack/keys.py` does it. Exit status 0: all servers have the same keys; 1: some have not, and it is
named what is to be done; 2: it cannot be said (a server is not reached, there are no keys yet).
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import BadInput, UnderstudyError
from understudy.model.messages import line
from understudy.setup.files import NewFile, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from understudy.openstack.core.wanted import WantedKeys
    from understudy.openstack.ground import ServerGround
    from understudy.openstack.keys import KeysOutcome
    from understudy.openstack.watching import FoldersWatched

_LONGEST_NOTE = 300
"""Characters: more is not shown of a resource."""
TEXTS = {
    "keys": "Copy the keys that controllers share from where they are newest; refused where that could take away one that signs.",
    "rotate-keys": "Stage a new Fernet key, let the staged one sign, and copy the set to every controller at once.",
}


def add_options(name: str, command: argparse.ArgumentParser) -> bool:
    """Those that the other commands have not; whether it is one of these commands."""
    if name not in TEXTS:
        return False
    command.set_defaults(run={"keys": _keys, "rotate-keys": _rotate}[name])
    command.add_argument("--dry-run", action="store_true", help="show what would be done; change nothing")
    if name == "keys":
        command.add_argument("--every", type=_seconds, metavar="SECONDS", help="go on: look so often, and when keys change here")
        command.add_argument("--note", metavar="FILE", default="", help="with --every: the status and one line, after each look")
        command.add_argument("--servers", metavar="NAME,NAME", default="", help="instead of a site file: these servers of the cluster")
        command.add_argument("--release", default="", help="with --servers: which OpenStack they have")
        command.add_argument("--from", dest="chosen", metavar="SERVER", default="", help="the keys of this server count, in any case")
    return True


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 5 <= int(text[:6]) <= 86400:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no number of seconds from 5 to 86400")
    return int(text)


def _wanted(arguments: argparse.Namespace) -> "tuple[Sequence[WantedKeys], Mapping[str, ServerGround]]":
    from understudy.cli.understudy.openstack import site_and_grounds
    from understudy.openstack.core.desired import keys_of

    site, catalogue, grounds = site_and_grounds(arguments, getattr(arguments, "servers", ""))
    wanted = keys_of(site, catalogue)
    if not wanted:
        raise BadInput("this site has no keys that servers share")
    return wanted, grounds


def _keys(arguments: argparse.Namespace) -> int:
    if arguments.every is None:
        return _said(_look(arguments), arguments)
    if arguments.chosen:
        raise BadInput("--every and --from: whose keys are right is decided once; leave one of them out")
    wanted, _ = _wanted(arguments)  # what is wrong with the command is said now
    watched = _watched(wanted, arguments.trees)
    before = ""
    while True:  # until its resource is stopped
        try:
            outcomes = _look(arguments)
            status = status_of(outcomes, dry_run=arguments.dry_run)
            said = " ".join(text for outcome in outcomes for text in _lines(outcome, dry_run=arguments.dry_run) if not outcome.agreed())
        except (UnderstudyError, OSError) as error:
            status, said = 2, str(error)
        text = f"{status} {said}"[:_LONGEST_NOTE]
        if text != before:
            print(text, flush=True)
            before = text
        if arguments.note:
            write_file(NewFile(arguments.note, f"{text}\n", 0o644))
        watched.wait(arguments.every)


def _watched(wanted: "Sequence[WantedKeys]", trees: str | None) -> "FoldersWatched":
    """The keys of this server; what another server changes is seen by looking. Of trees all are here."""
    from understudy.openstack.watching import FoldersWatched

    if trees:
        return FoldersWatched([f"{trees}/{holder}{item.place}" for item in wanted for holder in item.holders])
    return FoldersWatched([item.place for item in wanted])


def _look(arguments: argparse.Namespace) -> "list[KeysOutcome]":
    """Once."""
    from understudy.openstack.kept import FormerStates
    from understudy.openstack.keys import agree
    from understudy.openstack.work import closing

    wanted, grounds = _wanted(arguments)
    holders = dict.fromkeys(server for item in wanted for server in item.holders)
    if arguments.chosen and arguments.chosen not in holders:
        raise BadInput(f"--from {arguments.chosen}: no server of that name has keys; these have: {', '.join(holders)}")
    kept = FormerStates(Path(arguments.state))
    with closing(grounds):
        if arguments.dry_run:
            outcomes = agree(wanted, grounds, None, chosen=arguments.chosen)
        else:
            with kept.held():
                outcomes = agree(wanted, grounds, kept, chosen=arguments.chosen)
    return outcomes


def _rotate(arguments: argparse.Namespace) -> int:
    from understudy.openstack.kept import FormerStates
    from understudy.openstack.keys import rotate
    from understudy.openstack.work import closing

    wanted, grounds = _wanted(arguments)
    rotating = [item for item in wanted if item.limit is not None]
    if not rotating:
        raise BadInput("the keys of this release do not rotate")
    kept = FormerStates(Path(arguments.state))
    with closing(grounds):
        if arguments.dry_run:
            outcomes = [rotate(item, grounds, None) for item in rotating]
        else:
            with kept.held():
                outcomes = [rotate(item, grounds, kept) for item in rotating]
    return _said(outcomes, arguments)


def status_of(outcomes: "Sequence[KeysOutcome]", *, dry_run: bool) -> int:
    """As the command ends."""
    if any(outcome.conflict or outcome.left or (dry_run and (outcome.copied or outcome.signs)) for outcome in outcomes):
        return 1
    return 0 if all(outcome.agreed() for outcome in outcomes) else 2


def _said(outcomes: "Sequence[KeysOutcome]", arguments: argparse.Namespace) -> int:
    status = status_of(outcomes, dry_run=arguments.dry_run)
    if arguments.json:
        fields = ("place", "source", "cause", "conflict", "copied", "left", "away", "signs")
        print(json.dumps({"status": status, "keys": [{name: getattr(outcome, name) for name in fields} for outcome in outcomes]}))
        return status
    for outcome in outcomes:
        for text in _lines(outcome, dry_run=arguments.dry_run):
            print(text)
    return status


def _lines(outcome: "KeysOutcome", *, dry_run: bool) -> list[str]:
    place, copied = outcome.place, ", ".join(outcome.copied)
    lines = [line(20436, f"{server} {place}", why) for server, why in {**outcome.left, **outcome.away}.items()]
    if not outcome.source:
        lines.append(line(20465, place, outcome.cause))
    elif outcome.signs and dry_run:
        lines.append(line(20464, place, outcome.source, copied or "no other", outcome.signs))
    elif outcome.signs:
        lines.append(line(20463, place, outcome.source, outcome.signs))
    if outcome.source and copied and not (outcome.signs and dry_run):
        lines.append(line(20462 if dry_run else 20461, place, outcome.source, copied))
    elif outcome.agreed() and not outcome.signs:
        lines.append(line(20460, place, ", ".join(outcome.servers)))
    return lines
