"""A lapse makes the resources' network namespaces mute, in time and whoever does it; and without the clause they answer on."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cutting import Mutation
from guard import mutations_namespaces as mutations
from guard.hosts import ROOT, GuardHost, Hosts, find_cgroup_root, kill
from routers import Routers, network_of, routers
from support import wait_for
from understudy.guard import kill as guard_kill
from understudy.guard.core.ending import EndFound, EndSeen, EndStep
from understudy.guard.means import Means
from understudy.holdings.holding import NamespaceHolding
from understudy.holdings.listing import KillListFile
from understudy.kinds import script
from understudy.linux import namespaces
from understudy.linux.lease import read_lease
from understudy.model.limits import derive
from understudy.model.settings import Settings

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]
LIMITS = derive(0.5)
OUT_S = LIMITS.lease_s + 1.0
MuteReport = Callable[[str], None]


@pytest.fixture
def made() -> Iterator[Routers]:
    with routers(2) as found:
        yield found


def listed(host: GuardHost, *patterns: str) -> None:
    """As an executor notes it before a start."""
    listing = KillListFile(str(host.run_dir), cgroup=host.resources, filesystems=())
    listing.add("l3", tuple(map(NamespaceHolding, patterns)))


# --- a server that is cut off


def test_a_server_cut_off_is_mute_before_its_lease_ends(servers: Hosts, made: Routers, report: MuteReport) -> None:
    """Judged on the lease's own clock. Its own network, which has a name too, goes on: it rejoins."""
    host, (name, other) = servers[1], made.names
    service = host.resource()
    listed(host, name)
    host.cut()
    answered, end = until_mute(made, name, str(host.run_dir / "lease"))
    report(f"cut off: last answer from the namespace {1000 * (end - answered):.0f} ms before the lease ended")
    assert answered < end
    assert service.wait(OUT_S) == -9
    assert made.answers(other), "it was not on the list"
    host.cut(away=False)
    wait_for(host.holds, 5, "rejoined")
    assert not made.answers(name), "what a former life left stays mute"


def until_mute(made: Routers, name: str, lease: str) -> tuple[float, float]:
    """When the last question was asked that was answered, and when the lease ended, as it was last seen."""
    answered, end, until = 0.0, 0.0, time.monotonic() + 10
    while True:
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        end = max(end, read_lease(lease).until.boot_ns / 1e9)
        if not made.answers(name):
            return answered, end
        answered = now
        assert time.monotonic() < until, "it answers for ever"


def test_a_guard_that_stands_still_is_not_needed(servers: Hosts, made: Routers) -> None:
    """Its keeper helps."""
    host, name = servers[1], made.names[0]
    listed(host, name)
    host.cut()
    path = str(host.run_dir / "lease")
    wait_for(lambda: read_lease(path).left_s() < LIMITS.stop_now_s + 0.03, 2, "the lease is nearly over")
    kill(host.guard_pid(), signal.SIGSTOP)
    wait_for(lambda: not made.answers(name), OUT_S, "mute")


def test_neither_is_a_keeper(servers: Hosts, made: Routers) -> None:
    """Both are stopped: the executor does it by itself."""
    host, name = servers[1], made.names[0]
    with host.log.open("ab") as log:
        host.run([sys.executable, "-IS", str(ROOT / "bin/understudy-exec"), "--config", str(host.config)], log)
    wait_for((host.run_dir / "exec.sock").exists, 10, "the executor listens")
    listed(host, name)
    assert host.keeper is not None
    for process in (host.keeper.pid, host.guard_pid()):
        kill(process, signal.SIGSTOP)
    wait_for(lambda: not made.answers(name), OUT_S, "mute")
    for process in (host.keeper.pid, host.guard_pid()):
        kill(process, signal.SIGCONT)
    wait_for(host.holds, 5, "rejoined")


def test_who_is_asked_to_end_everything_does_it_too(servers: Hosts, made: Routers) -> None:
    """`understudy-guard --kill-all`, as the service manager calls it when keeper and guard are dead."""
    host, name = servers[1], made.names[0]
    listed(host, name)
    done = host.command("--kill-all")
    assert (done.returncode, made.answers(name)) == (0, False), done.stderr


# --- the end itself, in this process


class LapsedServer:
    """What an end needs of one: a control group, a run directory with a kill list."""

    def __init__(self, folder: Path, group: str) -> None:
        self.settings = Settings(cluster="", server="", servers=(), voters=(), run_dir=str(folder), cgroup=group)
        self.group = group

    def start(self, patterns: str) -> None:
        """What an executor notes of an agent with these namespaces."""
        listing = KillListFile(self.settings.run_dir, cgroup=self.group, filesystems=())
        listing.add("l3", script.KIND.holdings({"script": "/opt/l3.scr", "network_namespaces": patterns}))

    def end(self, on_step: Callable[[EndStep], None] = lambda step: None) -> EndSeen:
        """End everything that is listed."""
        means = Means(self.settings)
        do = guard_kill._Steps.do

        def do_and_say(steps: guard_kill._Steps, step: EndStep) -> EndFound:
            found = do(steps, step)
            on_step(step)
            return found

        with pytest.MonkeyPatch.context() as patch, ExitStack() as held:
            assert means.addresses is not None
            assert means.gate is not None
            assert means.door is not None
            for close in (means.addresses.close, means.gate.close_socket, means.door.close, *(group.close for group in means.groups)):
                held.callback(close)
            means.gate = None  # this machine's is not the test's
            patch.setattr(guard_kill._Steps, "do", do_and_say)
            return guard_kill.end_everything(means, within_s=1.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LapsedServer]:
    group = f"{find_cgroup_root()}/usn{secrets.token_hex(3)}"
    os.mkdir(group)
    yield LapsedServer(tmp_path, group)
    os.rmdir(group)


def ends(server: LapsedServer, made: Routers) -> None:
    """The agent's routers stop answering, one that an agent made in its last moment too."""

    def make_another(step: EndStep) -> None:
        if step is EndStep.SEEK_STRAYS:
            made.add()

    server.start(made.pattern)
    ended = server.end(make_another)
    assert (ended.stopped, ended.left) == (True, ())
    assert [name for name in made.names if made.answers(name)] == []


def ends_what_has_only_just_begun(server: LapsedServer, made: Routers) -> None:
    """The executor wrote it down after the last look, and was killed in the middle of the start."""

    def begin(step: EndStep) -> None:
        if step is EndStep.KILL_STARTERS:
            server.start(made.pattern)

    assert server.end(begin).stopped
    assert [name for name in made.names if made.answers(name)] == []


def ends_by_force(server: LapsedServer, made: Routers) -> None:
    """Somebody is in one, whom nobody knows."""
    with ExitStack() as stack:
        with network_of(made.names[0]):
            inside = subprocess.Popen(["sleep", "1000"])
        stack.callback(inside.wait)
        stack.callback(inside.kill)
        assert namespaces.remove(NamespaceHolding(made.pattern).names, within_s=5) == ""
        assert not made.answers(made.names[0])
    assert namespaces.named(NamespaceHolding(made.pattern).names) == []


CASES: tuple[tuple[Mutation, Callable[[LapsedServer, Routers], None]], ...] = (
    (mutations.forget_the_namespaces, ends),
    (mutations.leave_the_namespaces_alone, ends),
    (mutations.mute_the_namespaces_only_at_first, ends),
    (mutations.end_what_was_seen_before, ends_what_has_only_just_begun),
    (mutations.take_a_name_for_the_namespace, ends_by_force),
)


@pytest.mark.parametrize("story", [ends, ends_what_has_only_just_begun, ends_by_force])
def test_what_is_listed_is_mute(story: Callable[[LapsedServer, Routers], None], server: LapsedServer, made: Routers) -> None:
    story(server, made)


@pytest.mark.parametrize(("mutation", "story"), CASES, ids=lambda value: value.__name__)
def test_without_the_clause_it_answers_on(
    mutation: Mutation, story: Callable[[LapsedServer, Routers], None], server: LapsedServer, made: Routers, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        story(server, made)


def test_every_clause_stands_on_the_page_of_safety() -> None:
    made = {name for name, member in vars(mutations).items() if getattr(member, "__module__", "") == mutations.__name__}
    assert made == {mutation.__name__ for mutation, _ in CASES}
    assert made <= set(re.findall(r"`(\w+)`", (ROOT / "docs/safety.md").read_text()))


def test_what_cannot_be_made_mute_bars_the_next_life(server: LapsedServer, made: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers: nothing may say that this server runs nothing."""
    server.start(made.pattern)
    monkeypatch.setattr(guard_kill, "NAMESPACES_WITHIN_S", -1.0)
    ended = server.end()
    assert not ended.stopped
    assert [why for why in ended.left if made.names[0] in why]
    assert made.answers(made.names[0])
