"""Real guards of different settings, and what outlives a guard and a lapse."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.hosts import Host, Hosts, hosts, kill
from support import wait_for
from understudy.guard import registered
from understudy.guard.configured import read_settings
from understudy.guard.notice import read_notice
from understudy.linux.lease import read_lease
from understudy.model.limits import derive

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]
LIMITS = derive(0.5)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Hosts]:
    with hosts(tmp_path, 4, pause_tolerance=0.5) as made:
        made.start()
        yield made


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Host]:
    with hosts(tmp_path, 1, pause_tolerance=0.5) as made:
        made.start()
        yield made[1]


def read_by_the_daemon(host: Host) -> None:
    """What each daemon does when it has read the registry: to the disk, then to the guard."""
    settings = read_settings(str(host.config))
    fields = (settings.cluster, settings.voters, settings.voter_set, settings.pause_tolerance)
    registered.write(registered.path_of(settings), *fields)
    told = dict(zip(("cluster", "voters", "voter_set", "pause_tolerance"), fields, strict=True))
    assert host.ask("cluster", **told) == {"op": "cluster", "ok": True, "why": ""}


def edit(host: Host, line: str) -> None:
    """Somebody edits understudy.toml and restarts the guard."""
    host.config.write_text(host.config.read_text().replace("[server]", f"{line}\n[server]"))
    host.ask("farewell")
    assert host.keeper is not None
    host.keeper.wait(5)
    host.start()
    wait_for(lambda: answers(host), 5, f"the guard of {host.name} answers")


def answers(host: Host) -> bool:
    try:
        return bool(host.ask("state"))
    except OSError:
        return False


def a_lease_passes(*those_that_hold: Host) -> None:
    until = time.monotonic() + 1.5 * LIMITS.lease_s
    wait_for(lambda: time.monotonic() > until, 5, "a lease has passed")
    assert all(host.holds() for host in those_that_hold)


def test_voters_edited_on_two_servers_make_no_second_majority(servers: Hosts) -> None:
    for host in servers.all:
        read_by_the_daemon(host)
    for number in (3, 4):
        edit(servers[number], 'voters = ["ctr2", "ctr3", "ctr4"]')
    a_lease_passes(servers[1], servers[2])
    for number in (3, 4):
        state = servers[number].ask("state")
        assert not state["held"]
        assert state["refused"].startswith("the registry has voters ctr1, ctr2, ctr3, understudy.toml of this server ctr2, ctr3, ctr4: ")
        assert read_notice(str(servers[number].run_dir))[0].endswith(state["refused"])
    wait_for(lambda: len(servers[1].ask("state")["differing"]) == 2, 3, "ctr1 says who differs")
    assert servers[1].ask("state")["differing"][0].startswith("ctr3 has voters ctr2, ctr3, ctr4, this server ctr1, ctr2, ctr3: ")


def test_who_has_another_tolerance_gets_no_lease_and_both_sides_say_why(servers: Hosts) -> None:
    host = servers[4]
    host.config.write_text(host.config.read_text().replace("pause_tolerance = 0.5", "pause_tolerance = 2.0"))
    edit(host, "")
    a_lease_passes(servers[1], servers[2], servers[3])
    assert not host.holds()
    assert "ctr4 has pause_tolerance 2 s, this server 0.5 s" in servers[2].ask("state")["differing"][0]
    assert "ctr1 has pause_tolerance 0.5 s, this server 2 s" in " ".join(host.ask("state")["differing"])
    assert any("ctr4 has pause_tolerance 2 s" in line for line in read_notice(str(servers[2].run_dir)))


def test_a_guard_that_is_told_of_other_settings_stops_everything_and_stays_out(servers: Hosts) -> None:
    host = servers[4]
    resource = host.resource()
    told = {"cluster": servers.tag, "voters": ["ctr2", "ctr3", "ctr4"], "voter_set": 1, "pause_tolerance": 0.5}
    assert host.ask("cluster", **told)["ok"] is False
    assert resource.wait(2) == -9
    wait_for(lambda: answers(host) and bool(host.ask("state")["refused"]), 5, "its successor stays out")
    a_lease_passes(servers[1], servers[2], servers[3])
    assert not host.holds()
    wait_for(lambda: read_notice(str(host.run_dir)), 3, "it is said where operators look")
    told["voters"] = ["ctr1", "ctr2", "ctr3"]
    assert host.ask("cluster", **told)["ok"] is True
    wait_for(host.holds, 5, "it holds again")
    wait_for(lambda: read_notice(str(host.run_dir)) == (), 3, "nothing is said any more")


def test_what_a_guard_was_as_a_voter_outlives_it_and_its_lapse(alone: Host) -> None:
    before = alone.ask("state")
    alone.replace_guard()
    assert alone.ask("state")["voting"] == {"boot": before["voting"]["boot"], "mute": False}
    alone.ask("dead", incarnations=[before["incarnation"]])
    wait_for(lambda: alone.holds() and alone.ask("state")["incarnation"] != before["incarnation"], 5, "rejoined")
    assert alone.ask("state")["voting"] == {"boot": before["voting"]["boot"], "mute": False}


def test_what_its_keeper_lost_begins_anew(alone: Host) -> None:
    before = alone.ask("state")["voting"]["boot"]
    alone.ask("farewell")
    assert alone.keeper is not None
    alone.keeper.wait(5)
    alone.start()
    wait_for(lambda: answers(alone), 5, "its guard answers")
    after = alone.ask("state")["voting"]
    assert after["boot"] != before
    assert after["mute"], "what its predecessor granted has not run out yet"


def test_a_successor_does_not_say_farewell_for_its_predecessor(servers: Hosts) -> None:
    """Who began the incarnation does: test_an_evicted_server_stops_and_says_farewell."""
    host, other = servers[4], servers[1]
    gone = host.ask("state")["incarnation"]
    host.replace_guard()
    host.ask("dead", incarnations=[gone])
    wait_for(lambda: host.holds() and host.ask("state")["incarnation"] != gone, 5, "rejoined")
    heard = other.ask("hello")
    assert gone not in [farewell["incarnation"] for farewell in heard["farewells"]]


def test_an_incarnation_whose_lease_has_run_out_is_not_continued(servers: Hosts) -> None:
    host = servers[4]
    resource, gone, guard = host.resource(), host.ask("state")["incarnation"], host.guard_pid()
    assert host.keeper is not None
    kill(host.keeper.pid, signal.SIGSTOP)
    kill(guard)
    wait_for(lambda: read_lease(str(host.run_dir / "lease")).left_s() == 0, 3, "the lease has run out")
    kill(host.keeper.pid, signal.SIGCONT)
    wait_for(lambda: answers(host) and host.holds(), 5, "holds again")
    assert host.ask("state")["incarnation"] != gone
    assert resource.wait(1) == -9
    assert "everything-stopped" not in host.log.read_text(), "no guard had the old lease's end to see to: its keeper ended everything"
