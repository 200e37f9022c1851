"""What has to have a row: every command with every option, every attribute, every kind of dependency with every modifier, every operator
of a filter, every type. Read from the product, so that nothing new comes in without one.
"""

import argparse
import functools
import shlex
from collections.abc import Iterator

from understudy.cli import appvipcfg, crsctl, understudy
from understudy.cli.options import HELP, VERSION, Command, take_place
from understudy.kinds.catalogue import built_in_types
from understudy.model import categories, pools
from understudy.model.attributes import ATTRIBUTES, READ_ONLY, SPECIAL
from understudy.model.dependencies import MODIFIERS, SUFFIXES
from understudy.model.filters import OPERATORS

PROGRAMS = ("crsctl", "appvipcfg", "understudy")
_SHORT = {"START_DEPENDENCIES": "START", "STOP_DEPENDENCIES": "STOP"}
PREFIXES = (
    *(f"{program} " for program in PROGRAMS),
    "attribute ",
    "pool attribute ",
    "category attribute ",
    "START ",
    "STOP ",
    "filter ",
    "type ",
)
"""What begins so is an entry; everything else that a row is about is a few words."""


def commands() -> dict[str, Command]:
    """Every command that asks a daemon, by its title."""
    found = [command for verb in crsctl.VERBS for command in crsctl.load(verb).values()]
    found += appvipcfg.COMMANDS.values()
    for name in understudy.ASKING:
        found += __import__(f"understudy.cli.understudy.{name}", fromlist=["COMMANDS"]).COMMANDS.values()
    return {command.title: command for command in found}


@functools.cache
def parsed() -> dict[str, frozenset[str]]:
    """Every command of understudy that has a parser of its own, by its title, with its options."""
    files = {"cluster": sorted({*understudy.PARSED.values()}), "demo openstack": ["demo_openstack"]}
    files |= {name: [name] for name in understudy.OWN}
    found: dict[str, frozenset[str]] = {}
    for name, modules in files.items():
        for module in modules:
            parser = __import__(f"understudy.cli.understudy.{module}", fromlist=["_parser"])._parser()
            found |= dict(_of_parser(f"understudy {name}", parser))
    return found


def _of_parser(title: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, frozenset[str]]]:
    """It, or where it has commands of its own these."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, subcommand in action.choices.items():
            yield from _of_parser(f"{title} {name}", subcommand)
    if not below:
        yield title, frozenset(option for action in parser._actions for option in action.option_strings if option not in HELP)


def entries() -> dict[str, str]:
    """Each entry, and what stands in the command line of a row that is about it."""
    return dict(_entries())


def _entries() -> Iterator[tuple[str, str]]:
    for title, command in commands().items():
        yield title, ""
        yield from ((f"{title} {option}", option) for option in command.options)
    for title, options in parsed().items():
        yield title, ""
        yield from ((f"{title} {option}", option) for option in options)
    yield from ((f"attribute {name}", name) for name in {**ATTRIBUTES, **SPECIAL})
    yield from ((f"attribute {name}", name) for name in READ_ONLY)
    yield from ((f"pool attribute {name}", name) for name in pools.ATTRIBUTES)
    yield from ((f"category attribute {name}", name) for name in categories.ATTRIBUTES)
    yield from ((f"filter {operator}", f" {operator} ") for operator in OPERATORS)
    yield from ((f"type {built_in.name}", built_in.name) for built_in in built_in_types())
    for (which, kind), modifiers in MODIFIERS.items():
        word = f"{_SHORT[which]} {kind.value}"
        yield word, f"{kind.value}("
        yield from ((f"{word}({modifier}:)", f"{modifier}:") for modifier in (*sorted(modifiers), "type"))
        if kind in SUFFIXES and which == "START_DEPENDENCIES":
            yield f"{word}:{SUFFIXES[kind]}", f"{kind.value}:{SUFFIXES[kind]}("


def title_of(line: str) -> str:
    """The title of the command that a line gives; empty: it is none."""
    program, *words = shlex.split(line)
    words, _, _ = take_place(words)
    if program == "crsctl":
        words = crsctl.in_full(words)
    known = {*commands(), *parsed()}
    candidates = [" ".join([program, *words[:count]]) for count in (2, 1)]
    return next((candidate for candidate in candidates if candidate in known), "")


def options_in(line: str) -> set[str]:
    """The options that stand in a command line."""
    words = shlex.split(line)
    return {word.partition("=")[0] for word in words if word.startswith("-") and word not in (*HELP, VERSION)}
