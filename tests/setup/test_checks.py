"""The table of checks: what each reading comes to."""

import json
from dataclasses import replace

import pytest

from setup.cases import GOOD, settings_of
from understudy.model.settings import Settings
from understudy.setup.checks import CheckResult, CheckRow, Purpose, check_rows, failed
from understudy.setup.readings import ClockReading, HostReadings, KeyReading, PortReading
from understudy.setup.table import WIDTH, table_text

PASSED, WARNED, FAILED = CheckResult.PASSED, CheckResult.WARNED, CheckResult.FAILED


def row(found: HostReadings, kind: str, purpose: Purpose = Purpose.INIT, settings: Settings | None = None) -> CheckRow:
    """The one row of this kind."""
    (only,) = [each for each in check_rows(found, settings or settings_of(), purpose) if each.kind == kind]
    return only


def test_a_good_server_passes_every_check() -> None:
    rows = check_rows(GOOD, settings_of(), Purpose.INIT)
    assert {each.result for each in rows} == {PASSED}
    assert not failed(rows)
    assert [each.kind for each in rows] == [
        "settings", "server", "voters", "names", "addresses", "clock source", "clock rate", "ports", "control groups", "nf_tables",
        "real time", "disk", "etcd", "services", "other servers",
    ]  # fmt: skip


BAD = [
    (replace(GOOD, root=False), "user", FAILED, "not root"),
    (replace(GOOD, unreadable="/etc/understudy/understudy.toml: [guard] port is 0"), "settings", FAILED, "port is 0"),
    (replace(GOOD, configured=replace(settings_of(), pause_tolerance=0.5)), "settings", FAILED, "pause_tolerance is 0.5 here"),
    (replace(GOOD, configured=settings_of()), "settings", PASSED, "configured already, just so"),
    (replace(GOOD, resolved={}), "names", WARNED, "no address is known for ctr1, ctr2, ctr3, ctr4"),
    (replace(GOOD, resolved={**GOOD.resolved, "ctr2": ("10.9.9.9",)}), "names", WARNED, "ctr2 is 10.9.9.9"),
    (replace(GOOD, resolved={**GOOD.resolved, "ctr2": ("127.0.1.1",)}), "names", WARNED, "ctr2 is 127.0.1.1"),
    (replace(GOOD, resolved={**GOOD.resolved, "ctr1": ("127.0.1.1",)}), "names", PASSED, "an address of it"),
    (replace(GOOD, addresses={"10.10.20.1": "eth2"}), "addresses", FAILED, "not on any interface: 10.10.10.1"),
    (replace(GOOD, down=frozenset({"eth2"})), "addresses", FAILED, "the link is down: 10.10.20.1 on eth2"),
    (replace(GOOD, clock=ClockReading(source="jiffies", rate_ppm=0.0)), "clock source", WARNED, "jiffies"),
    (replace(GOOD, clock=ClockReading(source="tsc", rate_ppm=-20000.0)), "clock rate", FAILED, "corrected by -2.00 %"),
    (replace(GOOD, clock=ClockReading(source="tsc")), "clock rate", WARNED, "does not say"),
    (replace(GOOD, clock=ClockReading(source="tsc", rate_ppm=0.0, synchronised=False)), "clock rate", WARNED, "nothing keeps it right"),
    (
        replace(GOOD, clock=ClockReading(source="tsc", rate_ppm=0.0, permitted_ppm=83333.0, permitted_by="chrony")),
        "clock rate", WARNED, "chrony may correct it by 8.3 %",
    ),
    (replace(GOOD, ports=(PortReading(7401, "udp", "leases", "nginx (process 7)"),)), "ports", FAILED, "(leases) belongs to nginx"),
    (replace(GOOD, ports=(PortReading(7401, "udp", "leases", "understudy-guard (process 7)", True),)), "ports", PASSED, "held by"),
    (replace(GOOD, cgroups="no control groups of version 2 are mounted"), "control groups", FAILED, "version 2"),
    (replace(GOOD, gate="the kernel refuses the gate's tables: Operation not permitted"), "nf_tables", FAILED, "not permitted"),
    (replace(GOOD, real_time="memory not locked: Cannot allocate memory"), "real time", WARNED, "memory not locked"),
    (replace(GOOD, flush_ms=35.0), "disk", WARNED, "after 35.0 ms"),
    (replace(GOOD, flush_ms=None, flush_failed="No space left on device"), "disk", FAILED, "No space left on device"),
    (replace(GOOD, etcd=""), "etcd", FAILED, "not installed"),
    (replace(GOOD, systemd=False, units=False), "services", WARNED, "systemd does not run here"),
    (replace(GOOD, units=False), "services", FAILED, "no understudy.target"),
    (replace(GOOD, answering=("ctr2",)), "other servers", FAILED, "belong to a cluster already: ctr2"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "kind", "result", "said"), BAD, ids=[f"{kind}-{said[:20]}" for _, kind, _, said in BAD])
def test_what_each_reading_comes_to(found: HostReadings, kind: str, result: CheckResult, said: str) -> None:
    """And that everything but a pass says what to do."""
    judged = row(found, kind)
    assert (judged.result, said in judged.sentence) == (result, True), judged
    assert bool(judged.advice) is (result is not PASSED)
    others = [each for each in check_rows(found, settings_of(), Purpose.INIT) if each.kind != kind]
    assert not failed(tuple(others)), "one fault, one row"


def test_a_short_tolerance_needs_real_time_priority() -> None:
    brisk = replace(settings_of(), pause_tolerance=0.5)
    assert row(replace(GOOD, real_time="refused"), "real time", settings=brisk).result is FAILED


def test_who_is_no_voter_needs_no_etcd_and_begins_no_cluster() -> None:
    other = settings_of(4)
    found = replace(GOOD, addresses={"10.10.20.4": "eth2", "10.10.10.4": "eth1"}, etcd="")
    assert row(found, "voters", settings=other).result is FAILED
    assert not failed(check_rows(found, other, Purpose.JOIN))


def test_a_stranger_is_named_as_such() -> None:
    rows = check_rows(GOOD, settings_of(), Purpose.JOIN, "it has none of their addresses")
    (server,) = [each for each in rows if each.kind == "server"]
    assert server.result is FAILED
    assert "none of the servers" in server.sentence


FINE = (KeyReading("/k/guard.key", True, mode=0o600), KeyReading("/k/server.pem", False, mode=0o644, ends_in_s=86400.0 * 700))


@pytest.mark.parametrize(
    ("key", "kind", "result", "said"),
    [
        (FINE[0], "keys", PASSED, "root's alone"),
        (FINE[1], "certificates", PASSED, "in 700 days"),
        (KeyReading("/k/server.key", True, found=False), "keys", FAILED, "not there: /k/server.key"),
        (KeyReading("/k/server.key", True, mode=0o640), "keys", FAILED, "others may read or change /k/server.key"),
        (KeyReading("/k/server.pem", False, mode=0o666), "keys", FAILED, "/k/server.pem"),
        (KeyReading("/k/server.key", True, mode=0o600, owner=7), "keys", FAILED, "/k/server.key"),
        (KeyReading("/k/server.pem", False, mode=0o644, ends_in_s=86400.0 * 20), "certificates", WARNED, "ends in 20 days"),
        (KeyReading("/k/server.pem", False, mode=0o644, ends_in_s=-5.0), "certificates", FAILED, "has ended"),
        (KeyReading("/k/server.pem", False, mode=0o644, wrong="the key is not that of the certificate"), "certificates", FAILED, "the key"),
    ],
)
def test_keys_and_certificates_of_a_configured_server(key: KeyReading, kind: str, result: CheckResult, said: str) -> None:
    found = replace(GOOD, configured=settings_of(), keys=(*FINE, key))
    judged = row(found, kind, Purpose.CHECK)
    assert (judged.result, said in judged.sentence) == (result, True), judged


def test_a_key_that_is_missing_keeps_nobody_from_mending_that() -> None:
    """By joining once more, or by the same init."""
    found = replace(GOOD, configured=settings_of(), keys=(KeyReading("/k/server.pem", False, found=False),))
    assert failed(check_rows(found, settings_of(), Purpose.CHECK))
    assert not failed(check_rows(found, settings_of(), Purpose.JOIN))
    assert not failed(check_rows(found, settings_of(), Purpose.INIT))


def test_a_bare_server_can_be_checked() -> None:
    rows = check_rows(GOOD, None, Purpose.CHECK)
    assert not failed(rows)
    assert rows[0].sentence == "nothing is configured here yet"


def test_the_table_cuts_nothing_and_is_json_too() -> None:
    rows = check_rows(replace(GOOD, flush_ms=35.0, etcd=""), settings_of(), Purpose.INIT)
    text = table_text(rows)
    assert max(map(len, text.splitlines())) <= WIDTH
    joined = " ".join(text.split())
    for each in rows:
        assert each.sentence in joined
        assert each.advice in joined
    assert json.loads(json.dumps([each.as_json() for each in rows]))[0] == {
        "check": "settings", "result": "passed", "what": "nothing is configured here yet", "advice": "",
    }  # fmt: skip
