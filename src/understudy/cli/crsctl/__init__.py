"""crsctl: one file per verb, imported only when it is named. Owns the command line; the daemon owns the text."""

import sys

from understudy import __version__
from understudy.cli import client
from understudy.cli.options import HELP, PLACE, VERSION, Command, Usage, parse, take_place

VERBS = (
    "add", "check", "config", "debug", "delete", "disable", "enable", "eval", "get", "getperm", "modify", "query", "relocate", "restart",
    "set", "setperm", "start", "stat", "stop", "unset",
)  # fmt: skip
_SAME = {"status": "stat", "res": "resource", "sp": "serverpool", "srvpool": "serverpool"}
_USAGE = f"""Usage: crsctl <verb> <object> [names] [options]
  verbs: {", ".join(VERBS)} (status is stat, res is resource)
  crsctl <verb> -h and crsctl <verb> <object> -h tell more; crsctl help <number> says what a message means.
  {PLACE}
Examples:
  crsctl stat res -t
  crsctl --server ctr2 stat res -t
  crsctl start resource mysqlVIP mysql-data mysqld -n ctr1
  crsctl check cluster -all
  crsctl help CRS-2549"""


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status."""
    try:
        words, server, certificate = take_place(sys.argv[1:] if argv is None else argv)
    except Usage as error:
        print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
        return 1
    words = in_full(words)
    if not words or words[0] in HELP:
        print(_USAGE)
        return 0 if words else 1
    if words[0] == VERSION:
        print(f"understudy {__version__}")
        return 0
    if words[0] == "help" and (len(words) == 1 or words[1] not in VERBS):
        return int(__import__("understudy.cli.numbers", fromlist=["main"]).main("crsctl", words[1:]))
    if words[0] == "help":
        words = [words[1], "-h"]
    if words[0] not in VERBS:
        print(f"UND-0066: '{words[0]}' is not something this command knows; try {', '.join(VERBS)}", file=sys.stderr)
        return 1
    commands = load(words[0])
    if len(words) < 2 or words[1] in HELP:
        print("\n\n".join(command.help() for command in commands.values()))
        return 0 if len(words) > 1 else 1
    # What a check finds is no failure of the command.
    title = {"stat": "Status", "check": ""}.get(words[0], words[0].capitalize())
    if words[1] not in commands:
        print(f"UND-0066: '{words[1]}' is not something this command knows; try {', '.join(commands)}", file=sys.stderr)
        return _failed(title)
    command = commands[words[1]]
    try:
        body = parse(command, words[2:])
    except Usage as error:
        print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
        print(f"  see: {command.title} -h", file=sys.stderr)
        return _failed(title)
    if command.runner:
        module = __import__(f"understudy.cli.crsctl.{command.runner}", fromlist=["run"])
        status: int = module.run(command, body, server, certificate)
        return status
    return client.run(command.verb, body, server=server, certificate=certificate, title=title)


def _failed(title: str) -> int:
    if title:
        print(client.FAILED.format(title))
    return 1


def in_full(words: list[str]) -> list[str]:
    """The command's own words as the tables have them; `eval` has the verb and object of what it evaluates together."""
    own = 3 if words[:1] == ["eval"] else 2
    words = [_SAME.get(word, word) if place < own else word for place, word in enumerate(words)]
    return [words[0], " ".join(words[1:3]), *words[3:]] if own == 3 and len(words) > 2 else words


def load(verb: str) -> dict[str, Command]:
    """The verb's commands by object."""
    # Not importlib: importing it takes as long as everything else here.
    commands: dict[str, Command] = __import__(f"understudy.cli.crsctl.{verb}", fromlist=["COMMANDS"]).COMMANDS
    return commands
