"""appvipcfg: makes and forgets application VIPs. Owns the command line; the daemon does the work and writes the text."""

import os
import sys

from understudy import __version__
from understudy.cli import client
from understudy.cli.options import FLAG, HELP, PLACE, VALUE, VERSION, Command, Option, Usage, parse, take_place

COMMANDS = {
    "create": Command(
        "appvipcfg create",
        "appvip-create",
        about="Registers a virtual address as a resource, and its type when it is the first of its network. It is not started.",
        example="appvipcfg create -network=1 -ip=10.10.10.11 -vipname=mysqlVIP -user=root",
        options={
            "-network": Option("network", "number of the network: understudy network list", kind=VALUE, metavar="number"),
            "-ip": Option("ip", "the address", kind=VALUE, metavar="address"),
            "-vipname": Option("vipname", "name of the resource", kind=VALUE, metavar="name"),
            "-user": Option("user", "user with the rights r-x in its access list", kind=VALUE, metavar="user"),
            "-group": Option("group", "group with the rights r-x in its access list", kind=VALUE, metavar="group"),
            "-failback": Option("failback", "1: it returns to its first server when that comes back", kind=VALUE, metavar="0|1"),
        },
    ),
    "modify": Command(
        "appvipcfg modify",
        "appvip-modify",
        about="Gives a virtual address another address on its network, or another failback. What it would restart is named, and done only "
        "with -f.",
        example="appvipcfg modify -vipname=mysqlVIP -ip=10.10.10.12 -f",
        options={
            "-vipname": Option("vipname", "name of the resource", kind=VALUE, metavar="name"),
            "-ip": Option("ip", "the new address", kind=VALUE, metavar="address"),
            "-failback": Option("failback", "1: it returns to its first server when that comes back", kind=VALUE, metavar="0|1"),
            "-f": Option("force", "do it although something restarts", kind=FLAG),
        },
    ),
    "delete": Command(
        "appvipcfg delete",
        "appvip-delete",
        about="Forgets a virtual address that is stopped.",
        example="appvipcfg delete -vipname=mysqlVIP",
        options={
            "-vipname": Option("vipname", "name of the resource", kind=VALUE, metavar="name"),
            "-f": Option("force", "stop it first", kind=FLAG),
        },
    ),
}


def main(argv: list[str] | None = None) -> int:
    """The command; its exit status, which can be trusted."""
    try:
        words, server, certificate = take_place(sys.argv[1:] if argv is None else argv)
    except Usage as error:
        print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
        return 1
    if not words or words[0] in HELP:
        print("\n\n".join([*(command.help() for command in COMMANDS.values()), PLACE]))
        return 0 if words else 1
    if words[0] == VERSION:
        print(f"understudy {__version__}")
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        print(f"UND-0066: '{words[0]}' is not something this command knows; try {', '.join(COMMANDS)}", file=sys.stderr)
        return 1
    try:
        body = parse(command, words[1:])
    except Usage as error:
        print(f"UND-0010: Option or argument not understood: {error}", file=sys.stderr)
        return 1
    if not server and os.geteuid() != 0:
        print("UND-0065: Only root may run appvipcfg.", file=sys.stderr)
        return 1
    return client.run(command.verb, body, server=server, certificate=certificate)
