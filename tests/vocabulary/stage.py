"""Where rows of the vocabulary are played: real daemons in this process, in virtual time, and the commands' own main functions before them.

A command line goes through the program's `main` as on a terminal: its help, its version and what it does not understand are its own. What
it asks a daemon for is asked of the daemon here. Rows that change nothing share a cluster; whatever changes something spends it.
"""

import asyncio
import contextlib
import io
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import pytest

from cutting import exchange
from daemon.cluster import ROOT, Cluster, PrintedLines, asked_of, running
from daemon.test_bad_input import intent
from daemon.test_scenarios import happen
from understudy.cli import appvipcfg, client, crsctl, understudy
from understudy.daemon.verbs.arguments import Arguments
from understudy.errors import BadInput
from understudy.model.messages import with_number
from understudy.model.names import ResourceName
from understudy.sim.loop import VirtualLoop
from vocabulary.rows import VocabularyRow, VocabularySituation

SERVERS = ("ctr1", "ctr2", "ctr3")
MAINS: Mapping[str, Callable[[list[str]], int]] = {"crsctl": crsctl.main, "appvipcfg": appvipcfg.main, "understudy": understudy.main}


class _Asks(BaseException):
    """A command has come as far as asking the daemon."""

    def __init__(self, verb: str, body: dict[str, object], server: str) -> None:
        super().__init__(verb)
        self.verb, self.body, self.server = verb, body, server


def play(rows: Sequence[VocabularyRow], situations: Mapping[str, VocabularySituation]) -> list[str]:
    """Play them all; what was not as expected, in words."""

    def ask(verb: str, body: dict[str, object], *, server: str = "", certificate: str = "", title: str = "") -> int:
        raise _Asks(verb, body, server)

    with pytest.MonkeyPatch.context() as patch:
        exchange(patch, client.run)(ask)
        patch.setattr(os, "geteuid", lambda: 0)
        loop = VirtualLoop()  # type: ignore[abstract]
        try:
            found: list[str] = loop.run_until_complete(_play_all(rows, situations))
        finally:
            loop.close()
    return found


async def _play_all(rows: Sequence[VocabularyRow], situations: Mapping[str, VocabularySituation]) -> list[str]:
    wrong: list[str] = []
    ordered = sorted(rows, key=lambda row: row.situation)
    for name, group in groupby(ordered, key=lambda row: row.situation):
        left = list(group)
        while left:
            async with running(*SERVERS) as cluster:
                await _do_all(cluster, situations[name].steps)
                while left:
                    row = left.pop(0)
                    before = everything(cluster)
                    wrong += [f"{row}\n    {trouble}" for trouble in await _play(cluster, row)]
                    if row.given or everything(cluster) != before:
                        break
    return wrong


def everything(cluster: Cluster) -> list[object]:
    """What is registered and wanted, and where things are."""
    kinds = ("assignment/", "report/", "incarnation/", "category/", "server/")
    return [*intent(cluster), *(entry for kind in kinds for entry in cluster.store.read(kind)[1])]


async def _play(cluster: Cluster, row: VocabularyRow) -> list[str]:
    """What is not as the row says."""
    await _do_all(cluster, row.given)
    before = intent(cluster)
    said = [await _step(cluster, step, row) for step in row.do]
    text, status = "\n".join(lines.text for lines in said if lines.printed), said[-1].status
    wrong = list(compared(row, text, status))
    if status == 1 and not row.changes and intent(cluster) != before:
        wrong.append("it failed, and something was changed all the same")
    if row.then:
        asked = [await _step(cluster, step, row) for step in row.then]
        wrong += afterwards(row, "\n".join(lines.text for lines in asked) + "\n")
    return wrong


def compared(row: VocabularyRow, text: str, status: int) -> Iterator[str]:
    """What was printed is otherwise than expected, in words."""
    if status != row.status:
        yield f"exit status {status}, not {row.status}: {text!r}"
    if row.silent and text:
        yield f"it is not silent: {text!r}"
    place = 0
    for expected in row.says:
        found = text.find(expected, place)
        if found < 0:
            yield f"{'not there' if expected not in text else 'not in this order'}: {expected!r} in {text!r}"
        place = max(place, found)
    yield from (f"there: {hidden!r} in {text!r}" for hidden in row.hides if hidden in text)
    yield from _compared_json(row, text)


def afterwards(row: VocabularyRow, text: str) -> Iterator[str]:
    """What was asked afterwards shows something else."""
    yield from (f"afterwards not there: {shown!r} in {text!r}" for shown in row.shows if shown not in text)
    yield from (f"afterwards there: {shown!r} in {text!r}" for shown in row.lacks if shown in text)


def _compared_json(row: VocabularyRow, text: str) -> Iterator[str]:
    if not row.json:
        return
    try:
        whole = json.loads(text)
    except ValueError:
        yield f"no JSON: {text!r}"
        return
    for path, expected in row.json.items():
        here = whole
        try:
            for key in path.split("."):
                here = here[int(key)] if isinstance(here, list) else here[key]
        except (LookupError, TypeError, ValueError):
            yield f"no {path} in {text!r}"
        else:
            if here != expected:
                yield f"{path} is {here!r}, not {expected!r}"


async def _do_all(cluster: Cluster, steps: Iterable[str]) -> None:
    for step in steps:
        done = await _step(cluster, step, None)
        assert done.status == 0, (step, done.text)


async def _step(cluster: Cluster, step: str, row: VocabularyRow | None) -> PrintedLines:
    """A command, or `% something happens`."""
    if not step.startswith("% "):
        return await _command(cluster, step, row)
    done = PrintedLines(status=0)
    match step[2:].split(" "):
        case [seconds, "s", "pass"]:
            await asyncio.sleep(float(seconds))
        case [server, resource, "dies"]:
            cluster.executors[server].die(ResourceName(resource))
        case [server, resource, "check", "answers", status]:
            cluster.executors[server].service(ResourceName(resource)).check_says = int(status)
        case [server, resource, action, "takes", seconds]:
            cluster.executors[server].service(ResourceName(resource)).took_s[action] = float(seconds)  # type: ignore[index]
        case [server, resource, action, "hangs"]:
            cluster.executors[server].service(ResourceName(resource)).hangs.add(action)  # type: ignore[arg-type]
        case _:
            happen(cluster, step[2:])
    return done


async def _command(cluster: Cluster, line: str, row: VocabularyRow | None) -> PrintedLines:
    typed = re.fullmatch(r"(?:(ctr\d): )?(.*)", line, re.DOTALL)
    assert typed is not None
    program, *words = shlex.split(typed[2])
    printed, done = io.StringIO(), PrintedLines()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            done.status = MAINS[program](words)
    except SystemExit as ended:
        done.status = int(ended.code or 0)
    except _Asks as asked:
        caller = cluster.user(row.user) if row is not None and row.user else ROOT
        on = asked.server or typed[1] or (row.on if row is not None else SERVERS[0])
        await cluster.sights[on].look()
        verbs = asked_of(asked.verb, asked.body)
        world = cluster.world(done, on, caller, changes=verbs[asked.verb].changes)
        try:
            done.status = await verbs[asked.verb].run(world, Arguments(asked.body))
        except BadInput as error:
            done.out(with_number(error.code, str(error)))
            done.status = 1
    if text := printed.getvalue().rstrip("\n"):
        done.printed.insert(0, text)
    return done
