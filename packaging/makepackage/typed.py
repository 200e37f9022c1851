"""All that can be typed: programs, their commands, options and names, read from the parsers that read the command line itself.

Of this manual pages and completion are made, so neither can say anything else than the programs. Prints nothing and asks nobody.
"""

import argparse
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from understudy.cli import appvipcfg, crsctl, numbers, understudy
from understudy.cli.options import FLAG, Command
from understudy.cli.options import Option as OwnOption

RESOURCES, SERVERS, POOLS, TYPES, FILES = "resources", "servers", "pools", "types", "files"
"""What a name can be: for the first four the daemon is asked."""
_BY_WORD = {
    "resource": RESOURCES, "explain": RESOURCES, "history": RESOURCES, "status": RESOURCES,
    "server": SERVERS, "serverpool": POOLS, "type": TYPES,
}  # fmt: skip
_BY_METAVAR = {"server": SERVERS, "server ...": SERVERS, "type": TYPES, "file": FILES, "FILE": FILES}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedOption:
    """One option."""

    names: tuple[str, ...]
    text: str
    value: str = ""
    """What follows it, in words; empty: nothing does."""
    kind: str = ""
    """What that can be, if it is known."""
    words: tuple[str, ...] = ()
    """All that it can be, if these are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedCommand:
    """One command of a program."""

    words: tuple[str, ...]
    """The program and its sub-commands."""
    usage: str
    about: str
    examples: tuple[str, ...]
    options: tuple[TypedOption, ...]
    kind: str = ""
    """What its names are, if it takes any and it is known."""
    choices: tuple[str, ...] = ()
    """What else can stand in the place of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One file in /usr/bin."""

    name: str
    section: int
    """Of the manual: 1 for what operators type, 8 for what the system starts."""
    summary: str
    commands: tuple[TypedCommand, ...]
    aliases: tuple[tuple[str, str], ...] = ()
    """Words that mean another of its words."""


def programs() -> tuple[Program, ...]:
    """Every program of the project."""
    return (
        Program(
            name="crsctl",
            section=1,
            summary="register, start, stop, move and show the resources of a cluster",
            commands=(
                *(_own(command) for verb in crsctl.VERBS for command in crsctl.load(verb).values()),
                _own(numbers.COMMANDS["crsctl"]),
            ),
            aliases=tuple(crsctl._SAME.items()),
        ),
        Program(
            name="appvipcfg",
            section=1,
            summary="make and forget application virtual addresses",
            commands=tuple(_own(command) for command in appvipcfg.COMMANDS.values()),
        ),
        Program(
            name="understudy",
            section=1,
            summary="explain, watch, maintain, try and simulate a cluster",
            commands=(*_understudy(), _own(numbers.COMMANDS["understudy"])),
        ),
        *(
            Program(name=name, section=8, summary=summary, commands=tuple(_parsed((name,), _parser_of(module))))
            for name, (module, summary) in DAEMONS.items()
        ),
    )


DAEMONS = {
    "understudyd": ("understudy.daemon.main", "decides, and keeps running what is assigned to this server"),
    "understudy-exec": ("understudy.executor.main", "runs the actions of resources in control groups"),
    "understudy-guard": ("understudy.guard.main", "holds this server's lease and stops everything when it ends"),
    "understudy-registry": ("understudy.registry.sqlite.main", "serves the registry of a cluster from one file"),
}
"""Module and summary of what the system starts."""


def _understudy() -> Iterator[TypedCommand]:
    for name in sorted((*understudy.ASKING, *understudy.OWN)):
        module = importlib.import_module(f"understudy.cli.understudy.{name}")
        for command in getattr(module, "COMMANDS", {}).values():
            yield _own(command)
        if hasattr(module, "_parser"):
            yield from _parsed(("understudy", name), module._parser())
        if name == "demo":
            yield from _parsed(("understudy", name, "openstack"), _parser_of("understudy.cli.understudy.demo_openstack"))
        if name == "cluster":
            for module_below in dict.fromkeys(understudy.PARSED.values()):
                making = _parsed(("understudy", name), _parser_of(f"understudy.cli.understudy.{module_below}"))
                yield from (command for command in making if command.words[-1] in understudy.PARSED)


def _parser_of(module: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = importlib.import_module(module)._parser()
    return parser


def _own(command: Command) -> TypedCommand:
    """A command of our own parser."""
    words = tuple(command.title.split())
    return TypedCommand(
        words=words,
        usage=f"{command.usage}{' [options]' if command.options else ''}",
        about=command.about,
        examples=tuple(command.example.split("\n")),
        options=tuple(_own_option(name, option) for name, option in command.options.items()),
        kind=next((_BY_WORD[word] for word in words[1:] if word in _BY_WORD), "") if command.named else "",
    )


def _own_option(name: str, option: OwnOption) -> TypedOption:
    value = "" if option.kind == FLAG else option.metavar or "value"
    words = tuple(option.metavar.split("|")) if re.fullmatch(r"\w+(\|\w+)+", option.metavar) else ()
    return TypedOption(names=(name,), text=option.text, value=value, kind=_BY_METAVAR.get(option.metavar, ""), words=words)


def _parsed(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[TypedCommand]:
    """A command of argparse's, and those below it."""
    actions: list[Any] = parser._actions
    below = next((action for action in actions if isinstance(action, argparse._SubParsersAction)), None)
    named = [action for action in actions if not action.option_strings and action is not below]
    epilog = re.sub(r"^examples?:", "", parser.epilog or "")
    yield TypedCommand(
        words=words,
        usage=" ".join(parser.format_usage().removeprefix("usage:").split()),
        about=parser.description or "",
        examples=tuple(line.strip() for line in epilog.splitlines() if line.strip()),
        options=tuple(_parsed_option(action) for action in actions if action.option_strings and action.dest != "help"),
        choices=tuple(str(word) for action in named for word in action.choices or ()),
    )
    for name, parser_below in (below.choices if below else {}).items():
        yield from _parsed((*words, name), parser_below)


def _parsed_option(action: argparse.Action) -> TypedOption:
    words = tuple(str(word) for word in action.choices or ())
    value = "" if action.nargs == 0 else str(action.metavar or ("|".join(words) if words else action.dest.upper()))
    text = (action.help or "").replace("%%", "%")
    kind = FILES if "--config" in action.option_strings else _BY_METAVAR.get(value, "")
    return TypedOption(names=tuple(action.option_strings), text=text, value=value, kind=kind, words=words)
