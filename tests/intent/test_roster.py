"""Which servers may be added and taken out, and what that writes."""

from dataclasses import replace

import pytest

from setup.cases import settings_of
from understudy.intent.edit import Edit
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.roster import add_server, may_go, remove_server, still_named, wanted_server
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName
from understudy.model.servers import LEARNER, MEMBER, REMOVED, ServerRecord, records_of
from understudy.model.state import Life
from understudy.model.view import Assignment, ClusterRecord, Holder, IncarnationRecord, Look, Pool, View
from understudy.policy.liveness import CONFIRMED_OFF

SETTINGS = settings_of()
OPERATOR = Operator(by="root@ctr1", token="t", settings=SETTINGS)
CTR4, CTR5 = ServerName("ctr4"), ServerName("ctr5")
RECORDS = {record.server: record for record in records_of(SETTINGS)}


def life(number: int, life: Life = Life.ONLINE, *, knows: bool = True, proof: str = "") -> IncarnationRecord:
    return IncarnationRecord(
        incarnation=Incarnation(f"i{number}"), server=ServerName(f"ctr{number}"), life=life, knows_servers=knows, proof=proof
    )


def a_view(*lives: IncarnationRecord, servers: dict[ServerName, ServerRecord] | None = None) -> View:
    records = RECORDS if servers is None else servers
    return View(
        cluster=ClusterRecord(name="prod", voters=tuple(map(ServerName, ("ctr1", "ctr2", "ctr3")))),
        servers=records,
        incarnations={each.incarnation: each for each in (lives or tuple(life(number) for number in (1, 2, 3, 4)))},
    )


def refused(code: int, words: str, run: object) -> None:
    with pytest.raises(Declined) as why:
        run()  # type: ignore[operator]
    assert (why.value.refusal.code, words in str(why.value)) == (code, True), str(why.value)


def test_a_server_that_is_added_is_written_and_the_same_again_writes_nothing() -> None:
    wanted = wanted_server("ctr5=10.10.20.5, 10.10.10.5", witness=True)
    edit = add_server(a_view(), wanted, OPERATOR)
    assert edit.servers == {CTR5: ServerRecord(server=CTR5, addresses=("10.10.20.5", "10.10.10.5"), witness=True)}
    assert [entry.kind for entry in edit.history] == ["server-added"]
    assert add_server(replace(a_view(), servers={**RECORDS, CTR5: wanted}), wanted, OPERATOR) == Edit()


def test_a_cluster_without_records_gets_all_of_them_once_every_daemon_knows_them() -> None:
    wanted = wanted_server("ctr5=10.10.20.5,10.10.10.5", witness=False)
    assert add_server(a_view(servers={}), wanted, OPERATOR).servers == {**RECORDS, CTR5: wanted}
    old = a_view(life(1), life(2, knows=False), life(3, Life.FENCED, knows=False), servers={})
    refused(20308, "ctr2", lambda: add_server(old, wanted, OPERATOR))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ctr5", "write NAME=ADDRESS"),
        ("ctr5=", "write NAME=ADDRESS"),
        ("c tr=10.10.20.5,10.10.10.5", "is no name for a server"),
        ("ctr5=10.10.20.x,10.10.10.5", "does not appear to be"),
        ("ctr4=10.10.20.5,10.10.10.5", "there is a server of this name, at 10.10.20.4, 10.10.10.4"),
        ("ctr5=10.10.20.4,10.10.10.5", "address 10.10.20.4 is of server ctr4"),
        ("ctr5=10.10.20.5,10.10.10.99", "address 10.10.10.99 is a virtual address of the cluster"),
        ("ctr5=10.10.20.5", "name one address for each network"),
        ("ctr5=10.10.20.5,fd00::5", "name one address for each network"),
        ("ctr5=10.10.20.5,10.10.20.5", "an address is named twice"),
    ],
)
def test_what_cannot_be_added_is_refused_in_words(text: str, words: str) -> None:
    refused(20305, words, lambda: add_server(a_view(), wanted_server(text, witness=False), OPERATOR, ("10.10.10.99",)))


def test_a_cluster_has_a_bound() -> None:
    many = {ServerName(f"s{n}"): ServerRecord(server=ServerName(f"s{n}"), addresses=(f"10.1.{n}.1", f"10.2.{n}.1")) for n in range(64)}
    refused(20305, "at most 64", lambda: add_server(a_view(servers=many), wanted_server("t=10.3.0.1,10.4.0.1", witness=False), OPERATOR))


@pytest.mark.parametrize("gone", [life(4, Life.LEFT), life(4, Life.FENCED), None])
def test_who_runs_nothing_is_taken_out_with_what_it_looked_at(gone: IncarnationRecord | None) -> None:
    view = a_view(life(1), *([gone] if gone else []))
    view = replace(view, looks={CTR4: Look(server=CTR4, incarnation=Incarnation("i4"))})
    edit = remove_server(view, CTR4, OPERATOR)
    assert (edit.servers, edit.looks) == ({CTR4: None}, (CTR4,))


def test_who_may_run_something_or_votes_is_not_taken_out() -> None:
    holder = Holder(server=CTR4, incarnation=Incarnation("i4"), epoch=1)
    held = {ResourceName("db"): Assignment(resource=ResourceName("db"), epoch=1, holders=(holder,))}
    for state, words in ((Life.ONLINE, "understudy cluster leave"), (Life.LOST, "not fenced yet"), (Life.EVICTED, "it is EVICTED")):
        view = a_view(life(1), life(4, state))
        refused(20306, words, lambda view=view: remove_server(view, CTR4, OPERATOR))
    refused(20306, "still a holder of db", lambda: remove_server(replace(a_view(life(4, Life.FENCED)), assignments=held), CTR4, OPERATOR))
    refused(20307, "remove-voter ctr1, or replace-voter ctr1 --by OTHER", lambda: may_go(a_view(), ServerName("ctr1"), OPERATOR))
    refused(20024, "ctr9", lambda: may_go(a_view(), ServerName("ctr9"), OPERATOR))
    assert remove_server(a_view(life(4, Life.FENCED, proof=f"{CONFIRMED_OFF} by root@ctr1")), CTR4, OPERATOR).servers


@pytest.mark.parametrize(("etcd", "allowed"), [(MEMBER, False), (LEARNER, False), (REMOVED, True), ("", True)])
def test_a_server_that_had_a_member_of_etcd_may_go(etcd: str, allowed: bool) -> None:
    view = a_view(life(4, Life.LEFT), servers={**RECORDS, CTR4: replace(RECORDS[CTR4], etcd=etcd)})
    if allowed:
        assert remove_server(view, CTR4, OPERATOR).servers == {CTR4: None}
    else:
        refused(20307, "remove-voter ctr4", lambda: remove_server(view, CTR4, OPERATOR))


def test_what_still_names_it_is_said() -> None:
    pool = Pool(name=PoolName("web_sp"), server_names=(CTR4,))
    assert still_named(replace(a_view(), pools={pool.name: pool}), CTR4) == ("server pool web_sp (SERVER_NAMES)",)
