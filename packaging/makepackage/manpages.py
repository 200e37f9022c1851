"""Manual pages: of each program what its parsers say, and understudy.toml(5) from the page of settings, so that none can be out of date."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from makepackage import roff
from makepackage.project import ROOT, SUMMARY, epoch, version
from makepackage.typed import Program, TypedCommand, TypedOption, programs

_STATUS = (
    "0: done. 1: refused or failed; what to do is said. 3, of `crsctl check` and `understudy cluster status`: all that is wanted runs, but "
    "the next fault may not be survived. 130: interrupted; what was asked for goes on."
)
_DAEMON_STATUS = (
    "0: it was asked to end. 1: it cannot go on now; begin again. 2: settings or key cannot be used; beginning again does not help."
)
_FILES = (
    ("/etc/understudy/understudy.toml", "the settings; see `understudy.toml(5)`"),
    ("/etc/understudy/keys/", "the key of the guards, and the certificates of the registry"),
    ("/run/understudy/", "sockets, the lease"),
    ("/var/lib/understudy/", "what must outlive a restart"),
    ("/var/log/understudy/alert.log", "what an operator must know, in sentences"),
    ("/usr/share/doc/understudy/", "the guide"),
)


def pages() -> dict[str, str]:
    """File name, as crsctl.1 -> the page."""
    found = programs()
    made = {f"{program.name}.{program.section}": _program(program, found) for program in found}
    return {**made, "understudy.toml.5": _settings()}


def _date() -> str:
    return datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%d")


def _page(name: str, section: int, body: str) -> str:
    return roff.page(name, section, version=version(), date=_date(), body=body)


def _program(program: Program, all_of_them: Iterable[Program]) -> str:
    title = roff.escape(program.name)
    body = f".SH NAME\n{title} \\- {roff.escape(program.summary)}\n"
    body += ".SH SYNOPSIS\n" + "".join(f".PP\n{_usage(command)}\n" for command in program.commands)
    if len(program.commands) == 1:
        body += _alone(program.commands[0])
    else:
        body += _described(program)
        body += ".SH COMMANDS\n" + "".join(_command(command) for command in program.commands)
    body += f".SH EXIT STATUS\n{roff.inline(_STATUS if program.section == 1 else _DAEMON_STATUS)}\n"
    body += ".SH FILES\n" + "".join(roff.entry(f"\\fI{roff.escape(path)}\\fR", text) for path, text in _FILES)
    return _page(program.name, program.section, body + _see_also(program.name, all_of_them))


def _usage(command: TypedCommand) -> str:
    words = " ".join(command.words)
    return f"\\fB{roff.escape(words)}\\fR{roff.escape(command.usage.removeprefix(words))}"


def _described(program: Program) -> str:
    same = ", ".join(f"`{alias}` is `{word}`" for alias, word in program.aliases)
    text = f"Part of Understudy, {SUMMARY} for Linux servers. Every command says with `-h` what stands here."
    return f".SH DESCRIPTION\n{roff.inline(text)}\n" + (f".PP\nShorter words: {roff.inline(same)}.\n" if same else "")


def _alone(command: TypedCommand) -> str:
    """Of a program without sub-commands."""
    options = f".SH OPTIONS\n{_options(command.options)}" if command.options else ""
    return f".SH DESCRIPTION\n{roff.inline(command.about)}\n{options}.SH EXAMPLES\n{roff.typed(command.examples)}"


def _command(command: TypedCommand) -> str:
    head = f'.SS "{roff.escape(" ".join(command.words))}"\n.PP\n{_usage(command)}\n.PP\n{roff.inline(command.about)}\n'
    return head + _options(command.options) + f".PP\nExample:\n{roff.typed(command.examples)}"


def _options(options: Iterable[TypedOption]) -> str:
    return "".join(roff.entry(_head(option), option.text) for option in options)


def _head(option: TypedOption) -> str:
    value = f" \\fI{roff.escape(option.value)}\\fR" if option.value else ""
    return ", ".join(f"\\fB{roff.escape(name)}\\fR" for name in option.names) + value


def _see_also(name: str, all_of_them: Iterable[Program]) -> str:
    known = [(program.name, program.section) for program in all_of_them] + [("understudy.toml", 5)]
    listed = sorted((section, other) for other, section in known if other != name)
    return ".SH SEE ALSO\n" + ", ".join(f"\\fB{roff.escape(other)}\\fR({section})" for section, other in listed) + "\n"


def _settings() -> str:
    text = (ROOT / "docs/guide/settings.md").read_text()
    _, _, text = text.partition("\n")
    introduction, _, rest = text.strip().partition("\n## ")
    body = f".SH NAME\nunderstudy.toml \\- settings of a server of an Understudy cluster\n.SH DESCRIPTION\n{roff.markdown(introduction)}"
    body += roff.markdown(re.sub(r"^## ", "# ", f"## {rest}", flags=re.MULTILINE))
    return _page("understudy.toml", 5, body + _see_also("understudy.toml", programs()))
