"""What the witness takes for one instant, and for a process that runs."""

import io
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import LabError
from understudy.lab import witness


class SlowClock:
    """Each look at it finds that so much time has passed."""

    def __init__(self, step_s: float) -> None:
        self._ticks = itertools.count(0, step_s)

    def monotonic(self) -> float:
        return float(next(self._ticks))

    def sleep(self, _: float) -> None:
        """Takes no time."""


class ThreeLines:
    """Nothing to read three times, then the word to stop."""

    def __init__(self) -> None:
        self._left = 3

    def fileno(self) -> int:
        return 0

    def readline(self) -> str:
        self._left -= 1
        return "" if self._left >= 0 else "stop\n"


def files(tmp_path: Path, *, populated: int, frozen: int, on: bool) -> tuple[list[str], str, str]:
    group = tmp_path / "group"
    (group / "run").mkdir(parents=True)
    (group / "run" / "cgroup.events").write_text(f"populated {populated}\nfrozen 0\n")
    (tmp_path / "freezer").write_text(f"populated 1\nfrozen {frozen}\n")
    if on:
        (tmp_path / "switch").touch()
    return [str(group)], str(tmp_path / "freezer"), str(tmp_path / "switch")


@pytest.mark.parametrize(
    ("populated", "frozen", "on", "runs"), [(1, 0, True, True), (0, 0, True, False), (1, 1, True, False), (1, 0, False, False)]
)
def test_what_runs_has_a_process_on_a_host_that_is_on_and_not_frozen(
    tmp_path: Path, populated: int, frozen: int, on: bool, runs: bool
) -> None:
    assert witness._runs(witness._Flags(), *files(tmp_path, populated=populated, frozen=frozen, on=on)) is runs


def test_a_group_that_was_made_again_is_another_file(tmp_path: Path) -> None:
    groups, freezer, switch = files(tmp_path, populated=0, frozen=0, on=True)
    flags, events = witness._Flags(), Path(groups[0]) / "run" / "cgroup.events"
    assert not witness._runs(flags, groups, freezer, switch)
    folder = os.open(tmp_path, os.O_RDONLY)
    os.dup2(folder, flags._open[str(events)])  # cannot be read any more, as the file of a group that is gone
    os.close(folder)
    events.unlink()
    assert not witness._runs(flags, groups, freezer, switch)
    events.write_text("populated 1\nfrozen 0\n")
    assert witness._runs(flags, groups, freezer, switch)


@pytest.mark.parametrize(("step_s", "samples"), [(0.01, 3), (0.09, 0)])
def test_a_look_that_takes_long_is_no_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float, samples: int) -> None:
    """It is left out, and counts as a gap."""
    groups, freezer, switch = files(tmp_path, populated=1, frozen=0, on=True)
    order: dict[str, object] = {
        "namespace": "", "interface": "", "address": None, "macs": {},
        "groups": {"ctr1": groups}, "freezers": {"ctr1": freezer}, "switches": {"ctr1": switch},
    }  # fmt: skip
    monkeypatch.setattr(witness, "time", SlowClock(step_s))
    monkeypatch.setattr(witness, "_enter", lambda _: None)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None)
    monkeypatch.setattr(os, "set_blocking", lambda *_: None)
    said = io.StringIO()
    stdin: Any = ThreeLines()
    witness._watch(order, stdin, said)
    *seen, end = [json.loads(line) for line in said.getvalue().splitlines()[1:]]
    assert (end["samples"], [sight["running"] for sight in seen]) == (samples, [["ctr1"]] if samples else [])
    assert end["longest_gap_s"] > step_s


class NoServers:
    """A lab as far as a witness asks it."""

    servers: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.macs: dict[str, tuple[str, str]] = {}

    def network_namespace(self, host: str) -> str:
        return f"/run/netns/{host}"


def stood_in(watching: Path, monkeypatch: pytest.MonkeyPatch) -> witness.Witness:
    """A witness that has this program instead of its own."""
    watching.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(watching))
    lab: Any = NoServers()
    return witness.Witness(lab, None, ["net.neutron-l3-agent"])


def test_what_is_seen_at_once_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the word that it has begun came the first sight, and was lost: of what never changed nothing had been seen."""
    sight = '{"at": 1.0, "answering": [], "running": ["net1"]}'
    watching = tmp_path / "watching"
    watching.write_text(f"#!/bin/sh\nprintf 'watching\\n{sight}\\n'\nread word\necho '{{\"samples\": 7, \"longest_gap_s\": 0.02}}'\n")
    watched = stood_in(watching, monkeypatch)
    with watched:
        pass
    assert [sight.active for sight in watched.sights()] == [("net1",)]
    assert (watched.most_active(2.0, 3.0), watched.samples, watched.longest_gap_s) == (1, 7, 0.02)


def test_a_watch_that_ended_by_itself_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = tmp_path / "watching"
    watching.write_text("#!/bin/sh\necho watching\nexit 3\n")
    with pytest.raises(LabError, match="ended with status 3"), stood_in(watching, monkeypatch):
        pass
