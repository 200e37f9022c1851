"""understudy: one file per command, imported only when it is named. Owns the command line; the daemon owns the text."""

import importlib
import sys

from understudy import __version__
from understudy.cli import client
from understudy.cli.options import HELP, PLACE, VERSION, Command, Usage, parse, take_place, with_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ASKING = ("apply", "cluster", "explain", "export", "history", "network", "plan", "server", "status", "whatif")
"""Commands that ask the daemon of this server; each file has a table COMMANDS."""
OWN = ("demo", "lab", "openstack", "replay", "simulate")
"""Commands with a `main(argv)` of their own; they need no daemon."""
SETUP = ("init", "join", "token", "check", "leave")
"""`understudy cluster ...` that make a cluster, or end it."""
PARSED = {
    **dict.fromkeys(SETUP, "cluster_setup"),
    **dict.fromkeys(("backup", "restore"), "cluster_backup"),
    "certificate": "cluster_certificate",
    "repair-registry": "cluster_registry",
}
"""`understudy cluster ...` with a parser of their own, and their files."""
_USAGE = f"""Usage: understudy <command> [options]
  apply FILE            make the cluster what a file says: types, server pools, resources
  cluster backup FILE   what is needed after the loss of everything, as a file
  cluster certificate   a certificate with which an administrator gives commands from elsewhere
  cluster check         whether this server has all that a cluster needs
  cluster export        what is registered and wanted, as a file for simulate
  cluster init NAME     make a cluster, beginning with this server
  cluster join TOKEN    make this server one of a cluster's
  cluster add-voter, remove-voter, replace-voter
                        who votes, and runs the registry's members
  cluster add-server    one more server; it joins with a token
  cluster leave         this server leaves the cluster for good
  cluster remove-server take a server out that is gone for good
  cluster token         another token, for another server to join with
  cluster repair-registry  room in an etcd whose quota is used up
  cluster restore FILE  register again what a backup holds; what runs goes on running
  cluster rotate-keys   a new key for the guards of all servers, while everything runs on
  cluster status        the cluster as a whole, and whether everything wanted runs
  demo                  the main job in a lab: a database survives four accidents
  explain NAME          why a resource is where it is, and what every server is worth to it
  export                types, server pools and resources of this cluster as a file to edit
  help NUMBER           what a message means, as UND-0026, and what to do
  history               what happened, in order, with causes and milliseconds
  lab                   a whole cluster on this machine
  network add, list, remove
                        networks for virtual addresses, while everything runs on
  openstack init, plan, apply, verify, undo
                        an OpenStack control plane for this cluster to keep available, from one file
  plan FILE             what apply would change, and what would stop, start and move by it
  replay N              a decision of this server as leader, decided again; as a file for a bug report
  server evict NAME     grant a server no lease any more: what it holds is moved off
  server join           bring this server back after it has left
  server leave [NAME]   a server stops everything in order, and stays out until it joins again
  server list           servers, their states and what runs on them
  simulate              whole clusters in virtual time, with faults, judged at every instant; your own with --live
  status                resources, as crsctl stat res -t
  whatif lose NAME,...  what would happen if servers were lost; whatif return, whatif fail
  whatif COMMAND        what any command would do: whatif stop resource mysqld -f, whatif server leave ctr1
  understudy <command> -h tells more; understudy --version says which version this is.
  {PLACE}
Examples:
  understudy lab up --servers ctr1,ctr2,ctr3,ctr4
  understudy explain mysqld
  understudy history -n 20 --follow"""


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    if _asks(words):
        try:
            words, server, certificate = take_place(words)
        except Usage as error:
            print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
            return 1
    else:
        server = certificate = ""
    if not words or words[0] in HELP:
        print(_USAGE)
        return 0 if words else 1
    if words[0] == VERSION:
        print(f"understudy {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name == "whatif" and (program := _rehearsed_program(rest)):
        return program([*_place_words(server, certificate), *_without_program(rest), "--dry-run"])
    if name == "help":
        return int(importlib.import_module("understudy.cli.numbers").main("understudy", rest))
    if name in OWN:
        return int(importlib.import_module(f"understudy.cli.understudy.{name}").main(rest))
    if name == "cluster" and rest and rest[0] in PARSED:
        return int(importlib.import_module(f"understudy.cli.understudy.{PARSED[rest[0]]}").main(rest))
    if name not in ASKING:
        return _unknown(name, sorted((*ASKING, *OWN)))
    return _ask(importlib.import_module(f"understudy.cli.understudy.{name}").COMMANDS, name, rest, (server, certificate))


def _rehearsed_program(rest: list[str]) -> "Callable[[list[str]], int] | None":
    """Whose command is asked about, if it is one: `whatif stop resource x` is `crsctl stop resource x --dry-run`."""
    from understudy.cli import appvipcfg, crsctl

    first = rest[0] if rest else ""
    if first == "appvipcfg":
        return appvipcfg.main
    if first == "crsctl" or first in crsctl.VERBS:
        return crsctl.main
    return main if first in ("apply", "understudy", "server", "cluster") else None


def _without_program(rest: list[str]) -> list[str]:
    return rest[1:] if rest[0] in ("appvipcfg", "crsctl", "understudy") else rest


def _place_words(server: str, certificate: str) -> list[str]:
    return [*(["--server", server] if server else []), *(["--certificate", certificate] if certificate else [])]


def _asks(words: list[str]) -> bool:
    """Whether the command asks a daemon, so that `--server` can say which. `cluster init` has an option of that name for another thing."""
    if words and words[0].partition("=")[0] in ("--server", "--certificate"):
        return True
    return bool(words) and words[0] in ASKING and not (words[0] == "cluster" and words[1:2] and words[1] in PARSED)


def _ask(commands: dict[str, Command], name: str, rest: list[str], place: tuple[str, str]) -> int:
    """A command without a second word stands under the empty one. `place`: server and certificate."""
    if "" in commands:
        command = commands[""]
    elif rest and rest[0] in commands:
        command, rest = commands[rest[0]], rest[1:]
    elif not rest or rest[0] in HELP:
        print("\n\n".join(subcommand.help() for subcommand in commands.values()))
        if name == "whatif":
            print("\nBefore any other command that changes something: what that would do, as with --dry-run after it.")
            print("Examples:\n  understudy whatif stop resource mysqld -f\n  understudy whatif server leave ctr1")
        if name == "cluster":
            print(f"\nMaking a cluster: understudy cluster {' | '.join(SETUP)}; each tells more with -h.")
            others = " | ".join(word for word in PARSED if word not in SETUP)
            print(f"Keeping it: understudy cluster {others}; each tells more with -h.")
        return 0 if rest else 1
    else:
        return _unknown(f"{name} {rest[0]}", [f"{name} {word}" for word in (*commands, *(PARSED if name == "cluster" else ()))])
    try:
        body = with_file(command, parse(command, rest))
    except Usage as error:
        print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
        print(f"  see: {command.title} -h", file=sys.stderr)
        return 1
    return client.run(command.verb, body, server=place[0], certificate=place[1])


def _unknown(word: str, known: list[str]) -> int:
    print(f"UND-0066: '{word}' is not something this command knows; try {', '.join(known)}", file=sys.stderr)
    return 1
