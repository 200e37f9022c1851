"""What was, kept on a server's disk within bounds: any View is found again, with how exact that is; a disk that fails delays nobody."""

import asyncio
import os
import stat as modes
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from daemon.cluster import Cluster, running
from daemon.test_api import ask_as_nobody, served
from support import open_to_all, wait_until
from understudy.daemon import past, pastfile
from understudy.daemon.past import Past
from understudy.daemon.pastfile import PastBase, PastChanges, PastFiles, PastReach
from understudy.daemon.pastview import PastFound, at
from understudy.daemon.times import wall_of
from understudy.errors import BadInput
from understudy.model.names import ResourceName
from understudy.model.state import Target
from understudy.model.view import TargetRecord, View
from understudy.ports import Batch, Entry
from understudy.registry import keys, wire

ADD = 'crsctl add resource {0} -type cluster_resource -attr "ACTION_SCRIPT=/x,CHECK_INTERVAL=60"'
NOW = 1_700_000_000.0
COMMANDS = (
    ADD.format("db"), "crsctl start resource db -n ctr2", ADD.format("web"), "crsctl start resource web", "crsctl stop resource db",
    'crsctl add serverpool sp -attr "MAX_SIZE=0"', "crsctl modify resource web -attr ENABLED=0", "crsctl stop resource web",
    "crsctl delete resource db",
)  # fmt: skip


class SteppingClock:
    """A second later each time it is asked for the time of day."""

    def __init__(self) -> None:
        self.at = NOW

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        self.at += 1.0
        return self.at


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_value(monkeypatch, past, "EVERY_S", 0.0)
    exchange_value(monkeypatch, pastfile, "FREE_BYTES", 0)


def facts(view: View) -> dict[str, Any]:
    """All that the registry said, but for beats; whatever kind of maps hold it."""
    left_out = ("beat", "unable", "set_back", "revision")
    found = {fact.name: getattr(view, fact.name) for fact in fields(View) if fact.name not in left_out}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in found.items()}


def found(folder: Path, wall: float) -> PastFound:
    """What was then."""
    return at(PastFiles(folder).parts(), wall, NOW * 2)


async def settled(cluster: Cluster) -> None:
    """Everything that was to happen has happened, and is written."""
    await wait_until(lambda: all(node.history.idle() and node.leader.idle() for node in cluster.nodes.values()), 10, "at rest")
    for node in cluster.nodes.values():
        await node.mirror.refresh()
        if node.past is not None:
            await node.past.settle()


async def test_every_view_is_found_again(tmp_path: Path) -> None:
    """After each of many commands: the View of then, of all records, also once the files have begun anew and the daemon with them."""
    clock = SteppingClock()
    keeps = Past(PastFiles(tmp_path / "past", file_bytes=2_000), clock)
    seen: list[tuple[float, dict[str, Any], int]] = []
    async with running("ctr1", "ctr2", pasts={"ctr1": keeps}) as cluster:
        for command in COMMANDS:
            assert (await cluster.run(command)).status == 0, command
            await settled(cluster)
            seen.append((clock.wall(), facts(cluster.nodes["ctr1"].mirror.view), cluster.nodes["ctr1"].mirror.view.revision))
        cluster.pasts["ctr1"] = Past(PastFiles(tmp_path / "past"), clock)
        await cluster.begin_again("ctr1")
        await settled(cluster)

    assert len(PastFiles(tmp_path / "past").parts()) > 2, "they began anew"
    for wall, view, revision in seen:
        then = found(tmp_path / "past", wall)
        assert facts(then.view) == view
        assert then.view.revision <= revision
        assert not then.doubt
    files = list((tmp_path / "past").iterdir())
    assert {modes.S_IMODE(os.stat(file).st_mode) for file in files} == {0o600}
    assert modes.S_IMODE(os.stat(tmp_path / "past").st_mode) == 0o700


async def test_commands_show_what_was_and_how_exact_that_is(tmp_path: Path) -> None:
    """`status` and `explain`, of a moment before a stop and a deletion; before it began nothing is known, and what is to come is not."""
    clock = SteppingClock()
    pasts = {server: Past(PastFiles(tmp_path / server), clock) for server in ("ctr1", "ctr2")}
    async with running("ctr1", "ctr2", pasts=pasts) as cluster:
        exchange_clock(cluster, clock)
        await cluster.run(ADD.format("db"))
        await cluster.run("crsctl start resource db -n ctr2")
        await settled(cluster)
        before = clock.wall()
        await cluster.run("crsctl stop resource db")
        await cluster.run("crsctl delete resource db")
        await settled(cluster)
        ago = datetime.fromtimestamp(before, tz=UTC).isoformat()
        shown, there = await cluster.run(f"understudy status --at {ago}"), await cluster.run(f"understudy status --at {ago}", on="ctr2")
        explained = await cluster.run(f"understudy explain db --at {ago}")
        now, early = await cluster.run("understudy explain db"), await cluster.run("understudy explain db --at 2001-01-01")
        late, wrong = await cluster.run("understudy status --at 2101-01-01"), await cluster.run("understudy status --at soon")

    assert "ONLINE       ctr2" in shown.text
    assert "UND-0732: As ctr1 knew it at" in shown.text
    assert shown.printed[1:] == there.printed[1:], "whoever is left can say it"
    assert "the next change came at" in shown.text
    assert "db: TARGET ONLINE, ONLINE on ctr2" in explained.text
    assert now.text == "CRS-2613: Could not find resource 'db'."
    assert "UND-0731: What was at 2001-01-01 00:00:00.000 is not known here: it knows what was since" in early.text
    assert "it has not come yet" in late.text
    assert "UND-0730: 'soon' is no time" in wrong.text
    assert {now.status, early.status, late.status, wrong.status} == {1}


def exchange_clock(cluster: Cluster, clock: SteppingClock) -> None:
    """Commands go by the clock by which the past is kept."""
    for node in cluster.nodes.values():
        node.clock = clock


async def test_others_see_of_the_past_what_they_may_see(tmp_path: Path) -> None:
    """Neither what their lists hide now, nor what they hid then, nor what is deleted."""
    clock = SteppingClock()
    async with running("ctr1", pasts={"ctr1": Past(PastFiles(tmp_path / "past"), clock)}) as cluster:
        exchange_clock(cluster, clock)
        for name in ("open", "shut", "gone"):
            await cluster.run(ADD.format(name))
        await settled(cluster)
        when = datetime.fromtimestamp(clock.wall(), tz=UTC).isoformat()
        await cluster.run("crsctl setperm resource shut -u other::---")
        await cluster.run("crsctl delete resource gone")
        async with served(cluster, tmp_path) as path:
            open_to_all(tmp_path)
            (text,) = await ask_as_nobody(path, ("stat-resource", {"at": when}))
        of_root = (await cluster.run(f"understudy status --at {when}")).text
    assert "NAME=open" in text
    assert "shut" not in text
    assert "gone" not in text
    assert "shut" in of_root
    assert "gone" in of_root


# --- bounds -----------------------------------------------------------------------------------------------------------


def change(number: int, size: int = 2_000) -> PastChanges:
    """One that does not compress."""
    return PastChanges(NOW + number, number, {f"target/r{number}": os.urandom(size)})


def test_the_oldest_files_go_first(tmp_path: Path) -> None:
    """However much comes: no more bytes than are allowed; and it is said since when anything is known."""
    files = PastFiles(tmp_path, most=100_000, file_bytes=10_000)
    base, full = PastBase(NOW, 0, {}), True
    for number in range(1, 200):
        full = files.write([*([base] if full else []), change(number)])
        base = PastBase(NOW + number, number, {}, follows=True)
        assert sum(part.path.stat().st_size for part in files.parts()) <= 100_000
    first = files.parts()[0].begins
    assert first > NOW + 100
    with pytest.raises(BadInput, match="it knows what was since"):
        found(tmp_path, NOW + 50)
    assert found(tmp_path, NOW + 195).view.revision == 195


def test_a_torn_end_costs_only_what_is_torn(tmp_path: Path) -> None:
    """A machine lost its power while the last frame was written."""
    files = PastFiles(tmp_path)
    record = TargetRecord(target=Target.ONLINE)
    files.write([PastBase(NOW, 1, {keys.target("db"): wire.encode(record)})])
    (part,) = files.parts()
    whole = len(part.path.read_bytes())
    files.write([PastChanges(NOW + 10, 2, {keys.target("db"): None})])
    content = part.path.read_bytes()
    for length in range(whole, len(content)):
        part.path.write_bytes(content[:length])
        assert found(tmp_path, NOW + 20).view.targets == {ResourceName("db"): record}
    part.path.write_bytes(content[:-3] + b"\xff\xff\xff")
    assert found(tmp_path, NOW + 20).view.targets == {ResourceName("db"): record}


@pytest.mark.parametrize("same", [True, False])
def test_what_is_missing_between_two_daemons_is_said(tmp_path: Path, same: bool) -> None:
    """Unless the next one has found all as it was."""
    value = wire.encode(TargetRecord(target=Target.ONLINE))
    files = PastFiles(tmp_path)
    files.write([PastBase(NOW, 1, {keys.target("db"): value})])
    files.write([PastBase(NOW + 100, 9, {keys.target("db"): value if same else wire.encode(TargetRecord(target=Target.OFFLINE))})])
    doubt = found(tmp_path, NOW + 50).doubt
    assert bool(doubt) is not same
    assert same or "was not kept: no daemon ran, or its disk was full" in doubt


def test_a_registry_that_was_away_is_said(tmp_path: Path) -> None:
    """What changed meanwhile was not seen when it was made."""
    files = PastFiles(tmp_path)
    files.write([PastBase(NOW, 1, {}), PastReach(NOW + 10, False), PastReach(NOW + 20, True), PastChanges(NOW + 21, 4, {})])
    assert "the registry was not reached from here since" in found(tmp_path, NOW + 15).doubt
    assert not found(tmp_path, NOW + 30).doubt


class FullFiles(PastFiles):
    """A disk that takes nothing for a while."""

    full = True
    asked = 0

    def write(self, entries: Any) -> bool:
        self.asked += 1
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(entries)


async def test_a_full_disk_is_said_once_and_costs_only_the_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, Any]]
) -> None:
    """Commands go on as ever; when there is room again it begins with all that there is."""
    exchange_value(monkeypatch, past, "AGAIN_S", 0.0)
    files, clock = FullFiles(tmp_path / "past"), SteppingClock()
    async with running("ctr1", pasts={"ctr1": Past(files, clock)}) as cluster:
        for name in ("one", "two"):
            assert (await cluster.run(ADD.format(name))).status == 0
            await settled(cluster)
        assert files.asked >= 2
        files.full = False
        assert (await cluster.run(ADD.format("three"))).status == 0
        await settled(cluster)
        view = cluster.nodes["ctr1"].mirror.view
    assert [line["event"] for line in logged if str(line["event"]).startswith("past-")] == ["past-not-kept", "past-kept"]
    assert facts(found(tmp_path / "past", clock.wall()).view) == facts(view)


async def test_what_waits_for_a_disk_that_hangs_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is noted beyond it, and what is there is let go."""
    exchange_value(monkeypatch, past, "WAITING_BYTES", 10_000)
    keeps = Past(PastFiles(tmp_path), SteppingClock())
    keeps.follows(lambda: (View(), {}))
    for number in range(1, 1_000):
        keeps.taken(Batch(number, (Entry(f"target/r{number}", b"x" * 500, number),)))
        assert keeps._bytes <= 10_000
    assert keeps.trouble or len(keeps._waiting) < 30


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10m", NOW - 600), ("1.5 h ago", NOW - 5400), ("2023-11-14T22:13:20Z", NOW), ("2023-11-14 22:13:20.500+00:00", NOW + 0.5)],
)
def test_times_are_read_as_people_write_them(text: str, expected: float) -> None:
    """And a time of day is the last one."""
    assert wall_of(text, NOW) == expected
    for clock in ("00:00", "12:30:15", "23:59:59.5"):
        assert NOW - 86_400 < wall_of(clock, NOW) <= NOW


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:60", "99999999999d", "2023-13-01", "ago", "-5m", "1e400s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """In words that say how one is written."""
    with pytest.raises(BadInput, match="10m for ten minutes ago"):
        wall_of(text, NOW)
