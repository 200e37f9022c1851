"""The log of a process: lines of JSON alone, whatever fails in it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from understudy.guard import log, scribe
from understudy.guard.lines import standard_error
from understudy.linux.logline import LEVELS
from understudy.model import events, logevents

SOURCE = Path(__file__).parents[2] / "src"
FAILING = """
import asyncio, gc, logging, os, threading, warnings
from understudy.guard import log, scribe
from understudy.guard.lines import standard_error
from understudy.model import logevents

class Dying:
    def __del__(self):
        raise KeyError("taken away")

async def forgotten():
    raise ValueError("nobody awaits this")

async def main():
    log.log(logevents.STARTED, cluster="demo", why="", incarnation=None)
    asyncio.get_running_loop().create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    thread = threading.Thread(target=lambda: 1 / 0, name="second line")
    thread.start()
    thread.join()
    dying = Dying()
    del dying
    logging.getLogger("borrowed").warning("odd\\nthing")
    raise RuntimeError("x" * 100_000)

with log.running("understudyd", server="ctr1"):
    asyncio.run(main())
"""


def test_whatever_fails_in_a_process_is_a_line_of_its_log() -> None:
    """A task that nobody awaits, a thread, an object that is taken away, a library, and at last the process itself."""
    ended = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, env={**os.environ, "PYTHONPATH": str(SOURCE)}, check=False)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["event"], line.get("what") or line.get("logger")) for line in lines] == [
        ("started", None),
        ("library", "asyncio"),
        ("fault", "the thread second line"),
        ("fault", lines[3]["what"]),
        ("library", "borrowed"),
        ("fault", "understudyd"),
    ]
    for line, raw in zip(lines, ended.stderr.splitlines(), strict=True):
        assert len(raw) < log.LONGEST
        assert (line["process"], line["server"]) == ("understudyd", "ctr1")
        assert line["level"] in LEVELS
        assert list(line)[:5] == ["timestamp", "level", "event", "process", "pid"]
    assert "nobody awaits this" in lines[1]["why"]
    assert "ZeroDivisionError" in lines[2]["traceback"]
    assert "characters left out" in lines[-1]["why"]
    assert lines[-1]["traceback"].endswith("x")
    assert "incarnation" not in lines[0], "what is empty is left out"
    assert ended.returncode == 1


def test_who_says_that_lines_are_missing_says_it_in_the_same_form() -> None:
    """The scribe of keeper and guard, and the thread of all others."""
    lines = standard_error("understudyd")
    lines.close()
    for told, process in ((lines._missing(3, "No space left on device"), "understudyd"), (scribe._missing(3), "understudy-guard")):
        line = json.loads(told)
        assert list(line) == ["timestamp", "level", "event", "process", "pid", "lost", "why"]
        assert (line["event"], line["process"], line["lost"]) == ("lines-lost", process, 3)


def test_less_than_the_least_level_is_not_logged() -> None:
    found: list[bytes] = []
    log.begin("test", found.append, least="warning")
    log.log(logevents.STARTED)
    log.log(logevents.NOT_STOPPED, why="x")
    log.end()
    log.log(logevents.NOT_STOPPED, why="nobody hears it")
    assert [json.loads(line)["event"] for line in found] == ["not-stopped"]


PRIORITIES = {
    "understudyd": """
from understudy.guard import log
from understudy.model import logevents
with log.running("understudyd", server="ctr1"):
    log.log(logevents.STARTED)
    log.log(logevents.FAULT, what="x")
""",
    "understudy-guard": """
from understudy.guard.scribe import Scribe
from understudy.guard.system import say
from understudy.model import logevents
scribe = Scribe()
say(logevents.STARTED)
say(logevents.FAULT, what="x")
scribe.close(within_s=5.0)
""",
}


@pytest.mark.parametrize("process", PRIORITIES)
@pytest.mark.parametrize("journal", [True, False])
def test_the_journal_learns_how_bad_a_line_is(process: str, journal: bool) -> None:
    """systemd names the stream that is its own; a file or a terminal gets the lines as they are."""
    reading, writing = os.pipe()
    there = os.fstat(writing)
    stream = f"{there.st_dev}:{there.st_ino if journal else there.st_ino + 1}"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "JOURNAL_STREAM": stream}
    subprocess.run([sys.executable, "-c", PRIORITIES[process]], stderr=writing, env=environment, check=True)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        lines = file.read().splitlines()

    assert [line[:3] for line in lines] == ([b"<6>", b"<3>"] if journal else [b'{"t', b'{"t'])
    events = [json.loads(line[3 if journal else 0 :])["event"] for line in lines]
    assert events == ["started", "fault"]


def test_every_event_has_a_name_of_its_own_and_says_what_to_do() -> None:
    names = [event.name for event in logevents.EVENTS] + list(logevents.OF_HISTORY)
    assert len(set(names)) == len(names)
    assert set(logevents.OF_HISTORY) == events.KINDS
    for event in logevents.EVENTS:
        assert event.level in LEVELS
        assert event.meaning
        assert event.todo, event.name


LOGGED = ("log", "say")


def calls() -> list[tuple[str, ast.expr]]:
    """Where anything is logged in the product, and as which event."""
    found = []
    for path in sorted((SOURCE / "understudy").rglob("*.py")):
        text = path.read_text()
        if path.name != "log.py" and "from understudy.guard.log import" not in text and "from understudy.guard.system import" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOGGED and node.args:
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", node.args[0]))
    return found


def passed_on() -> set[str]:
    """Events that are given to what logs them: `TlsUse(listening=logevents.JOIN_LISTENING, ...)`, `Refusals(logevents.JOIN_REFUSED)`."""
    made = [
        node
        for path in (SOURCE / "understudy").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("TlsUse", "Refusals")
    ]
    given = [value for node in made for value in (*node.args, *(keyword.value for keyword in node.keywords))]
    return {
        value.attr
        for value in given
        if isinstance(value, ast.Attribute) and isinstance(getattr(logevents, value.attr, None), logevents.LogEvent)
    }


def test_every_event_of_the_catalogue_is_logged_somewhere_and_nothing_else_is() -> None:
    named: set[str] = set()
    for where, event in calls():
        parts = list(ast.walk(event))
        words = {part.attr for part in parts if isinstance(part, ast.Attribute)} | {part.id for part in parts if isinstance(part, ast.Name)}
        known = {word for word in words if isinstance(getattr(logevents, word, None), logevents.LogEvent)}
        assert known or words & {"event", "listening", "not_listening", "OF_HISTORY"}, f"{where} logs no event of the catalogue"
        named |= known
    named |= passed_on()
    keeper = (SOURCE / "understudy/guard/core/keeper.py").read_text()
    lost = (SOURCE / "understudy/guard/lines.py").read_text()
    all_named = {name for name, value in vars(logevents).items() if isinstance(value, logevents.LogEvent)}
    assert {name for name in all_named - named if f"logevents.{name}" not in keeper and f"{name}.name" not in lost} == set()


def test_nothing_in_the_product_uses_another_log() -> None:
    """`logging` is for libraries, and received in one place."""
    users = {str(path.relative_to(SOURCE)) for path in (SOURCE / "understudy").rglob("*.py") if "import logging" in path.read_text()}
    assert users == {"understudy/guard/log.py"}


@pytest.mark.parametrize("kind", sorted(events.KINDS))
def test_a_line_of_the_history_is_logged_under_its_kind(kind: str, logged: list[dict[str, Any]]) -> None:
    log.log(logevents.OF_HISTORY[kind])
    assert logged[0]["event"] == kind
