"""Real guards of different settings, and what outlives a guard and a lapse."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.hosts import GuardHost, Hosts, hosts, kill
from support import wait_for
from understudy.guard import registered
from understudy.guard.configured import read_settings
from understudy.guard.notice import read_notice
from understudy.linux.lease import read_lease
from understudy.model.limits import derive
from understudy.model.names import ServerName
from understudy.model.view import ClusterRecord

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]
LIMITS = derive(0.5)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Hosts]:
    with hosts(tmp_path, 4, pause_tolerance=0.5) as made:
        made.start()
        yield made


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[GuardHost]:
    with hosts(tmp_path, 1, pause_tolerance=0.5) as made:
        made.start()
        yield made[1]


def read_by_the_daemon(host: GuardHost) -> None:
    """What each daemon does when it has read the registry: to the disk, then to the guard."""
    settings = read_settings(str(host.config))
    record = ClusterRecord(
        name=settings.cluster, voters=tuple(map(ServerName, settings.voters)), voter_set=settings.voter_set,
        pause_tolerance=settings.pause_tolerance,
    )  # fmt: skip
    registered.write(registered.path_of(settings), record)
    answer = host.ask("cluster", **registered.fields_of(record))
    assert (answer["ok"], answer["why"], answer["voters"]) == (True, "", list(settings.voters))


def edit(host: GuardHost, line: str) -> None:
    """Somebody edits understudy.toml and restarts the guard."""
    host.config.write_text(host.config.read_text().replace("[server]", f"{line}\n[server]"))
    host.ask("farewell")
    assert host.keeper is not None
    host.keeper.wait(5)
    host.start()
    wait_for(lambda: answers(host), 5, f"the guard of {host.name} answers")


def answers(host: GuardHost) -> bool:
    try:
        return bool(host.ask("state"))
    except OSError:
        return False


def a_lease_passes(*those_that_hold: GuardHost) -> None:
    until = time.monotonic() + 1.5 * LIMITS.lease_s
    wait_for(lambda: time.monotonic() > until, 5, "a lease has passed")
    assert all(host.holds() for host in those_that_hold)


def test_voters_edited_on_two_servers_count_for_nothing(servers: Hosts) -> None:
    """What the registry said is on their disks: they go on by that, and take part."""
    for host in servers.all:
        read_by_the_daemon(host)
    for number in (3, 4):
        edit(servers[number], 'voters = ["ctr2", "ctr3", "ctr4"]')
    for number in (3, 4):
        wait_for(servers[number].holds, 5, "it takes part")
    a_lease_passes(*servers.all)
    for host in servers.all:
        state = host.ask("state")
        assert (state["voters"], state["refused"], state["differing"]) == (["ctr1", "ctr2", "ctr3"], "", [])


def test_who_has_another_tolerance_gets_no_lease_and_both_sides_say_why(servers: Hosts) -> None:
    host = servers[4]
    host.config.write_text(host.config.read_text().replace("pause_tolerance = 0.5", "pause_tolerance = 2.0"))
    edit(host, "")
    a_lease_passes(servers[1], servers[2], servers[3])
    assert not host.holds()
    assert "ctr4 has pause_tolerance 2 s, this server 0.5 s" in servers[2].ask("state")["differing"][0]
    assert "ctr1 has pause_tolerance 0.5 s, this server 2 s" in " ".join(host.ask("state")["differing"])
    assert any("ctr4 has pause_tolerance 2 s" in line for line in read_notice(str(servers[2].run_dir)))


def test_a_guard_that_learns_of_another_tolerance_stops_everything_and_stays_out(servers: Hosts) -> None:
    host = servers[4]
    resource = host.resource()
    said = {"cluster": servers.tag, "voters": ["ctr1", "ctr2", "ctr3"], "voter_set": 1, "pause_tolerance": 2.0, "old_voters": []}
    assert host.ask("cluster", **said)["ok"] is False
    assert resource.wait(2) == -9
    wait_for(lambda: answers(host) and bool(host.ask("state")["refused"]), 5, "its successor stays out")
    a_lease_passes(servers[1], servers[2], servers[3])
    assert not host.holds()
    wait_for(lambda: read_notice(str(host.run_dir)), 3, "it is said where operators look")
    said["pause_tolerance"] = 0.5
    assert host.ask("cluster", **said)["ok"] is True
    wait_for(host.holds, 5, "it holds again")
    wait_for(lambda: read_notice(str(host.run_dir)) == (), 3, "nothing is said any more")


def test_voters_change_under_guards_that_go_on(servers: Hosts) -> None:
    """ctr4 instead of ctr1: each guard goes over to the new voters without losing its lease, also one whose guard is replaced meanwhile;
    then ctr1 grants nobody."""
    changing = {"cluster": servers.tag, "voters": ["ctr2", "ctr3", "ctr4"], "voter_set": 2, "pause_tolerance": 0.5}
    before = {host.name: host.ask("state")["incarnation"] for host in servers.all}
    for host in servers.all:
        read_by_the_daemon(host)
        assert host.ask("cluster", **changing, old_voters=["ctr1", "ctr2", "ctr3"])["ok"] is True
    servers[2].replace_guard()
    wait_for(lambda: {host.ask("state")["acknowledged"] for host in servers.all} == {2}, 5, "all hold by the new voters alone")
    for host in servers.all:
        assert host.ask("cluster", **changing, old_voters=[])["ok"] is True
    a_lease_passes(*servers.all)
    assert {host.name: host.ask("state")["incarnation"] for host in servers.all} == before
    assert servers[1].ask("state")["voting"] is None
    assert set(servers[1].ask("state")["grants"]) == {"ctr2", "ctr3", "ctr4"}


def test_a_daemon_that_knows_of_no_change_may_not_pass_on_half_of_one(servers: Hosts) -> None:
    """It would take the new voters for the only ones."""
    for host in servers.all:
        read_by_the_daemon(host)
    said = {"cluster": servers.tag, "voters": ["ctr2", "ctr3", "ctr4"], "voter_set": 2, "pause_tolerance": 0.5}
    answer = servers[1].ask("cluster", **said)
    assert (answer["ok"], answer["voters"]) == (False, ["ctr1", "ctr2", "ctr3"])


def test_what_a_guard_was_as_a_voter_outlives_it_and_its_lapse(alone: GuardHost) -> None:
    before = alone.ask("state")
    alone.replace_guard()
    assert alone.ask("state")["voting"] == {"boot": before["voting"]["boot"], "mute": False}
    alone.ask("dead", incarnations=[before["incarnation"]])
    wait_for(lambda: alone.holds() and alone.ask("state")["incarnation"] != before["incarnation"], 5, "rejoined")
    assert alone.ask("state")["voting"] == {"boot": before["voting"]["boot"], "mute": False}


def test_what_its_keeper_lost_begins_anew(alone: GuardHost) -> None:
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
