"""What a leader decided is decided again, by the files that it keeps and by those that are sent to others; a bug report becomes a test.

`decisions/*.json` are such files: each is decided as it was. UNDERSTUDY_REWRITE=1 writes what is decided now into them, for a rule that has
changed; read every line before it is committed.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cutting import exchange_value
from daemon.cluster import running
from daemon.test_past import ADD, SteppingClock, settled
from policy.language import SpokenCluster
from policy.test_scenarios import STORIES
from stories import read
from understudy.cli.understudy import replay
from understudy.daemon import past, pastfile
from understudy.daemon.past import Past, encoded_writes
from understudy.daemon.pastfile import FOLDER, PastFiles
from understudy.daemon.replayed import DecidedAgain, KeptDecision, decided_again, decisions, exported, imported, kept_decision
from understudy.errors import BadInput
from understudy.model.names import ResourceName, ServerName
from understudy.policy import placement
from understudy.policy.decide import decide

FILES = sorted((Path(__file__).parent / "decisions").glob("*.json"))
Captured = pytest.CaptureFixture[str]
SECRETS = ("hunter2", "/opt/secret-script", "my diary")


async def led(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster whose leader has decided some things, among them about a resource with secrets."""
    exchange_value(monkeypatch, past, "EVERY_S", 0.0)
    exchange_value(monkeypatch, pastfile, "FREE_BYTES", 0)
    keeps = Past(PastFiles(folder / FOLDER, file_bytes=4_000), SteppingClock())
    async with running("ctr1", pasts={"ctr1": keeps}) as cluster:
        attributes = "ATTRIBUTE=USR_DB_PASSWORD,TYPE=string,DEFAULT_VALUE=hunter2"
        commands = (
            f'crsctl add type db.type -basetype cluster_resource -attr "{attributes}"',
            'crsctl add resource db -type db.type -attr "ACTION_SCRIPT=/opt/secret-script,DESCRIPTION=my diary,USR_DB_PASSWORD=hunter2"',
            ADD.format("web"), "crsctl start resource db", "crsctl start resource web", "crsctl stop resource db",
        )  # fmt: skip
        service = cluster.executors["ctr1"].service
        for command in commands:
            service(ResourceName("db")).says["stop"] = ("hunter2",)
            assert (await cluster.run(command)).status == 0, command
            await settled(cluster)


async def test_every_decision_is_decided_again_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the files; and once more from the file that is sent to somebody, in which nothing is secret."""
    await led(tmp_path, monkeypatch)
    count = 0
    for decision, held in decisions(PastFiles(tmp_path / FOLDER).parts()):
        kept = kept_decision(decision, held)
        assert decided_again(kept).same, decision
        text = exported(kept)
        assert not [secret for secret in SECRETS if secret in text]
        again = imported(text.encode(), "it")
        assert (again.activity, again.writes, again.notes, again.memory) == (kept.activity, kept.writes, kept.notes, kept.memory)
        assert decided_again(again).same
        count += 1
    assert count >= 3, "two starts and a stop are decided"


async def test_the_command_lists_replays_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """By number, by activity, and by a file; exit status 3 where it would be decided otherwise."""
    await led(tmp_path, monkeypatch)
    place, file = ["--state-dir", str(tmp_path)], tmp_path / "decision.json"
    assert replay.main(["--list", *place]) == 0
    listed = capsys.readouterr().out
    activity = next(line.split()[3] for line in listed.splitlines() if "assignment/db" in line)
    assert replay.main([activity, "--export", str(file), *place]) == 0
    shown = capsys.readouterr().out
    assert f"{activity}, decided by ctr1 at" in shown
    assert "It would be decided in the same way now." in shown
    assert replay.main([str(file)]) == 0
    assert replay.main(["1", *place]) == 0
    capsys.readouterr()
    assert replay.main(["999", *place]) == 1
    assert "UND-0733: There is no decision '999' on this server" in capsys.readouterr().err
    (tmp_path / "other.json").write_text("{}")
    assert replay.main([str(tmp_path / "other.json")]) == 1
    assert "UND-0734" in capsys.readouterr().err


async def test_what_would_be_decided_otherwise_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """A rule has changed: exit status 3, and both decisions in words."""
    await led(tmp_path, monkeypatch)
    before = placement.settle_group
    monkeypatch.setattr("understudy.policy.decide.settle_group", lambda ground, members: replace(before(ground, members), assignments=()))
    number = next(
        number
        for number, (decision, _) in enumerate(reversed([*decisions(PastFiles(tmp_path / FOLDER).parts())]), 1)
        if "assignment/db" in decision.writes
    )
    assert replay.main([str(number), "--state-dir", str(tmp_path)]) == replay.DIFFERS
    shown = capsys.readouterr().out
    assert "It would be decided otherwise now:" in shown
    assert "now:  nothing is written" in shown


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_what_any_rule_decides_survives_the_file(path: Path) -> None:
    """Before each answer of a story of the policy: the same decision from the file that is sent to somebody."""
    cluster = SpokenCluster()
    for block in read(path)[1]:
        for line in block.stimuli:
            cluster.do(line)
        view, memory = replace(cluster.view, revision=7), cluster._memory()
        plan = decide(view, cluster.now, memory)
        notes = tuple((note.kind, note.resource or "", note.on or "") for step in plan.steps for note in step.notes)
        kept = KeptDecision(
            activity="t1r7", wall=1.0, server=ServerName(""), view=view, now=cluster.now, memory=memory, writes=encoded_writes(view, plan),
            notes=notes, whole=True,
        )  # fmt: skip
        text = exported(kept)
        again = imported(text.encode(), path.name)
        printed = [report.failure.text for reports in view.reports.values() for report in reports.values() if report.failure is not None]
        assert not [said for said in printed if len(said) > 3 and said in text]
        assert decided_again(kept).same
        assert decided_again(again).same, decided_again(again).differing
        assert again.memory == memory
        cluster.answer()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_reported_is_decided_as_it_should_be(path: Path) -> None:
    """Each file says what is right."""
    again: DecidedAgain = decided_again(imported(path.read_bytes(), path.name))
    if os.environ.get("UNDERSTUDY_REWRITE"):
        path.write_text(exported(replace(again.kept, writes=again.writes, notes=again.notes)))
    assert again.same, again.differing


def test_there_are_files_to_replay() -> None:
    """An empty folder proves nothing."""
    assert FILES


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"what": "understudy decision"}', "\xff", "[" * 100_000, '{"what":"other","format":1}'])
def test_what_is_no_such_file_is_refused_in_words(text: str) -> None:
    """With what to do."""
    with pytest.raises(BadInput, match="cannot be decided again"):
        imported(text.encode("latin-1"), "x.json")
