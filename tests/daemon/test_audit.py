"""Who asked for what stands in the history, with its outcome; what follows names its command; and nobody fills the history by asking."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.test_commands import commands
from daemon.cluster import Cluster, request, running
from daemon.test_api import ask, ask_as_nobody, messages, served
from support import open_to_all, wait_until
from understudy.cli.options import FILE, FLAG, VALUES, Command
from understudy.daemon import audit
from understudy.daemon.audit import Audit, said
from understudy.daemon.commanded import CommandsSeen
from understudy.daemon.records import Records
from understudy.daemon.typed import HIDDEN, typed
from understudy.daemon.verbs import VERBS
from understudy.daemon.verbs.world import Caller
from understudy.model import events
from understudy.model.excerpt import stored_bytes
from understudy.model.given import TYPED_BYTES, GivenCommand
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.view import Assignment, Beat, Event
from understudy.policy.plan import Step

ADD: dict[str, object] = {"names": ["db"], "type": "cluster_resource", "attr": "ACTION_SCRIPT=/x"}
COMMANDS = (events.COMMAND, events.COMMAND_DONE, events.COMMAND_FAILED, events.COMMAND_REFUSED)


async def history(cluster: Cluster, *names: str) -> list[dict[str, Any]]:
    """As `understudy history --json` shows it, once everything is written."""
    node = cluster.nodes["ctr1"]
    await wait_until(lambda: all(other.history.idle() for other in cluster.nodes.values()), 10, "written")
    await node.mirror.refresh()
    lines = await cluster.run(f"understudy history {' '.join(names)} -n 100 --json")
    return [json.loads(line) for line in lines.text.splitlines() if line.startswith("{")]


async def test_a_command_stands_in_the_history_with_what_follows_from_it(tmp_path: Path) -> None:
    """Its first commit has it; the leader's decision names it, as do the lines that it writes; and its end has the outcome."""
    async with running("ctr1", "ctr2") as cluster, served(cluster, tmp_path) as path:
        await ask(path, "POST", "/v1/verb/add-resource", ADD)
        await ask(path, "POST", "/v1/verb/start-resource", {"names": ["db"], "server": "ctr2"})
        found = await history(cluster)
        begun = next(event for event in found if event["kind"] == "command" and "start" in event["text"])
        own = [event["kind"] for event in found if event["command"] == begun["command"]]
        shown = (await cluster.run("understudy history db")).text

    assert begun["text"] == "crsctl start resource db -n ctr2"
    assert begun["cause"] == "by root@ctr1 (uid 0)"
    assert sorted(own) == ["assigned", "command", "command-done", "target-set"]
    assert f"by root@ctr1: crsctl start resource db -n ctr2 [{begun['command']}]" in shown


async def test_what_is_refused_stands_there_too_and_others_do_not_see_it(tmp_path: Path) -> None:
    """With the number of the message; only root sees what others have asked for."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        open_to_all(tmp_path)
        await ask(path, "POST", "/v1/verb/add-resource", ADD)
        *_, seen = await ask_as_nobody(path, ("stop-resource", {"names": ["db"]}), ("leave-server", {}), ("history", {}))
        found = [event for event in await history(cluster) if event["kind"] == "command-refused"]

    assert [(event["text"], event["given"]["user"], event["given"]["uid"], event["given"]["message"]) for event in found] == [
        ("crsctl stop resource db", "nobody", 65534, "CRS-2725"),
        ("understudy server leave", "nobody", 65534, "UND-0064"),
    ]
    assert "crsctl stop resource db" in seen
    assert "crsctl add resource" not in seen


async def test_what_fails_after_it_has_changed_something_is_no_refusal(tmp_path: Path) -> None:
    """The start fails everywhere: the command is in the history, its end with the number of what was said last."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await ask(path, "POST", "/v1/verb/add-resource", ADD)
        cluster.executors["ctr1"].service(ResourceName("db")).fails["start"] = 1
        _, text = await ask(path, "POST", "/v1/verb/start-resource", {"names": ["db"]})
        assert messages(text)[-1] == {"exit": 1}
        found = await history(cluster, "db")

    ends = [(event["kind"], event["given"]["message"]) for event in found if event["kind"] in COMMANDS]
    assert sorted(kind for kind, _ in ends) == ["command", "command", "command-done", "command-failed"]
    assert next(number for kind, number in ends if kind == events.COMMAND_FAILED).startswith(("CRS-", "UND-"))


async def test_pools_types_and_permissions_leave_lines(tmp_path: Path) -> None:
    """Whatever is registered, not resources alone; each names its command."""
    async with running("ctr1") as cluster, served(cluster, tmp_path) as path:
        await ask(path, "POST", "/v1/verb/add-serverpool", {"names": ["sp"], "attr": "MAX_SIZE=1"})
        await ask(path, "POST", "/v1/verb/add-type", {"names": ["t"], "basetype": "cluster_resource"})
        await ask(path, "POST", "/v1/verb/setperm", {"names": ["sp"], "object": "serverpool", "update": "user:nobody:r-x"})
        await ask(path, "POST", "/v1/verb/set-resource-use", {"names": ["use", "0"]})
        found = await history(cluster)

    changed = [event["text"] for event in found if event["kind"] in ("defined", "changed") and event["command"]]
    assert changed == ["server pool 'sp'", "resource type 't'", "server pool 'sp': ACL", "server ctr1: resource use 0"]
    assert [event["text"] for event in found if event["kind"] == "command"] == [
        "crsctl add serverpool sp -attr MAX_SIZE=1", "crsctl add type t -basetype cluster_resource",
        "crsctl setperm serverpool sp -u user:nobody:r-x", "crsctl set resource use 0",
    ]  # fmt: skip


# --- the text of a command ------------------------------------------------------------------------------------------


def changing() -> list[Command]:
    """Commands that a daemon carries out and that change something."""
    return [command for command in commands() if command.verb in VERBS and VERBS[command.verb].changes and not command.fixed.get("dry_run")]


@pytest.mark.parametrize("command", changing(), ids=lambda command: command.title)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_text_typed_asks_for_the_same(command: Command, data: st.DataObject) -> None:
    """Of every command, whatever its options; but for the content of a file, and what may be secret."""
    left_out = ("dry_run", "json", "environment", "names")
    options = [option for option in command.options.values() if option.key not in left_out and option.kind != FILE]
    word = st.text("abz09.-_='\" ,$", min_size=1, max_size=8).map(lambda text: f"w{text}")
    body: dict[str, object] = {**command.fixed, "names": data.draw(st.lists(word, min_size=1, max_size=3, unique=True))}
    for option in data.draw(st.lists(st.sampled_from(options), unique_by=lambda option: option.key) if options else st.just([])):
        several = data.draw(st.lists(word, min_size=1, unique=True))
        body[option.key] = True if option.kind == FLAG else several if option.kind == VALUES else several[0]
    if not command.named:
        del body["names"]

    verb, again = request(typed(command.verb, body))

    assert (verb, again) == (command.verb, body)


def test_secrets_are_not_written() -> None:
    """Neither what an attribute of such a name holds, nor variables of an action, nor the content of a file."""
    attr = "ACTION_SCRIPT=/x,USR_DB_PASSWORD='a,b',API_TOKEN=abc"
    text = typed("add-resource", {"names": ["db"], "attr": attr, "file": "USR_SECRET=abc"})
    assert text == f"crsctl add resource db -attr 'ACTION_SCRIPT=/x,USR_DB_PASSWORD={HIDDEN},API_TOKEN={HIDDEN}' -file FILE"
    text = typed("add-type", {"names": ["t"], "basetype": "b", "attr": "ATTRIBUTE=USR_PWD,TYPE=string,DEFAULT_VALUE=abc"})
    assert "abc" not in text
    text = typed("request-action", {"names": ["dump"], "resources": ["db"], "environment": "PGPASSWORD=abc,MODE=abc"})
    assert text == f"crsctl request action dump -env 'PGPASSWORD={HIDDEN},MODE={HIDDEN}' -r db"
    assert "abc" not in typed("cluster-restore", {"content": "abc"}) + typed("site-places", {"request": {"state": "abc"}})


@pytest.mark.parametrize("body", [{"names": ["x" * 5000] * 5000, "attr": "A=" + "ä" * 100_000}, {"names": 3, "attr": []}, {"object": {}}])
def test_a_command_takes_few_bytes_whatever_is_sent(body: dict[str, object]) -> None:
    """And what is no request of ours breaks nothing."""
    assert stored_bytes(typed("setperm", body)) <= TYPED_BYTES


# --- bounds ---------------------------------------------------------------------------------------------------------


@dataclass
class WrittenEvents:
    """What an audit has written, and the time that passes in between."""

    now: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    to_come: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def audit(self) -> Audit:
        numbers = itertools.count()

        def record(kind: str, **more: Any) -> None:
            self.events.append({"kind": kind, **more})

        def later(seconds: float, act: Callable[[], None]) -> None:
            self.to_come.append((self.now + seconds, act))

        return Audit("ctr1", record, lambda: self.now, later, lambda: f"{next(numbers):032x}")

    def passes(self, seconds: float) -> None:
        """So much time, with all that is to be done in it."""
        until = self.now + seconds
        while due := sorted((at for at, _ in self.to_come if at <= until)):
            self.now = due[0]
            for act in [act for at, act in self.to_come if at == self.now]:
                self.to_come = [waiting for waiting in self.to_come if waiting[1] is not act]
                act()
        self.now = until


def refuse(log: Audit, user: str, verb: str = "stop-resource") -> None:
    """One refused command."""
    trail = log.begins(verb, {"names": ["db"]}, Caller(1000, user))
    said(trail, f"CRS-2725: User '{user}' does not have permission")
    said(trail, "CRS-4000: Command Stop failed, or completed with errors.")
    log.ended(trail, 1)


def test_a_user_in_a_loop_does_not_push_out_the_history() -> None:
    """A day of ten refused commands a second: a few hundred lines, in which each command is counted; and another's are written as ever."""
    written = WrittenEvents()
    log = written.audit()
    for _ in range(24 * 60):
        for _ in range(600):
            refuse(log, "mallory")
        written.passes(60.0)
    written.passes(audit.SELDOM_S)
    assert len(written.events) < 700
    assert sum(event["given"].more or 1 for event in written.events) == 24 * 60 * 600
    assert {event["given"].message for event in written.events} == {"CRS-2725"}
    before = len(written.events)
    refuse(log, "alice")
    assert len(written.events) == before + 1


def test_many_users_and_verbs_do_not_either() -> None:
    """All but root share a bound; and what is counted apart has one."""
    written = WrittenEvents()
    log = written.audit()
    for number in range(2_000):
        refuse(log, f"user{number}", verb=f"verb{number % 50}")
    assert len(written.events) == audit.OTHERS
    assert len(log._counts) <= audit.MOST_COUNTS + 3
    refuse(log, "root")
    assert len(written.events) == audit.OTHERS + 1


# --- what a decision follows from -----------------------------------------------------------------------------------


def put(records: Records, number: int, *, command: str, resource: str | None = None, given: GivenCommand | None = None) -> None:
    """An event comes."""
    kind = events.CHANGED if given is None else events.COMMAND
    about = None if resource is None else ResourceName(resource)
    event = Event(wall=float(number), server=ServerName("ctr1"), kind=kind, resource=about, command=command, given=given)
    records.put(f"history/{number}", number, 100, event)


def assigned(name: str, why: Why) -> Step:
    """A decision about one resource."""
    return Step(assignments=(Assignment(resource=ResourceName(name), epoch=1, reason=Reason(why)),))


def test_a_decision_names_the_command_that_nobody_has_decided_about() -> None:
    """Of its own resource first; a change of a pool may move any, but no command is behind a failure."""
    records = Records()
    seen = CommandsSeen(records)
    put(records, 1, command="c1", resource="db")
    put(records, 2, command="c2")
    assert seen.of(assigned("db", Why.TARGET_OFFLINE)) == "c1"
    assert seen.of(assigned("web", Why.NO_LONGER_ADMITTED)) == "c2"
    assert seen.of(assigned("web", Why.FAILED_THERE)) == ""
    seen.settled()
    assert seen.of(assigned("db", Why.TARGET_OFFLINE)) == ""


def test_who_takes_over_knows_what_the_leader_before_has_not_decided_about() -> None:
    """With each beat of the leader what came before it is decided about, as far as another knows."""
    records = Records()
    seen = CommandsSeen(records)
    put(records, 1, command="c1", resource="db")
    seen.stand_by(Beat(term=1, count=1))
    put(records, 2, command="c2", given=GivenCommand(user="root", verb="start-resource", names=("web",)))
    assert seen.of(assigned("db", Why.FIRST_CHOICE)) == ""
    assert seen.of(assigned("web", Why.REQUESTED)) == "c2"
