"""Completion for bash and zsh: sub-commands, options and what follows them, from the programs' own parsers.

Names of resources, servers, pools and types are asked of the daemon when somebody types them, for a second at most; without a daemon there
are none. The tables are made here, the few lines that use them are in packaging/completion/.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from makepackage.project import ROOT
from makepackage.typed import Program, TypedCommand, TypedOption, programs

_FOLDER = ROOT / "packaging/completion"
_SEVERAL = "..."
"""At the end of what follows an option that takes more than one word."""


@dataclass(slots=True)
class _Tables:
    """Keys are what has been typed before, as `crsctl stat resource`, and for what follows an option also that."""

    following: dict[str, dict[str, str]] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    """After an option: `@KIND`, words, or nothing that is known; with `+` before it if more may follow."""
    names: dict[str, str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)


def bash() -> str:
    """The file for bash; it serves all programs."""
    tables = _tables(programs())
    text = "".join(
        (
            _bash_table("_understudy_following", {key: " ".join(words) for key, words in tables.following.items()}),
            _bash_table("_understudy_options", {key: " ".join(words) for key, words in tables.options.items()}),
            _bash_table("_understudy_values", tables.values),
            _bash_table("_understudy_names", tables.names),
            _bash_table("_understudy_same", tables.same),
        )
    )
    names = " ".join(program.name for program in programs())
    return (_FOLDER / "bash").read_text().replace("@TABLES@\n", text).replace("@PROGRAMS@", names)


def zsh() -> str:
    """The file for zsh; it serves all programs, with a word on each option."""
    tables = _tables(programs())
    text = "".join(
        (
            _zsh_table("_understudy_following", {key: _described(words) for key, words in tables.following.items()}),
            _zsh_table("_understudy_options", {key: _described(words) for key, words in tables.options.items()}),
            _zsh_table("_understudy_values", tables.values),
            _zsh_table("_understudy_names", tables.names),
            _zsh_table("_understudy_same", tables.same),
        )
    )
    names = " ".join(program.name for program in programs())
    return (_FOLDER / "zsh").read_text().replace("@TABLES@\n", text).replace("@PROGRAMS@", names)


def _tables(found: Iterable[Program]) -> _Tables:
    tables = _Tables()
    for program in found:
        for command in program.commands:
            _enter(tables, command)
        for alias, word in program.aliases:
            tables.same[f"{program.name} {alias}"] = word
    return tables


def _enter(tables: _Tables, command: TypedCommand) -> None:
    path = " ".join(command.words)
    for place in range(1, len(command.words)):
        before = " ".join(command.words[:place])
        about = command.about.split(". ")[0].rstrip(".") if place == len(command.words) - 1 else ""
        known = tables.following.setdefault(before, {})
        known[command.words[place]] = known.get(command.words[place]) or about
    tables.options[path] = {name: option.text for option in command.options for name in option.names} | {"-h": "help"}
    for option in command.options:
        tables.values |= {f"{path} {name}": _value(option) for name in option.names if option.value}
    if command.kind or command.choices:
        tables.names[path] = f"@{command.kind}" if command.kind else " ".join(command.choices)


def _value(option: TypedOption) -> str:
    several = "+" if option.value.endswith(_SEVERAL) else ""
    return several + (f"@{option.kind}" if option.kind else " ".join(option.words))


def _described(words: Mapping[str, str]) -> str:
    """A line for each word, as zsh's _describe wants it."""
    plain = {word: " ".join(text.split()) for word, text in words.items()}
    return "\n".join(f"{word.replace(':', chr(92) + ':')}:{text}" if text else word for word, text in plain.items())


def _bash_table(name: str, rows: Mapping[str, str]) -> str:
    return f"declare -gA {name}=(\n{''.join(f'    [{_quoted(key)}]={_quoted(value)}{chr(10)}' for key, value in rows.items())})\n"


def _zsh_table(name: str, rows: Mapping[str, str]) -> str:
    return f"typeset -gA {name}=(\n{''.join(f'    {_quoted(key)} {_quoted(value)}{chr(10)}' for key, value in rows.items())})\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
