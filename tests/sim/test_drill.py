"""The drill: a cluster as it is meant to be, every server of which is lost in turn; and what is printed of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sim.intents import PAUSE_S, cluster, with_pool, with_resource, with_trio, with_vip
from understudy.cli.understudy import simulate
from understudy.cli.understudy.simulate_drill import table
from understudy.intent.whole import Intent
from understudy.model.limits import derive
from understudy.model.names import ResourceName, ServerName
from understudy.policy.explain import ExplainLine
from understudy.registry.intent import encode
from understudy.sim.drill import Drill, DrillRow, Loss, LossWay, drill, plan
from understudy.sim.truth import Violation
from understudy.sim.world import WorldStuck

SMALL_S = 0.1
"""What commits, checks and looks of the measurement may add to a bound."""
CTR3 = ServerName("ctr3")
THREE = cluster("ctr1", "ctr2", "ctr3")


def row(found: Drill, name: str) -> DrillRow:
    """What is said of one resource."""
    return next(shown for shown in found.rows if shown.resource == name)


def test_a_trio_in_a_pool_of_two_comes_back_within_the_bound() -> None:
    """On whichever server it ran; the slow start of one counts, the others start as fast as is assumed."""
    found = drill(with_trio(THREE), losses=2, assumed_start_s=0.2)

    assert found.safe
    assert {(shown.home, shown.others) for shown in found.rows} == {("ctr2", ("ctr1",))}
    outage_s = derive(PAUSE_S).outage_s
    for name, starts_s in (("address", 0.2), ("data", 0.4), ("service", 0.8)):
        shown = row(found, name)
        assert shown.worst_s is not None
        assert starts_s < shown.worst_s < outage_s + starts_s + SMALL_S
        assert shown.worst is not None
        assert shown.worst.server == "ctr2"
    assert [(shown.start_s, shown.seen) for shown in found.rows] == [(0.2, False), (0.2, False), (0.4, True)]


def test_a_witness_votes_and_runs_nothing() -> None:
    """It is lost like any other server; nothing moves to it, and its vote lets the one server that is left go on."""
    watched = replace(THREE, witnesses=(CTR3,))
    found = drill(with_resource(watched, "db", "*"), losses=1, assumed_start_s=0.1)

    shown = row(found, "db")
    assert found.safe
    assert {shown.home, *shown.others} == {"ctr1", "ctr2"}
    assert {loss.server for loss in found.losses} == set(THREE.servers)
    assert "voters ctr1 ctr2 ctr3; ctr3 runs no resources (a witness); pause" in table(watched, found)

    alone = with_resource(with_pool(watched, "single", "ctr1"), "db", "single")
    assert list(row(drill(alone, losses=1, assumed_start_s=0.1), "db").never) == ["ctr1"]


def test_the_same_intent_gives_the_same_answer() -> None:
    """Every loss is drawn from its own seed."""
    assert drill(with_trio(THREE), losses=1) == drill(with_trio(THREE), losses=1)


def test_a_resource_whose_pool_has_one_server_has_no_second_home() -> None:
    """It never comes back while that server is lost, and what would change that is said; nobody else is concerned."""
    lonely = with_resource(with_pool(with_trio(THREE), "single", "ctr3"), "lonely", "single")

    found = drill(lonely, losses=1, assumed_start_s=0.1)

    shown = row(found, "lonely")
    assert (shown.home, shown.others, shown.safe) == ("ctr3", (), False)
    assert list(shown.never) == ["ctr3"]
    assert shown.never[CTR3].startswith("no server may run it now; waits for a server that may run it: ")
    assert [line.server for line in shown.refused] == ["ctr1", "ctr2"]
    assert shown.refused[0].would_change == 'add it: crsctl modify serverpool single -attr "SERVER_NAMES=ctr3 ctr1"'
    assert [shown.resource for shown in found.rows if not shown.safe] == ["lonely"]


def test_a_pool_that_takes_another_server_is_a_second_home() -> None:
    """MAX_SIZE=1: now it has one server only; when that is lost it takes the next."""
    roaming = with_pool(THREE, "roaming", parent_pools=(), min_size=1, max_size=1)

    found = drill(with_resource(roaming, "db", "roaming"), losses=1)

    assert found.safe
    assert len(row(found, "db").others) == 1


def test_without_its_only_voter_a_cluster_stops() -> None:
    """Also what ran elsewhere: no server has a lease any more."""
    pair = cluster("ctr1", "ctr2", voters=("ctr1",))

    found = drill(with_trio(pair), losses=1, assumed_start_s=0.1)

    assert {shown.home for shown in found.rows} == {"ctr2"}
    assert all(list(shown.never) == ["ctr1"] for shown in found.rows)
    assert "no majority of voters (ctr1)" in row(found, "service").never[ServerName("ctr1")]


def test_a_registry_on_a_server_is_lost_with_it() -> None:
    """What ran there stays down; what ran elsewhere runs on."""
    found = drill(replace(with_trio(THREE), registry_on=ServerName("ctr2")), losses=1)

    assert row(found, "service").never == {"ctr2": "the registry is on ctr2: while it is away nothing moves"}


def test_what_depends_on_it_elsewhere_is_timed_too() -> None:
    """`far` runs on ctr3 and stops with its address on ctr2; it is back after that is."""
    far = with_resource(with_pool(with_trio(THREE), "single", "ctr3"), "far", "single", needs="global:address")

    found = drill(far, losses=1, assumed_start_s=0.2)

    shown = row(found, "far")
    assert shown.home == "ctr3"
    assert shown.worst is not None
    assert shown.worst.server == "ctr2"
    assert shown.worst_s is not None
    assert list(shown.never) == ["ctr3"]
    assert shown.never[CTR3].startswith("no server may run it now; waits for a server that may run it: ")


def test_what_is_down_to_begin_with_says_what_it_waits_for() -> None:
    """A disabled resource is not judged; what needs it is down although no server is lost."""
    intent = with_resource(with_pool(THREE, "pair", "ctr1", "ctr2"), "base", "pair", enabled="0")
    intent = with_resource(with_resource(intent, "top", "pair", needs="global:base"), "off", "pair", wanted=False)

    found = drill(intent, losses=1)

    assert row(found, "top").idle == "it needs base, which does not run"
    assert not found.safe
    assert found.not_judged == {
        "base": "the resource is disabled (ENABLED=0)",
        "off": "its TARGET is OFFLINE",
        "ora.net1.network": "it is a local resource: one instance on every server",
    }


def test_what_has_several_instances_is_not_judged() -> None:
    """It goes on with one fewer while a server is lost; what needs it is judged as ever."""
    intent = with_resource(with_pool(THREE, "pair", "ctr1", "ctr2"), "web", "pair", cardinality="2")
    front = with_resource(intent, "front", "pair", start_dependencies="weak(global:web)")

    found = drill(replace(front, runs_on={ResourceName("web"): ServerName("ctr2")}), losses=1)

    assert [(shown.resource, shown.safe) for shown in found.rows] == [("front", True)]
    assert found.not_judged[ResourceName("web")] == "it has several instances, and goes on as long as one of them does"


def test_a_home_where_it_may_not_be_any_more_is_not_insisted_on() -> None:
    """The file was edited, or the pool changed since: policy places it."""
    intent = replace(with_trio(THREE), runs_on={ResourceName("service"): ServerName("ctr3")})

    assert row(drill(intent, losses=1), "service").home in ("ctr1", "ctr2")


def test_types_that_users_registered_are_known() -> None:
    """An application VIP, as `appvipcfg` makes it."""
    found = drill(with_vip(THREE, "vip"), losses=1)

    assert found.safe
    assert row(found, "vip").home == "ctr1"


def test_each_server_is_lost_in_each_way_and_at_different_moments() -> None:
    """Half of the times it leads; no two losses are alike."""
    losses = plan((ServerName("a"), ServerName("b")), 4)

    assert len(losses) == 16
    assert {(loss.server, loss.way, loss.led) for loss in losses} == {
        (server, way, led) for server in "ab" for way in LossWay for led in (True, False)
    }
    assert len({loss.seed for loss in losses}) == len({loss.beats for loss in losses}) == 16


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_answers_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its exit status says whether all is well."""
    path = tmp_path / "intent.json"
    path.write_text(encode(with_trio(THREE)))

    status = simulate.main(["--config", str(path), "--losses", "1", "--assume-start", "0.2", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert told["safe"] is True
    assert told["format"] == 1
    assert told["losses_of_each_server"] == {"power": 1, "cut": 1}
    service = told["resources"][2]
    assert service["resource"] == "service"
    assert 0.8 < service.pop("worst_outage_s") < derive(PAUSE_S).outage_s + 0.8 + SMALL_S
    assert service.pop("worst_loss")["server"] == "ctr2"
    assert service == {
        "resource": "service",
        "runs_on": "ctr2",
        "second_homes": ["ctr1"],
        "refused": [],
        "never_back_after": {},
        "down_because": None,
        "start_s": 0.4,
        "start": "seen",
        "safe": True,
    }


@pytest.mark.long
def test_the_command_ends_with_4_where_something_never_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names it, and so does the last line."""
    path = tmp_path / "intent.json"
    path.write_text(encode(with_resource(with_pool(THREE, "single", "ctr3"), "lonely", "single")))

    assert simulate.main(["--config", str(path), "--losses", "1"]) == 4
    assert capsys.readouterr().out.splitlines()[-1] == "verdict: 1 of 1 not safe: lonely not back after some loss"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "/nowhere"], "/nowhere: No such file or directory; understudy cluster export > FILE makes such a file"),
        (["--config", "x", "--seeds", "3"], "--seeds draws random worlds"),
        (["--live", "--trace"], "--trace draws random worlds"),
        (["--live", "--config", "x"], "not allowed with argument"),
        (["--live", "--losses", "0"], "write a number from 1 to 10000"),
    ],
)
def test_what_does_not_go_together_ends_with_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is simulated."""
    try:
        status: int | str | None = simulate.main(words)
    except SystemExit as ended:
        status = ended.code

    assert status == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("error", "status"), [(Violation("S1"), 3), (WorldStuck("not within 20 s"), 5)])
def test_a_simulation_that_goes_wrong_tells_its_story(
    error: Exception, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing of the cluster then."""

    def fails(*_: object, **__: object) -> None:
        raise error

    path = tmp_path / "intent.json"
    path.write_text(encode(THREE))
    monkeypatch.setattr("understudy.sim.drill.drill", fails)

    assert simulate.main(["--config", str(path)]) == status
    assert str(error) in capsys.readouterr().err


def test_the_table_to_the_character() -> None:
    """A drill written by hand: what is fine, what never comes back, what is down, what was left out."""
    assert table(_intent(), _by_hand()) == TABLE.strip("\n")


def test_a_verdict_without_complaint() -> None:
    """The worst outage of all is its last word."""
    fine = replace(_by_hand(), rows=_by_hand().rows[:1], not_judged={})

    assert table(_intent(), fine).splitlines()[-1] == "verdict: all 1 come back, whichever server is lost, within 1.42 s"
    assert table(_intent(), replace(fine, rows=())).splitlines()[-1].startswith("verdict: nothing can be lost")


def _intent() -> Intent:
    return cluster("ctr1", "ctr2", "ctr3", "ctr4")


def _by_hand() -> Drill:
    losses = plan(_intent().servers, 10)
    refused = tuple(
        ExplainLine(
            server=ServerName(server),
            verdict="refused",
            because="it is in none of the server pools that PLACEMENT allows: network_sp",
            would_change=f'add it: crsctl modify serverpool network_sp -attr "SERVER_NAMES=ctr3 {server}"',
        )
        for server in ("ctr1", "ctr2", "ctr4")
    )
    rows = (
        DrillRow(
            resource=ResourceName("mysqld"),
            home=ServerName("ctr1"),
            others=(ServerName("ctr2"),),
            start_s=0.411,
            seen=True,
            worst_s=1.423,
            worst=Loss(server=ServerName("ctr1"), way=LossWay.CUT, seed=7, beats=0.5, led=True),
        ),
        DrillRow(
            resource=ResourceName("dhcp"),
            home=ServerName("ctr3"),
            others=(),
            start_s=1.0,
            never={ServerName("ctr3"): "no server may run it now"},
            refused=refused,
        ),
        DrillRow(
            resource=ResourceName("top"),
            home=ServerName("ctr2"),
            others=tuple(map(ServerName, ("ctr1", "ctr3", "ctr4"))),
            start_s=1.0,
            idle="it needs base, which does not run",
        ),
        DrillRow(resource=ResourceName("still"), home=ServerName("ctr4"), others=(ServerName("ctr1"),), start_s=1.0),
    )
    off = {ResourceName(name): "its TARGET is OFFLINE" for name in ("backup", "report")}
    return Drill(rows=rows, not_judged=off, losses=losses, outage_s=0.944, bound_s=12.0, assumed_start_s=1.0)


TABLE = """
CLUSTER       test: ctr1 ctr2 ctr3 ctr4; voters ctr1 ctr2 ctr3; pause tolerance 0.5 s
MEASURED      each server lost alone, in virtual time: 10 power losses, 10 cuts from everything, every second one as leader
WORST OUTAGE  the longest of them, until it ran on another server; its bound is 0.94 s plus starts
START         the slowest in the cluster's history (seen), else 1 s (assumed); no script was run: whether it works there is not shown

RESOURCE  RUNS ON  SECOND HOME           WORST OUTAGE  AFTER           START
-------------------------------------------------------------------------------------
mysqld    ctr1     ctr2                        1.42 s  cut of ctr1     0.41 s seen
dhcp      ctr3     NONE                    NEVER BACK  loss of ctr3    1.00 s assumed
top       nowhere  ctr1 ctr3 and 1 more          DOWN  no loss at all  1.00 s assumed
still     ctr4     ctr1                          none                  1.00 s assumed

dhcp
  not back after the loss of ctr3: no server may run it now
  ctr1 ctr2 ctr4: it is in none of the server pools that PLACEMENT allows: network_sp
    -> add it: crsctl modify serverpool network_sp -attr "SERVER_NAMES=ctr3 ctr1"
top
  down although no server is lost: it needs base, which does not run

not judged: backup, report (its TARGET is OFFLINE)

verdict: 2 of 4 not safe: dhcp not back after some loss; top down already
"""
