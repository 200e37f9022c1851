"""Owns the reading of a command line in crsctl's manner: words with one dash, names and options in any order.

Called by `cli/crsctl/`, `cli/appvipcfg.py` and `cli/understudy/`. It knows no verb and never talks to the daemon. Standard library
only, and little of it: these commands must start in a few milliseconds.
"""

import sys

PLACE = """With --server NAME, or ADDRESS[:PORT] (and --certificate FILE), the command is carried out by another server."""
HELP = ("-h", "-help", "--help", "-?")
VERSION = "--version"
LONG_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
FLAG, VALUE, VALUES, FILE = "flag", "value", "values", "file"
CHANGING = frozenset(
    {
        "accept-settings", "add-category", "add-resource", "add-server", "add-serverpool", "add-type", "add-voter", "appvip-create",
        "appvip-delete", "appvip-modify", "confirm-off", "delete-category", "delete-resource", "delete-serverpool", "delete-type",
        "evict-server", "file-apply", "join-server", "leave-server", "modify-category", "modify-resource", "modify-server",
        "modify-serverpool", "modify-type", "network-add", "network-remove", "relocate-resource", "relocate-server", "remove-server",
        "remove-voter", "replace-voter", "restart-resource", "rotate-keys", "set-log", "set-resource-use", "setperm", "start-resource",
        "stop-resource",
    }
)  # fmt: skip
"""Verbs that take --dry-run; the daemon says which of them can be rehearsed."""


class Usage(Exception):
    """The command line is wrong; str() says how."""


class Option:
    """One option: its key in the request, what follows it, and what it is for."""

    __slots__ = ("key", "kind", "metavar", "text")

    def __init__(self, key: str, text: str, *, kind: str = FLAG, metavar: str = "") -> None:
        self.key = key
        self.text = text
        self.kind = kind
        self.metavar = metavar


DRY_RUN = {"--dry-run": Option("dry_run", "change nothing: show what would be stopped, started and moved, and how long it would take")}
JSON = {"--json": Option("json", "with --dry-run: for machines")}


class Command:
    """One command: its usage, which verb of the API it is, its options, and its help.

    The usage is the command's own words, then `<name>`, `{...}` or `[...]` if it takes names.
    """

    __slots__ = ("about", "example", "fixed", "named", "options", "reader", "runner", "title", "usage", "verb")

    def __init__(
        self,
        usage: str,
        verb: str,
        *,
        about: str,
        example: str,
        options: dict[str, Option],
        rehearsed: bool = False,
        runner: str = "",
        reader: str = "",
    ) -> None:
        """`rehearsed`: it is never carried out. `runner`: the module beside crsctl's verbs that carries it out, where one question to one
        daemon is not enough. `reader`: the module with a function `with_file`, which puts the file that is named into the request."""
        self.usage = usage
        self.verb = verb
        self.runner = runner
        self.reader = reader
        self.about = about
        self.example = example
        self.fixed: dict[str, object] = {}
        dry = {**DRY_RUN, **({} if "--json" in options else JSON)} if verb in CHANGING and not rehearsed else {}
        self.options = {**options, **dry}
        ends = [place for place in map(usage.find, "<{[") if place > 0]
        self.named = bool(ends)
        self.title = usage[: min(ends)].strip() if ends else usage

    def help(self) -> str:
        """What `-h` prints."""
        lines = [f"Usage: {self.usage}{' [options]' if self.options else ''}", f"  {self.about}"]
        if self.options:
            heads = [f"{name} {option.metavar}".rstrip() for name, option in self.options.items()]
            width = max(len(head) for head in heads)
            lines.append("Options:")
            lines += [f"  {head:<{width}}  {option.text}" for head, option in zip(heads, self.options.values(), strict=True)]
        return "\n".join([*lines, "Example:", *(f"  {line}" for line in self.example.split("\n"))])


def parse(command: Command, argv: list[str]) -> dict[str, object]:
    """The request's body. Usage says what is wrong; SystemExit(0) after printing help."""
    body: dict[str, object] = dict(command.fixed)
    names: list[str] = []
    left = list(argv)
    while left:
        word = left.pop(0)
        if word in HELP:
            print(command.help())
            sys.exit(0)
        head, equals, glued = word.partition("=")
        if word in command.options:
            _take(command.options[word], word, left, body)
        elif equals and head in command.options and command.options[head].kind == VALUE:
            body[command.options[head].key] = glued
        elif word[:1] in LONG_DASHES and word:
            raise Usage(f"'{word}' begins with a long dash, as documents make them; write -{word[1:]}")
        elif word.startswith("-") and len(word) > 1:
            raise Usage(f"'{word}' is no option of {command.title}")
        elif not command.named:
            raise Usage(f"'{word}' is not understood; {command.title} takes no names")
        else:
            names.append(word)
    if names:
        body["names"] = [*_listed(body.get("names")), *names]
    if body.get("json") and command.verb in CHANGING and not body.get("dry_run"):
        raise Usage("--json goes with --dry-run here")
    return body


def with_file(command: Command, body: dict[str, object]) -> dict[str, object]:
    """The request with the file that it names, where it names one. Usage; SystemExit: it cannot be read."""
    if command.reader:
        import importlib

        importlib.import_module(command.reader).with_file(body)
    return body


def _take(option: Option, word: str, left: list[str], body: dict[str, object]) -> None:
    if option.kind == FLAG:
        body[option.key] = True
        return
    if not left:
        raise Usage(f"{word} needs {option.metavar or 'a value'} after it")
    if option.kind == VALUES:
        found = _listed(body.get(option.key))
        while left and not left[0].startswith("-"):
            found.append(left.pop(0))
        body[option.key] = found
        return
    value = left.pop(0)
    body[option.key] = _read(value) if option.kind == FILE else value


def _listed(found: object) -> list[str]:
    return list(found) if isinstance(found, list) else []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise Usage(f"file '{path}' cannot be read: {getattr(error, 'strerror', None) or error}") from None


def take_place(words: list[str]) -> tuple[list[str], str, str]:
    """A command line without `--server` and `--certificate`, and what they name. Usage: one of them has nothing after it."""
    if not any(word.startswith(("--server", "--certificate")) for word in words):
        return words, "", ""
    left: list[str] = []
    found = {"--server": "", "--certificate": ""}
    waiting = iter(words)
    for word in waiting:
        head, equals, glued = word.partition("=")
        if head not in found:
            left.append(word)
            continue
        value = glued if equals else next(waiting, "")
        if not value or value.startswith("-"):
            raise Usage(f"{head} needs {'a server, or ADDRESS:PORT,' if head == '--server' else 'a file'} after it")
        found[head] = value
    if found["--certificate"] and not found["--server"]:
        raise Usage("--certificate is of use only together with --server")
    return left, found["--server"], found["--certificate"]
