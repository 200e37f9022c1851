"""Servers of the cluster through their daemons: who may, which places, what the history tells, and what is said when it does not work."""

import asyncio
import base64
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cutting import exchange_value
from executor.rig import have_root, runner_alone, with_children
from openstack.elsewhere import Answers, OtherServer, other_server
from support import wait_until
from understudy.cli import client
from understudy.errors import BadInput
from understudy.executor import siteplaces
from understudy.executor.siteplaces import HANDS
from understudy.openstack.core.named import NOT_NAMED, named_places, places_asked, put_refused
from understudy.openstack.core.states import Absent, FileState, OtherState, Owned, PlaceState, to_json
from understudy.openstack.ground import LONGEST_REQUEST, NotDone, NotReached
from understudy.openstack.hands import fingerprint
from understudy.openstack.releases import load_release, places_named, release_names

ROOT_FILE = Owned(owner="root", group="root", mode="0644")
CONF = "/etc/keystone/keystone.conf"
RULE = 'nft:inet filter input:iifname "eth2" ip saddr'
SECRET = b"connection = mysql://keystone:hunter-2@x"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OtherServer, Answers]]:
    """Its daemon, with the installed catalogues, and somebody in the place of the executor: one for all of these tests."""
    answers = Answers({})
    with pytest.MonkeyPatch.context() as patch, other_server(tmp_path_factory.mktemp("other"), patch, answers, every=False) as server:
        yield server, answers


@pytest.fixture
def answers(whole: tuple[OtherServer, Answers]) -> Answers:
    answers = whole[1]
    answers.answer, answers.asked = {"states": [{"kind": "absent"}]}, 0
    return answers


@pytest.fixture
def other(whole: tuple[OtherServer, Answers], answers: Answers) -> OtherServer:
    server = whole[0]
    server.places.forget_callers()
    server.reported.clear()
    return server


def test_only_places_that_a_catalogue_names_are_touched(other: OtherServer, answers: Answers) -> None:
    """Neither looked at nor changed, and nobody is even asked; what stands beside them in a request is answered."""
    found = other.ground.look([("/etc/shadow", False), (CONF, False), ("boot:sshd", False)])
    assert found == {"/etc/shadow": OtherState(what=NOT_NAMED), CONF: Absent(), "boot:sshd": OtherState(what=NOT_NAMED)}
    asked = answers.asked
    with pytest.raises(NotDone, match="no catalogue of a release that is installed on that server names it"):
        other.ground.put("/etc/cron.d/x", Absent(), FileState(owned=ROOT_FILE, content=b"* * * * * root true"))
    with pytest.raises(NotDone, match="runs as its owner"):
        other.ground.put(CONF, Absent(), FileState(owned=Owned(owner="root", group="root", mode="4755"), content=b""))
    assert answers.asked == asked


def test_the_history_tells_of_each_change_and_of_no_content(other: OtherServer, answers: Answers) -> None:
    """Who, which place, fingerprints; also what was refused. That somebody looks is said once an hour."""
    before, after = FileState(owned=ROOT_FILE, content=b"old " + SECRET), FileState(owned=ROOT_FILE, content=SECRET)
    for answer in ({"done": True}, {"done": False}, {"refused": "somebody was faster"}):
        answers.answer = answer
        with suppress(NotDone):
            other.ground.put(CONF, before, after)
    answers.answer = {"states": [{"kind": "absent"}]}
    for _ in range(3):
        other.ground.look([(CONF, False)])
    kinds = [kind for kind, _, _ in other.reported]
    assert kinds == ["place-changed"] * 3 + ["places-read"]
    assert {cause for _, cause, _ in other.reported} == {"by root@ctr2"}
    changed, same, refused = (text for _, _, text in other.reported[:3])
    prints = [fingerprint(to_json(file)) for file in (before, after)]
    assert changed == f"{CONF}: from {prints[0]} to {prints[1]}"
    assert same.endswith("it is so already")
    assert refused.endswith("refused: somebody was faster")
    everything = repr(other.reported)
    assert "hunter" not in everything
    assert base64.b64encode(SECRET).decode() not in everything


@pytest.mark.parametrize("after", [Absent(), FileState(owned=Owned(owner="root", group="keystone", mode="0640"), content=SECRET)])
def test_of_what_not_everybody_may_read_the_history_has_no_fingerprint(other: OtherServer, answers: Answers, after: PlaceState) -> None:
    """Nor of a file that was such one: passwords could be tried against it."""
    answers.answer = {"done": True}
    before = FileState(owned=ROOT_FILE, content=SECRET)
    other.ground.put(CONF, before, after)
    assert [text for _, _, text in other.reported] == [f"{CONF}: from (withheld) to (withheld)"]


def test_who_is_not_root_gets_no_nearer(other: OtherServer, answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator of another name has no way; one named root has."""
    body: dict[str, object] = {"request": {"do": "look", "places": [[CONF, False]]}}
    assert client.run("site-places", body, server="ctr1", certificate=other.site.user_file("bob")) == 1
    assert "UND-0064: Only root may do this, and you are user 'bob'" in capsys.readouterr().out
    assert answers.asked == 0
    assert client.run("site-places", body, server="ctr1", certificate=other.site.user_file("root")) == 0
    assert answers.asked == 1


@pytest.mark.parametrize("why", ["understudy-exec does not answer: it hangs", "understudy-exec there is of an older version"])
def test_without_an_executor_the_cause_is_said(other: OtherServer, answers: Answers, why: str) -> None:
    """And nothing is known to have changed."""
    answers.answer = why
    with pytest.raises(NotReached, match=f"UND-0440: The files of 'ctr1' cannot be asked for through its daemon: {why}"):
        other.ground.look([(CONF, False)])


@pytest.mark.parametrize(
    "request_of",
    [None, {}, {"do": "erase"}, {"do": "look", "places": "x"}, {"do": "look", "places": [["/x"]]}, {"do": "put", "place": CONF},
     {"do": "put", "place": CONF, "expect": {"kind": "file"}, "state": {"kind": "file", "files": []}}],
)  # fmt: skip
def test_what_is_no_request_is_refused(other: OtherServer, request_of: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """By its cause, and the daemon goes on."""
    assert client.run("site-places", {"request": request_of}, server="ctr1") == 1
    assert capsys.readouterr().out.startswith("UND-0440: ")
    assert other.ground.look([(CONF, False)]) == {CONF: Absent()}


@pytest.mark.parametrize("answer", [{}, {"states": []}, {"states": 3}, {"states": [{"kind": "sculpture"}]}, {"states": [{"kind": "file"}]}])
def test_an_answer_that_is_not_understood_is_none(other: OtherServer, answers: Answers, answer: dict[str, Any]) -> None:
    """Of another version, perhaps."""
    answers.answer = answer
    with pytest.raises(NotReached, match=f"says nothing of {CONF} that is understood here"):
        other.ground.look([(CONF, False)])


def test_an_older_daemon_is_named_as_one(other: OtherServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no such verb; what to do is said."""
    monkeypatch.setattr("understudy.daemon.api.VERBS", {})
    with pytest.raises(NotReached, match=r"older version, which knows nothing of this: upgrade that server; or write \[servers.ctr1\] ssh"):
        other.ground.look([(CONF, False)])


def test_what_is_too_large_for_a_request_says_so(other: OtherServer) -> None:
    """Before it is sent."""
    with pytest.raises(NotDone, match=rf"at most {LONGEST_REQUEST} go: write \[servers.ctr1\] ssh"):
        other.ground.put(CONF, Absent(), FileState(owned=ROOT_FILE, content=bytes(1 << 20)))


@pytest.mark.lab
def test_what_does_not_fit_into_an_answer_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several large files, by a real executor; one that is too large for any answer says so."""
    if not have_root():
        pytest.skip("needs root")
    names = [str(tmp_path / str(number)) for number in range(4)]
    for name, size in zip(names, (400_000, 400_000, 800_000, 10), strict=True):
        Path(name).write_bytes(os.urandom(size))
    with other_server(tmp_path, monkeypatch) as server:
        found = server.ground.look([(name, False) for name in names])
    for name in (names[0], names[1], names[3]):
        state = found[name]
        assert isinstance(state, FileState)
        assert state.content == Path(name).read_bytes()
    assert found[names[2]] == OtherState(what=f"it has more than can be looked at in this way ({siteplaces.LONGEST_ANSWER - 4096} bytes)")


# --- the executor's side


async def test_storage_that_does_not_answer_holds_up_a_process_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended at its deadline; while too many hang, no further one is begun."""
    sleeper = tmp_path / "hands.py"
    sleeper.write_text("import time\ntime.sleep(1000)\n")
    exchange_value(monkeypatch, siteplaces, "HANDS", sleeper)
    with with_children(runner_alone(tmp_path)) as runner:
        began = time.monotonic()
        with pytest.raises(BadInput, match="has not answered for 0 s"):
            await runner.site_places.perform({"do": "settle"}, 0.3)
        assert time.monotonic() - began < 20
        hanging = [asyncio.create_task(runner.site_places.perform({"do": "settle"}, 0.5)) for _ in range(siteplaces.MOST)]
        await asyncio.sleep(0)
        with pytest.raises(BadInput, match="have not ended"):
            await runner.site_places.perform({"do": "settle"}, 1.0)
        assert all(isinstance(error, BadInput) for error in await asyncio.gather(*hanging, return_exceptions=True))
        await wait_until(lambda: runner.site_places.idle(), 10, "all were ended")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit('it broke')", "ended with status 1: it broke"),
        ("print('x' * 2000000)", "the answer has 2000001 bytes"),
        ("print([])", "no object"),
        ("", "ended with status 0"),
    ],
)
async def test_an_answer_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    """Whatever the process does."""
    broken = tmp_path / "hands.py"
    broken.write_text(program)
    exchange_value(monkeypatch, siteplaces, "HANDS", broken)
    with with_children(runner_alone(tmp_path)) as runner, pytest.raises(BadInput, match=said):
        await runner.site_places.perform({"do": "settle"}, 20.0)


def test_the_program_is_there() -> None:
    """The executor knows it by its path alone."""
    assert HANDS.is_file()


# --- which places


def test_every_release_names_its_places() -> None:
    """Whole files, files with entries, lines, keys, directories where the release has them, units and what they are given."""
    for release in release_names():
        catalogue = load_release(release)
        named = set(named_places(catalogue))
        assert {entry.file for entry in catalogue.entry} | {keys.path for keys in catalogue.keys} <= named
        assert catalogue.settings["storage.mysql.path"] in named
        assert "boot:keystone" in named or release != "zed"
        assert not any("{" in place for place in named)
    named_here = places_named()
    for place in (CONF, "boot:keystone", "/etc/systemd/system/keystone.service.d/50-cluster.conf", f"{RULE} 10.10.20.0/24 accept"):
        assert place in named_here
    for place in (f"{RULE} 10.10.20.0/24 drop", f"{RULE} 10.10.20.0/24 accept; flush ruleset accept", f"{RULE} 0/0 accept\n"):
        assert place not in named_here


def test_a_request_is_read_strictly() -> None:
    """What no client of ours would send."""
    for places in (None, ["x"], [["/x", 1]], [["/x", True, 1]], [["/x", False]] * 513):
        with pytest.raises(BadInput):
            places_asked({"places": places})
    file = {"kind": "file", "content": "", "owner": "root", "group": "root", "mode": "0644"}
    change = {"place": CONF, "expect": {"kind": "absent"}, "state": file}
    assert put_refused(change, {CONF}) == ""
    assert put_refused(change, set()) == f"{CONF}: {NOT_NAMED}"
    for mode in ("4755", "2755", "755", None):
        keys = {"kind": "keys", "files": {"0": {**file, "mode": mode}}, "owner": "root", "group": "root", "mode": "0700"}
        assert "runs as its owner" in put_refused({**change, "state": keys}, {CONF})
    for key in change:
        with pytest.raises(BadInput):
            put_refused({**change, key: 3}, {CONF})
