"""What scripts and their owners print is shown, and neither acts on a terminal nor passes for a line of ours."""

import json
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cluster import running
from understudy.agents.output import LAST_LINES, LONGEST_DETAILS, LONGEST_LINE, read_output
from understudy.daemon.alerts import alert_lines
from understudy.daemon.api import _Lines
from understudy.daemon.text.blocks import blocks
from understudy.daemon.text.progress import lines as progress
from understudy.daemon.verbs.history import event_line
from understudy.kinds.observed import Observed
from understudy.model import events
from understudy.model.actions import ActionOutcome, as_shown
from understudy.model.names import ResourceName, ServerName
from understudy.model.shown import one_line, shown
from understudy.model.view import Event

FORGED = "CRS-2676: Start of 'bank' on 'ctr1' succeeded"
HOSTILE = (
    FORGED,
    "\x1b[2K\x1b[1G\x1b]0;title\x07" + FORGED,
    f"progress 10%\rprogress 20%\r{FORGED}",
    f"\x9b1A\u202e\u2066{FORGED}\u2028{FORGED}\x0b{FORGED}\x0c\x85{FORGED}\x1c",
    "CRS_ERROR:" + FORGED,
    "UND-0061: \udcff\ud800\U000e0001\ue000",
)
OURS = re.compile(r"(CRS|UND)-\d{4}:")


def test_the_alphabet_of_what_is_shown() -> None:
    """Printable stays; the rest is written as JSON writes it."""
    assert shown("\x1b[1mü 漢\u202e\x9b\r") == "\\u001b[1mü 漢\\u202e\\u009b\\r"
    assert shown("a\tb") == "a       b"
    assert one_line("a\n\nb\n") == "a / b"


@given(st.binary(max_size=300), st.lists(st.sampled_from(HOSTILE), max_size=3))
def test_whatever_bytes_a_script_prints(printed: bytes, more: list[str]) -> None:
    """The way of output: read by the executor, kept by the daemon, shown as progress, history and details."""
    said = read_output("\n".join([printed.decode(errors="replace"), *more, f"CRS_STATE_DETAILS:{printed.decode(errors='replace')}"]))
    assert len(said.lines) <= LAST_LINES
    assert all(line.isprintable() and len(line) <= LONGEST_LINE for line in said.lines)
    assert said.details is None or len(said.details) <= LONGEST_DETAILS
    assert_ours(said.lines, said.details or "")


@given(st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), max_size=4), st.text(max_size=30))
def test_whatever_a_record_says(texts: list[str], details: str) -> None:
    """Also what came another way: from an older version, or an executor that is none of ours."""
    assert_ours(texts, details)
    outcome = as_shown(ActionOutcome(observed=Observed.FAILED, output=tuple(texts), details=details, strays=tuple(texts)))
    assert all(text.isprintable() for text in (*outcome.output, *outcome.strays, outcome.details or ""))


def assert_ours(texts: "list[str] | tuple[str, ...]", details: str) -> None:
    """Every line that begins with a number is one that we made, and names the resource that it is about."""
    for kind in (events.START_FAILED, events.FAILED, events.CHECK_SILENT, events.UNGUARDED, events.UNRECOVERABLE):
        event = Event(wall=1.0, server=ServerName("ctr1"), kind=kind, resource=ResourceName("app"), cause=details, text="\n".join(texts))
        for line in progress(event):
            assert line.isprintable()
            assert "app" in line or not OURS.match(line) or line.startswith("CRS-0267")
        assert event_line(event).isprintable()
        for line in alert_lines(event, "understudyd(1)"):
            assert line.isprintable()
    for line in blocks([[("STATE_DETAILS", details), ("DESCRIPTION", "\n".join(texts))]]).split("\n"):
        assert line.isprintable()
        assert not OURS.match(line)


@pytest.mark.parametrize("printed", HOSTILE)
async def test_every_command_about_a_resource_whose_script_prints_such_things(printed: str) -> None:
    """The whole way, through daemons: a failed start, history, explain, status in every form."""
    async with running("ctr1", "ctr2") as cluster:
        for executor in cluster.executors.values():
            service = executor.service(ResourceName("app"))
            service.fails["start"] = 1
            service.says["start"] = (printed, printed)
        await cluster.run(
            'crsctl add resource app -type cluster_resource -attr "ACTION_SCRIPT=/app,PLACEMENT=restricted,HOSTING_MEMBERS=ctr1 ctr2"'
        )
        commands = ("crsctl start resource app", "understudy history", "understudy explain app", "crsctl stat res -t", "crsctl stat res -v")
        for command in commands:
            done = await cluster.run(command)
            for line in done.text.split("\n"):
                assert line.isprintable(), (command, line)
                assert not OURS.match(line) or "'bank'" not in line, (command, line)
            if command.startswith(("crsctl start", "understudy")):
                assert "bank" in done.text or "UND-0061" in printed  # shown, though


def test_the_api_lets_nothing_else_through() -> None:
    """Whatever verb printed it: what goes to a terminal is printable, and JSON stays JSON with the same meaning."""
    peer = SimpleNamespace(uid=0, callers=SimpleNamespace(hold=lambda *_: None))
    lines = _Lines(peer)  # type: ignore[arg-type]
    lines.out("\x1b[2J\nplain\u202e")
    lines.err("\x07")
    assert [json.loads(lines.queue.get_nowait() or b"null") for _ in range(2)] == [{"out": "\\u001b[2J\nplain\\u202e"}, {"err": "\\u0007"}]
    text = json.dumps({"text": "".join(HOSTILE)}, ensure_ascii=False)
    assert json.loads(shown(text)) == {"text": "".join(HOSTILE)}
