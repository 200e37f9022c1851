"""`understudy replay`: what this server decided while it led, decided again by the code that is installed. Asks no daemon.

Exit status 0: the same was decided; 3: something would be decided otherwise; 1: there is no such decision, or it cannot be read; 2: the
command line is wrong.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.errors import BadInput

if TYPE_CHECKING:
    from understudy.daemon.pastfile import PastDecision
    from understudy.daemon.replayed import DecidedAgain, KeptDecision

_EXAMPLES = """examples: understudy replay --list
          understudy replay 1
          understudy replay t3r1204 --export decision.json
          understudy replay decision.json"""
LISTED = 50
SHOWN_KEYS = 3
"""Of a decision in the list."""
DIFFERS = 3


def main(argv: Sequence[str]) -> int:
    """The command; its exit status."""
    from understudy.model.messages import with_number

    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list == bool(arguments.which):
        parser.error("write --list, or which decision")
    if arguments.list and arguments.export:
        parser.error("--export goes with one decision")
    try:
        return _list(arguments) if arguments.list else _replay(arguments)
    except BadInput as error:
        print(with_number(error.code, str(error)), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"understudy replay: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy replay",
        description="Decides again, by the code that is installed here, what this server decided while it led, and shows what would be "
        "different. Nothing is changed, and no daemon is asked.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "which", nargs="?", metavar="N", help="1 is the last one; or its activity, as in the history (t3r1204); or a file that was exported"
    )
    parser.add_argument("--list", action="store_true", help=f"the last {LISTED} decisions that are kept here")
    parser.add_argument("--export", metavar="FILE", help="write it as a file for others, with nothing secret in it (- is standard output)")
    parser.add_argument("--state-dir", metavar="DIR", help="where the files are (default: as understudy.toml says)")
    return parser


def _parts(arguments: argparse.Namespace) -> "list":  # type: ignore[type-arg]
    """The files of the past. BadInput: not root."""
    from pathlib import Path

    from understudy.daemon.pastfile import FOLDER, PastFiles
    from understudy.guard.configured import read_settings
    from understudy.linux.paths import CONFIG
    from understudy.model.messages import words

    if arguments.state_dir is None and os.geteuid() != 0:
        raise BadInput(words(20735), code=20735)
    state_dir = arguments.state_dir or read_settings(CONFIG).state_dir
    return PastFiles(Path(state_dir) / FOLDER).parts()


def _list(arguments: argparse.Namespace) -> int:
    from collections import deque

    from understudy.daemon.replayed import decisions
    from understudy.daemon.text.columns import columns
    from understudy.daemon.times import shown_wall

    found: deque[PastDecision] = deque(maxlen=LISTED)
    found.extend(decision for decision, _ in decisions(_parts(arguments)))
    rows = [("N", "WHEN", "ACTIVITY", "WRITES")]
    for number, decision in zip(range(len(found), 0, -1), found, strict=True):
        more = f" and {len(decision.writes) - SHOWN_KEYS} more" if len(decision.writes) > SHOWN_KEYS else ""
        rows.append((str(number), shown_wall(decision.wall), decision.activity, f"{', '.join([*decision.writes][:SHOWN_KEYS])}{more}"))
    print(columns(rows) if found else "No decision is kept on this server: others may have led, or nothing was decided since.")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    from understudy.daemon.replayed import decided_again, exported

    kept = _of_file(arguments.which) if os.path.isfile(arguments.which) else _of_this_server(arguments)
    again = decided_again(kept)
    if arguments.export:
        _export(arguments.export, exported(kept))
    if arguments.export != "-":
        _show(again)
    return 0 if again.same else DIFFERS


def _of_file(name: str) -> "KeptDecision":
    from understudy.daemon.replayed import LARGEST, imported

    with open(name, "rb") as file:
        return imported(file.read(LARGEST + 1), name)


def _of_this_server(arguments: argparse.Namespace) -> "KeptDecision":
    from understudy.daemon.replayed import decisions, kept_decision
    from understudy.model.messages import words

    parts, which = _parts(arguments), arguments.which
    activities = [decision.activity for decision, _ in decisions(parts)]
    if not which.isdigit():
        wanted = next((number for number in range(len(activities) - 1, -1, -1) if activities[number] == which), None)
    else:
        wanted = len(activities) - int(which) if 0 < int(which) <= len(activities) else None
    if wanted is None:
        why = f"{len(activities)} are kept here; understudy replay --list shows the last of them"
        raise BadInput(words(20733, which, why), code=20733)
    for number, (decision, held) in enumerate(decisions(parts)):
        if number == wanted:
            return kept_decision(decision, held)
    raise BadInput(words(20733, which, "it was forgotten meanwhile"), code=20733)


def _export(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
        return
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"written: {path} ({len(text.encode())} bytes)")


def _show(again: "DecidedAgain") -> None:
    from understudy.daemon.replayed import in_words
    from understudy.daemon.times import shown_wall

    kept = again.kept
    print(f"{kept.activity}, decided by {kept.server} at {shown_wall(kept.wall)}:")
    for key, value in kept.writes.items():
        print(f"  {in_words(key, value)}")
    if again.same:
        print("It would be decided in the same way now.")
        return
    print("It would be decided otherwise now:")
    for key in again.differing:
        then = f"then: {in_words(key, kept.writes[key])}" if key in kept.writes else "then: nothing was written"
        now = f"now:  {in_words(key, again.writes[key])}" if key in again.writes else "now:  nothing is written"
        print(f"  {key}\n    {then}\n    {now}")
    for note in sorted({*kept.notes} ^ {*again.notes}) if kept.whole else ():
        print(f"  the history would {'not ' if note in kept.notes else ''}say: {' '.join(filter(None, note))}")
