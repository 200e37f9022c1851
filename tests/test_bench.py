"""What the side-by-side benchmark says of its trials: the bound stands beside what it is about."""

from dataclasses import replace

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
