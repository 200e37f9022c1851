"""understudy lab: a whole cluster on one machine, from the command line.

Only reads the command line and prints; what is done is in `understudy.lab`. Exit status 0 done, 1 refused or failed, 2 this machine cannot
(or the command line is wrong); `exec` and `client` pass the command's own on, 255 when it could not be run.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from understudy.errors import LabError, UnderstudyError
from understudy.lab import INITS, PLAIN, SYSTEMD
from understudy.model.engines import DEFAULT_ENGINE, ENGINES

_UNABLE = 2
_NOT_RUN = 255


def main(argv: list[str]) -> int:
    """Run one `understudy lab` command; its exit status."""
    arguments = _parser().parse_args(argv)
    if os.geteuid() != 0:
        return _say("a lab needs root: run this command as root", _UNABLE)
    try:
        status: int = arguments.run(arguments)
    except UnderstudyError as error:
        return _say(str(error), _NOT_RUN if arguments.run in (_exec, _client) else 1)
    except KeyboardInterrupt:
        return 130
    return status


def _say(text: str, status: int) -> int:
    print(f"understudy lab: {text}", file=sys.stderr)
    return status


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# Commands


def _image(arguments: argparse.Namespace) -> int:
    from understudy.lab import image, machine

    if why := machine.refusal():
        return _say(why, _UNABLE)
    print(image.ensure(_progress, _packages(arguments)))
    return 0


def _up(arguments: argparse.Namespace) -> int:
    from understudy.lab import Lab, machine

    if why := machine.refusal():
        return _say(why, _UNABLE)
    servers = [name.strip() for name in arguments.servers.split(",") if name.strip()]
    lab = Lab(
        arguments.name,
        servers,
        arguments.pause_tolerance,
        packages=_packages(arguments),
        ipv6=arguments.ipv6,
        engine=arguments.engine,
        bare=arguments.bare,
        empty=arguments.empty,
        init=SYSTEMD if arguments.empty else arguments.init,
    )
    started = time.monotonic()
    lab.up(progress=_progress, ready_within_s=None if arguments.no_wait else arguments.timeout)
    _progress(f"lab {arguments.name} is up after {time.monotonic() - started:.1f} s")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    _lab(arguments).down()
    return 0


def _status(arguments: argparse.Namespace) -> int:
    state = _lab(arguments).status()
    if arguments.json:
        print(json.dumps(state, indent=1))
    else:
        print(_table(state))
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    return _become(arguments, arguments.host)


def _client(arguments: argparse.Namespace) -> int:
    return _become(arguments, "client")


def _become(arguments: argparse.Namespace, host: str) -> int:
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise LabError("which command? Write it after --")
    line = _lab(arguments).command(host, command)
    sys.stdout.flush()
    os.execv(line[0], line)


def _boot(arguments: argparse.Namespace) -> int:
    _lab(arguments).boot(*arguments.host)
    return 0


def _on_one_host(verb: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        getattr(_lab(arguments), verb)(arguments.host)
        return 0

    return run


def _cut(arguments: argparse.Namespace) -> int:
    _lab(arguments).cut(arguments.host, one_way=arguments.one_way, networks=_networks(arguments.network))
    return 0


def _heal(arguments: argparse.Namespace) -> int:
    _lab(arguments).heal(arguments.host, networks=_networks(arguments.network))
    return 0


def _registry(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    verbs = {"stop": lab.registry_stop, "start": lab.registry_start, "pause": lab.registry_pause, "resume": lab.registry_resume}
    verbs[arguments.verb](arguments.host)
    return 0


# Helpers


def _lab(arguments: argparse.Namespace) -> Any:
    from understudy.lab import Lab

    return Lab(arguments.name)


def _packages(arguments: argparse.Namespace) -> tuple[str, ...]:
    from understudy.lab import image

    return image.SETS[arguments.with_set] if arguments.with_set else ()


def _networks(name: str) -> list[str] | None:
    return None if name == "all" else [name]


def _table(state: dict[str, Any]) -> str:
    services = ("understudy-guard", "understudy-exec", "understudyd", "understudy-registry")
    rows = [("HOST", "POWER", "STATE", "CUT", "MANAGEMENT", "INTERCONNECT", "GUARD", "EXEC", "DAEMON", "REGISTRY")]
    for name, host in state.items():
        condition = "frozen" if host["frozen"] else "runs" if host["power"] == "on" else "-"
        cuts = " ".join(f"{network}:{'+'.join(ways)}" for network, ways in sorted(host["cut"].items()))
        if len(host["cut"]) == len(host["addresses"]) and len({tuple(ways) for ways in host["cut"].values()}) == 1:
            cuts = f"all:{'+'.join(next(iter(host['cut'].values())))}"
        pids = [",".join(str(pid) for pid in host["services"].get(service, ())) or "-" for service in services]
        addresses = [host["addresses"].get(network, "-") for network in ("management", "interconnect")]
        rows.append((name, host["power"], condition, cuts or "-", *addresses, *pids))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy lab",
        description="A whole cluster on one machine: every server is a set of namespaces over a cached image.",
        epilog="example: understudy lab up && understudy lab exec ctr1 -- crsctl stat server",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=f"example: understudy lab {example}")
        command.set_defaults(run=run)
        command.add_argument("--name", default="lab", help="the lab's name (default: lab)")
        return command

    _add_with(add("image", _image, "make the hosts' root file system, if it is not in the cache", "image --with openstack"))
    _add_up(add("up", _up, "bring a lab up", "up --servers ctr1,ctr2 --pause-tolerance 0.5"))
    add("down", _down, "remove a lab and everything of it", "down --name other")
    status = add("status", _status, "show the hosts: power, cables, addresses, processes", "status --json")
    status.add_argument("--json", action="store_true", help="as JSON, with all that is known")
    run = add("exec", _exec, "run a command on a host", "exec ctr1 -- crsctl stat res -t")
    run.add_argument("host")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    run = add("client", _client, "run a command on the client, a host that is no server", "client -- ping -c1 10.10.10.1")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    add("crash", _on_one_host("crash"), "take a host's power away", "crash ctr1").add_argument("host")
    add("boot", _boot, "switch hosts on that are off", "boot ctr1").add_argument("host", nargs="+")
    add("freeze", _on_one_host("freeze"), "let a host hang: its kernel answers, its processes are paused", "freeze ctr1").add_argument(
        "host"
    )
    add("thaw", _on_one_host("thaw"), "resume a frozen host", "thaw ctr1").add_argument("host")
    cut = add("cut", _cut, "cut a host's cables, also across a reboot, until they are healed", "cut ctr1 --one-way out")
    cut.add_argument("--one-way", choices=("in", "out"), help="drop only what is sent to the host (in), or only what it sends (out)")
    for command in (cut, add("heal", _heal, "repair a host's cables", "heal ctr1")):
        command.add_argument("host")
        command.add_argument("--network", choices=("all", "public", "management", "interconnect", "vm"), default="all")
    registry = add("registry", _registry, "end, start, pause or resume the registry's processes", "registry stop")
    registry.add_argument("verb", choices=("stop", "start", "pause", "resume"))
    registry.add_argument("host", nargs="?", help="only the one on this host (default: all)")
    return parser


def _add_with(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--with",
        dest="with_set",
        choices=("openstack",),
        help="with Debian's OpenStack, RabbitMQ and memcached, none of them started; the first time, making it takes minutes and 2 GB",
    )


def _add_up(command: argparse.ArgumentParser) -> None:
    _add_with(command)
    command.add_argument("--servers", default="ctr1,ctr2,ctr3,ctr4", metavar="NAMES", help="the servers, separated by commas")
    command.add_argument("--pause-tolerance", type=float, default=2.0, metavar="SECONDS", help="survive pauses up to (default: 2)")
    command.add_argument("--engine", choices=tuple(ENGINES), default=DEFAULT_ENGINE, help="what the registry is built on")
    command.add_argument("--init", choices=INITS, default=PLAIN, help="the servers' first process: a small one, or a real systemd")
    command.add_argument("--ipv6", action="store_true", help="both families on all links, and network 2 for IPv6 addresses")
    command.add_argument("--bare", action="store_true", help="servers without settings: understudy cluster init and join make the cluster")
    command.add_argument(
        "--empty", action="store_true", help="servers with systemd and nothing of Understudy: packages are installed there"
    )
    command.add_argument("--no-wait", action="store_true", help="do not wait until the servers have joined the cluster")
    command.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for that (default: 30)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
