"""What an operator can meet is documented: every command, setting, key, reason, event and word. `--rewrite` makes the page of commands."""

import argparse
import ast
import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from e2e import states
from understudy.cli import appvipcfg, crsctl, numbers, understudy
from understudy.cli.understudy import (
    cluster_backup,
    cluster_certificate,
    cluster_registry,
    cluster_setup,
    demo,
    demo_openstack,
    lab,
    openstack,
    replay,
    simulate,
)
from understudy.daemon import alerts
from understudy.model import events, logevents, settings
from understudy.model.attributes import ATTRIBUTES
from understudy.model.conditions import ConditionKind
from understudy.model.explained import EXPLAINED
from understudy.model.limits import derive
from understudy.model.messages import OURS, number
from understudy.model.messages import WORDS as MESSAGES
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.state import State, Target
from understudy.policy.sentences import remedy, sentence
from understudy.registry import keys
from vocabulary import page as differences

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
COMMANDS = DOCS / "guide/commands.md"
LOGS = DOCS / "guide/logs.md"
LOGS_HEAD = """# Logs: what the lines mean

Made from the catalogue of events (`model/logevents.py`).

Each process writes to standard error, one line of JSON for each event, and systemd puts it in the journal:

```text
{"timestamp": "2026-11-26T23:59:59.123Z", "level": "info", "event": "action-ended", "process": "understudy-exec", "pid": 812,
 "server": "ctr1", "activity": "3f9a1c2e-19ac1b2d3e4", "resource": "db", "action": "start", "epoch": 4, "observed": "done", "status": 0,
 "seconds": 0.312}
```

(That is one line.) What stands in which field, and why: [0010](../design/0010-logs.md). `alert.log` is another thing: what an operator must
know, in sentences.

| to see | on that server |
| --- | --- |
| what is bad, without jq | `journalctl -u 'understudy*' -p err`, or `-p warning`: the journal knows the level of each line |
| everything that is no routine | `journalctl -u 'understudy*' -o cat \\| jq -R -c 'fromjson? \\| select(.level != "info")'` |
| one kind of line, without jq | `journalctl -u understudyd -o cat \\| grep '"event": "lease-lost"'` |
| all about one resource | `journalctl -u 'understudy*' -o cat \\| jq -R -c 'fromjson? \\| select(.resource == "db")'` |
| what belongs to a line of history | `understudy history db --activity`, then `journalctl -u 'understudy*' -o cat \\| grep 3f9a1c2e-19` |
| a decision of the leader | the same on the server that led, with its activity (`t3r1204`: term 3, revision 1204) |
| the same without systemd | `grep ... /var/log/understudy/*.log`, or wherever standard error goes |

A script has its activity in `_CRS_ACTIVITY`: write it to the service's own log, and that leads here.

**Every line of the [history](history.md) that a server writes is logged there too**, at once, under the same name and with the same fields
(`resource`, `on`, `ms`, `cause`, `text`), also while the registry is away and the history has to wait. These are of level `warning`, all
others `info`: WARNINGS.

| event | level | what it means | what to do |
| --- | --- | --- | --- |
"""
MESSAGES_HEAD = """# Messages: what they mean, and what to do

Made from the catalogue (`model/messages.py`, `model/explained/`). `crsctl help CRS-2549` and `understudy help UND-0026` print a row of it,
on any machine. Numbers that begin with `CRS-` are Oracle's, with its words; causes and actions are about this product. Dots are names.
"""
SETUP = tuple(f"understudy cluster {name}" for name in understudy.PARSED)
REFUSALS = [why for why in list(Why)[: list(Why).index(Why.DISABLED) + 1] if why is not Why.FELLOW_REFUSED]
"""They stand first, up to this; a fellow's is what refuses the fellow."""
WORDS = set(
    """server; lab host; server pool; resource; resource type; action script; agent; TARGET; STATE; assignment; epoch; owner; holder;
    release; incarnation; guard; keeper; voter; witness; lease; lapsed; silent; lost; fenced; gate; registry; engine; leader; View; lane;
    policy""".replace("\n    ", " ").split("; ")
)


def commands_page() -> str:
    """The page of commands: what each says of itself with -h."""
    lines = ["# Commands", "", "Made from what each command prints with `-h`.", ""]
    for title, help_text in helps().items():
        lines += [f"## {title}", "", "```text", help_text.rstrip(), "```", ""]
    return "\n".join(lines)


def helps() -> dict[str, str]:
    """Every command with its help."""
    found: dict[str, str] = {}
    for verb in crsctl.VERBS:
        found |= {command.title: command.help() for command in crsctl.load(verb).values()}
    found |= {command.title: command.help() for command in (*appvipcfg.COMMANDS.values(), *numbers.COMMANDS.values())}
    for name in understudy.ASKING:
        module = __import__(f"understudy.cli.understudy.{name}", fromlist=["COMMANDS"])
        found |= {command.title: command.help() for command in module.COMMANDS.values()}
    for parsed in (cluster_setup, cluster_certificate, cluster_backup, cluster_registry):
        found |= {title: text for title, text in parser_helps("understudy cluster", parsed._parser()).items() if title in SETUP}
    for name, parser in (
        ("demo", demo._parser()),
        ("demo openstack", demo_openstack._parser()),
        ("lab", lab._parser()),
        ("openstack", openstack._parser()),
        ("replay", replay._parser()),
        ("simulate", simulate._parser()),
    ):
        found |= parser_helps(f"understudy {name}", parser)
    return found


def parser_helps(title: str, parser: argparse.ArgumentParser) -> dict[str, str]:
    """The help of a parser and of its commands."""
    found = {title: parser.format_help()}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, subcommand in action.choices.items():
                found |= parser_helps(f"{title} {name}", subcommand)
    return found


def test_the_page_of_commands_is_what_they_say(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/guide/commands.md is generated, so it cannot say anything else than `-h`."""
    monkeypatch.setenv("COLUMNS", "120")
    page = commands_page()
    if request.config.getoption("--rewrite"):
        COMMANDS.write_text(page)
    assert COMMANDS.read_text() == page, "run pytest tests/test_docs.py --rewrite and read the diff"


def logs_page() -> str:
    """The page of logs: how they are read, and every event."""
    rows = [f"| `{event.name}` | {event.level} | {event.meaning} | {event.todo} |" for event in logevents.EVENTS]
    told = [f"`{event.name}`" for event in logevents.OF_HISTORY.values() if event.level == "warning"]
    return LOGS_HEAD.replace("WARNINGS", ", ".join(told)) + "\n".join(rows) + "\n"


def test_the_page_of_logs_has_every_event(request: pytest.FixtureRequest) -> None:
    """docs/guide/logs.md is made of the catalogue, so nothing is logged that it does not explain."""
    page = logs_page()
    if request.config.getoption("--rewrite"):
        LOGS.write_text(page)
    assert LOGS.read_text() == page, "run pytest tests/test_docs.py --rewrite and read the diff"


def messages_page() -> str:
    """The page of messages: every number with its text, its cause and what to do."""
    parts = [MESSAGES_HEAD]
    for title, ours in (("CRS", False), ("UND", True)):
        codes = [code for code in sorted(EXPLAINED) if (code >= OURS) is ours]
        parts.append(f"## {title}\n\n| number | text | cause | what to do |\n| --- | --- | --- | --- |")
        for code in codes:
            cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in (numbers.text_of(code), *EXPLAINED[code])]
            parts.append(f"| {number(code)} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def test_the_page_of_messages_has_every_number(request: pytest.FixtureRequest) -> None:
    """docs/guide/messages.md is made of the catalogue; what is printed has a cause and an action, and nothing else has."""
    printed = set(MESSAGES) | {code for code, _ in alerts.CRS.values()}
    assert sorted(map(number, printed ^ set(EXPLAINED))) == []
    assert [number(code) for code, (cause, action) in EXPLAINED.items() if not cause.endswith(".") or not action] == []
    page = messages_page()
    if request.config.getoption("--rewrite"):
        (DOCS / "guide/messages.md").write_text(page)
    assert (DOCS / "guide/messages.md").read_text() == page, "run pytest tests/test_docs.py --rewrite and read the diff"


def test_every_command_stands_among_the_examples() -> None:
    """With what it is for and what it prints; those of a lab in a table."""
    titles = re.findall(r"^## (.+)$", COMMANDS.read_text(), re.MULTILINE)
    page = (DOCS / "guide/examples.md").read_text()
    headings = re.findall(r"^##+ (.+)$", page, re.MULTILINE)
    shown = {title for heading in headings for title in heading.split(", ")} | set(re.findall(r"`(understudy lab \w+)", page))
    assert titles
    assert [title for title in titles if title not in shown] == []


def test_the_page_of_states_is_what_a_lab_showed(request: pytest.FixtureRequest) -> None:
    """docs/guide/states.md is made of what `tests/e2e/test_states*.py` collected, so it cannot promise anything else."""
    page = states.page()
    if request.config.getoption("--rewrite"):
        states.PAGE.write_text(page)
    assert states.PAGE.read_text() == page, "run pytest tests/test_docs.py --rewrite and read the diff"
    assert {path.stem for path in states.FOLDER.glob("*.txt")} == set(states.ORDER)


def test_the_page_of_differences_is_what_the_rows_say(request: pytest.FixtureRequest) -> None:
    """docs/guide/differences.md is made of the rows of the vocabulary that are refused or differ; each of them is played."""
    page = differences.page()
    if request.config.getoption("--rewrite"):
        differences.PAGE.write_text(page)
    assert differences.PAGE.read_text() == page, "run pytest tests/test_docs.py --rewrite and read the diff"


def test_every_condition_is_on_the_page_of_states() -> None:
    """What a server or the cluster can be besides well, an operator has seen before it happens."""
    assert set(states.SHOWS) == set(ConditionKind)
    missing = [kind for kind, (name, words) in states.SHOWS.items() if words not in (states.FOLDER / f"{name}.txt").read_text()]
    assert not missing


def test_the_pictures_are_what_would_be_drawn() -> None:
    """Their times and arrows come from the source: a changed bound, or another way in the lane's table, changes them."""
    drawn = runpy.run_path(str(DOCS / "pictures/draw.py"))["PICTURES"]
    stale = [name for name, draw in drawn.items() if (DOCS / "pictures" / name).read_text() != draw()]
    assert not stale, "run docs/pictures/draw.py"


def test_the_bounds_of_the_architecture_are_those_that_are_derived() -> None:
    """The table that says how long an outage may be."""
    page = (DOCS / "architecture.md").read_text()
    for tolerance in (2, 0.5, 0.25):
        bounds = derive(tolerance)
        hundredths = (f"{value:.2f} s" for value in (bounds.quiet_s, bounds.outage_s))
        thousandths = (f"{value:.3f} s" for value in (bounds.pace.beat_s, bounds.pace.repeat_s))
        cells = (*thousandths, f"{bounds.stop_now_s:.2f} s", f"{bounds.lease_s:.2f} s")
        assert f"| {' | '.join((f'{tolerance} s', *cells, f'{bounds.silent_after_s:.3f} s', *hundredths))} |" in page
        with_etcd = (f"{bounds.outage_with_etcd_s(leader_lost=lost):.2f} s" for lost in (False, True))
        assert f"| {' | '.join((f'{tolerance} s', *with_etcd))} |" in page


def test_every_setting_is_documented() -> None:
    """Each setting stands in the part of its section, and the page names no other."""
    page = (DOCS / "guide/settings.md").read_text()
    parts = {match[1]: part for part in page.split("\n## ")[1:] if (match := re.match(r"`\[([\w.]+)\]`", part))}
    known = {section: set(keys) for section, keys in settings.SECTIONS.items() if keys}
    known |= {"servers.NAME": {"addresses", "witness"}, "network.N": {"subnet", "interface"}}
    assert {section: set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for section, part in parts.items()} == known


def test_every_attribute_is_documented() -> None:
    """With what it does, or among those without effect: and of these no line of the product reads one."""
    page = (DOCS / "guide/examples.md").read_text().partition("\n## Attributes\n")[2]
    table, _, idle = page.partition("These are accepted, kept and shown")
    cells = (line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    without_effect = set(re.findall(r"\b[A-Z][A-Z_]+\b", idle))
    with_effect = {name for cell in cells for name in re.findall(r"\b[A-Z][A-Z_]+\b", cell)}
    assert set(ATTRIBUTES) == (with_effect | without_effect) & set(ATTRIBUTES)
    assert with_effect & without_effect == set()
    source = "\n".join(path.read_text() for path in sorted((ROOT / "src/understudy").rglob("*.py")))
    read = set(re.findall(r"""(?:\[|get\()"([A-Z_]+)\"""", source))
    assert without_effect & read == set()


def test_every_key_of_the_registry_is_documented() -> None:
    """With its writers and readers, in the table of registry/keys.py."""
    table = set(re.findall(r"^\| `(\w+)[/`]", keys.__doc__ or "", re.MULTILINE))
    spelled = {value.rstrip("/") for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    assert table == spelled


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_a_sentence(why: Why) -> None:
    """With every name it is about, and none left open."""
    reason = Reason(why, ("db",), Reason(Why.NOT_IN_POOL, ("one", "two"))) if why is Why.FELLOW_REFUSED else Reason(why, ("this", "that"))
    for words in (sentence(reason), sentence(replace(reason, of=reason.of[:1] if reason.inner else ()))):
        assert words
        assert not re.search(r"[{}]", words)


@pytest.mark.parametrize("why", REFUSALS)
def test_every_refusal_says_what_would_change_it(why: Why) -> None:
    """A refused server is not the end of it."""
    assert remedy(Reason(why, ("this", "that")), ServerName("ctr1"), ResourceName("db"))


def test_every_kind_of_event_is_described() -> None:
    """docs/guide/history.md has a line for each, and for no other."""
    page = (DOCS / "guide/history.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \| \S", page, re.MULTILINE)) == events.KINDS


def test_every_word_is_in_the_glossary() -> None:
    """Words before code."""
    page = (DOCS / "glossary.md").read_text()
    listed = re.findall(r"^\| \*\*([^*]+)\*\* \| \S", page, re.MULTILINE)
    assert not WORDS - set(listed)
    assert len(listed) == len(set(listed))
    assert all(word in page for word in (*State, *Target))


def test_every_rule_of_safety_says_where_it_is() -> None:
    """S1 to S9, each with its sentence, its why, its place and what shows it; what is named exists."""
    page = (DOCS / "safety.md").read_text()
    rules = {match[1]: part for part in page.split("\n## ")[1:] if (match := re.match(r"(S\d) ", part))}
    assert list(rules) == [f"S{number}" for number in range(1, 10)]
    for rule, part in rules.items():
        assert all(mark in part for mark in ("\n> ", "**Why.**", "**Where.**", "**Shown by**")), rule
    named = re.findall(r"`((?:src|tests)/[\w/.]+)`", page)
    assert not [path for path in named if not (ROOT / path).exists()]
    stories = re.findall(r"stories? ((?:`[\w*]+`(?:, | and )?)+)", page)
    names = [name for group in stories for name in re.findall(r"`([\w*]+)`", group)]
    assert not [name for name in names if not list((ROOT / "tests/policy/scenarios").glob(f"{name}.txt"))]


@pytest.mark.parametrize("package", ["sim", "lab", "linux", "guard/core", "setup", "openstack", "openstack/core"])
def test_the_map_of_a_package_names_its_modules(package: str) -> None:
    """All that there are, and no other."""
    folder = ROOT / "src/understudy" / package
    drawn = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"(?<![\w/])\w+\.py", drawn)) == modules


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """Wherever it leads a reader: below the source, the tests, or the checkout."""
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|txt|scr|toml))`", page.read_text()))
    roots = (ROOT, ROOT / "src/understudy", ROOT / "tests")
    assert [name for name in sorted(named) if "NAME" not in name and not any((root / name).exists() for root in roots)] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to a file leads to one that is there."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
