"""What benchmarks say of what they have measured, and small forms of those that need no lab."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from bench import cli, decide
from bench.cib import STATES, cib
from bench.growth import BLUE, RED, Curve, picture
from bench.outage import OutageTrial
from bench.report import table
from bench.systems.understudy import Understudy

ABOUT = {"command": "./run bench failover", "date": "today", "cores": 2, "memory_gib": 24, "kernel": "6.1", "versions": {}}


def test_the_start_of_the_service_is_not_held_against_the_bound() -> None:
    """Of an outage of 1.93 s, 1.6 s are the proof and the registry's election; the rest is three starts on a busy machine."""
    system = Understudy(0.5, "etcd", leader_lost=True)
    trial = OutageTrial(system=system.title, act="cut", load=10.0, outage_ms=1930.0, begun_ms=1601.0, both_ms=-200.0)
    quicker, kill = replace(trial, outage_ms=1100.0, begun_ms=870.0), replace(trial, act="kill", begun_ms=None, both_ms=None)

    head, _, *rows = table(ABOUT, [system], [quicker, trial, kill], {system.title: system.bound_s * 1000}).splitlines()[3:]
    names = [cell.strip() for cell in head.split("|")]
    shown = {row.split("|")[1].strip(): dict(zip(names, map(str.strip, row.split("|")), strict=True)) for row in rows}

    assert (shown["cut"]["max"], shown["cut"]["start begun"], shown["cut"]["bound"]) == ("1930", "1601", "1661")
    assert (shown["kill"]["start begun"], shown["kill"]["bound"]) == ("", "")


def test_a_small_cluster_is_decided_about(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of `./run bench decide`, of one size: each decision is what it has to be, or the process of that size ends in an error."""
    assert decide.main(["--sizes", "30", "--servers", "4", "--repeat", "1"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    servers, resources, *figures = (cell.strip() for cell in last.strip("|").split("|"))
    assert (servers, resources) == ("4", "30")
    assert all(float(figure.split()[0]) > 0 for figure in figures)


@pytest.mark.parametrize("state", STATES)
def test_the_peer_is_given_the_same_cluster(state: str) -> None:
    """Trios in groups, and of every resource what each server has said of it."""
    found = ET.fromstring("".join(cib(30, 4, state)))
    assert len(found.findall("./configuration/resources/group")) == 10
    assert len(found.findall("./configuration/resources/group/primitive")) == 30
    assert [len(server.findall(".//lrm_resource")) for server in found.findall("./status/node_state")] == [30] * 4
    started = [operation.get("on_node") for operation in found.iter("lrm_rsc_op") if operation.get("operation") == "start"]
    assert len(started) == (0 if state == "start" else 30)
    assert [server.get("crmd") for server in found.findall("./status/node_state")].count("offline") == (state == "lost")


def test_a_peers_command_stands_beside_ours() -> None:
    """How many times as much it takes; ours has no such figure, nor has what has none of ours beside it."""
    ours = cli.CliRow(
        act="show all", system="understudy", command="crsctl stat res -t", times=3, wall_s=0.05, least_s=0.04, most_s=0.06, cpu_s=0.03,
        hosts_cpu_s=0.06,
    )  # fmt: skip
    theirs = replace(ours, system="pacemaker", command="pcs status", wall_s=0.4, hosts_cpu_s=0.3)
    head, _, *rows = cli.table([ours, theirs, replace(theirs, act="add")]).splitlines()
    names = [cell.strip() for cell in head.split("|")]
    shown = [dict(zip(names, map(str.strip, row.split("|")), strict=True)) for row in rows]
    assert [(row["/ our wall"], row["/ our CPU of all hosts"]) for row in shown] == [("", ""), ("8.0", "5.0"), ("", "")]
    assert shown[1]["command"] == "`pcs status`"


def test_every_act_of_a_peer_has_ours_beside_it() -> None:
    """And each command that is typed seven times is about another resource, or about none."""
    acts = {system: {command.act for command in cli.COMMANDS if command.system == system} for system in ("understudy", "pacemaker")}
    assert acts["understudy"] == acts["pacemaker"]
    for command in cli.COMMANDS:
        assert not command.changes or command.typed(1) != command.typed(2), command.words


def test_a_picture_of_growth_shows_each_curve() -> None:
    """By its name, none of them on another; what was not measured is left out."""
    curves = [
        Curve(title="this", ink=BLUE, points=[(30, 0.01), (300, 0.1)]),
        Curve(title="that", ink=RED, points=[(30, 0.02), (300, 0.1)], dashed=True),
        Curve(title="not measured", ink=RED, points=[]),
    ]
    drawn = ET.fromstring(picture(curves, title="growth", heading="seconds"))
    texts = {element.text: float(element.get("y", "0")) for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert "not measured" not in texts
    assert abs(texts["this"] - texts["that"]) >= 10
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 2
