"""The kernel's own events: a death in a control group, an address or link that changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from executor.rig import SOURCE, group_of_ones_own, have_root, remove_groups
from support import wait_for, wait_until
from understudy.agents.groups import Groups
from understudy.events.cgroup import CgroupEvents
from understudy.linux.cgroups import kill, populated
from understudy.linux.interfaces import changes

pytestmark = pytest.mark.lab


@pytest.fixture
def groups() -> Iterator[Groups]:
    """An empty parent group of the test's own."""
    if not have_root():
        pytest.skip("needs root")
    parent = group_of_ones_own()
    os.mkdir(parent)
    yield Groups(parent)
    kill(parent)
    wait_for(lambda: not populated(parent), 5, "the test's group is empty")
    remove_groups(parent)


def live_in(path: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sh", "-c", f"echo 0 >{path}/cgroup.procs; exec sleep 1000"])


async def test_a_death_is_told_and_a_birth_too(groups: Groups) -> None:
    """For groups that were there before as for those that came later, and again after they were removed."""
    seen: list[tuple[str, bool]] = []
    groups.make("early/one")
    events = CgroupEvents(groups.parent, lambda resource, lives: seen.append((resource, lives)))
    events.start()

    async def told(*expected: tuple[str, bool]) -> None:
        await wait_until(lambda: seen == list(expected), 5, f"{expected} is told")

    for resource in ("early/one", "late", "late"):
        groups.make(resource)
        process = live_in(groups.run(resource))
        await told((resource, True))
        process.send_signal(signal.SIGKILL)
        await told((resource, True), (resource, False))
        process.wait()
        seen.clear()
        for path in (groups.run(resource), groups.act(resource), groups.group(resource)):
            os.rmdir(path)
    events.close()


async def test_a_death_before_anybody_looked_at_the_birth_is_reported(groups: Groups) -> None:
    """Under load the daemon reads both at once: it was empty when it looked last, and is empty now. A check that had asked in between
    said ONLINE, and nobody would have looked again before the next check."""
    seen: list[tuple[str, bool]] = []
    groups.make("db")
    events = CgroupEvents(groups.parent, lambda resource, alive: seen.append((resource, alive)))
    events.start()
    process = live_in(groups.run("db"))
    wait_for(lambda: populated(groups.run("db")), 5, "it runs; the loop stands meanwhile")
    process.kill()
    process.wait()
    wait_for(lambda: not populated(groups.run("db")), 5, "it has ended")
    assert seen == []
    await wait_until(lambda: bool(seen), 5, "its death is reported")  # once or twice: as often as the kernel has reported a change
    assert set(seen) == {("db", False)}
    events.close()


async def test_a_service_that_lived_before_is_watched(groups: Groups) -> None:
    """A daemon that was restarted learns of deaths all the same."""
    seen: list[tuple[str, bool]] = []
    groups.make("db")
    process = live_in(groups.run("db"))
    await wait_until(lambda: populated(groups.run("db")), 5, "it lives")
    events = CgroupEvents(groups.parent, lambda resource, lives: seen.append((resource, lives)))
    events.start()
    assert seen == [("db", True)]
    process.kill()
    await wait_until(lambda: seen == [("db", True), ("db", False)], 5, "its death is told")
    process.wait()
    events.close()


async def test_one_more_group_costs_as_much_with_many_as_with_none(groups: Groups) -> None:
    """Thousands of resources have one: what comes and goes is looked at, and nothing else."""
    watched: list[str] = []

    class CountedEvents(CgroupEvents):
        def _watch(self, path: str, mask: int) -> bool:
            watched.append(path)
            return super()._watch(path, mask)

    seen: list[tuple[str, bool]] = []
    events = CountedEvents(groups.parent, lambda resource, lives: seen.append((resource, lives)))
    events.start()
    counts: list[int] = []
    for many in (1, 40):
        for number in range(many):
            groups.make(f"{many}/{number}")
        marker = live_in(groups.run(f"{many}/0"))
        await wait_until(lambda marker=f"{many}/0": (marker, True) in seen, 5, "all of them are watched")  # type: ignore[misc]
        before = len(watched)
        groups.make(f"new{many}")
        process = live_in(groups.run(f"new{many}"))
        await wait_until(lambda new=f"new{many}": (new, True) in seen, 5, "it is watched")  # type: ignore[misc]
        counts.append(len(watched) - before)
        for each in (process, marker):
            each.kill()
            each.wait()
    events.close()
    assert max(counts) <= 8, counts  # the group, and each of the two in it, may be reported one by one


async def test_what_ends_in_act_is_no_event(groups: Groups) -> None:
    """A check that ends says nothing about the service."""
    seen: list[tuple[str, bool]] = []
    groups.make("db")
    events = CgroupEvents(groups.parent, lambda resource, lives: seen.append((resource, lives)))
    events.start()
    process = live_in(groups.act("db"))
    await wait_until(lambda: populated(groups.act("db")), 5, "the check lives")
    process.kill()
    process.wait()
    await wait_until(lambda: not populated(groups.act("db")), 5, "the check has ended")
    other = live_in(groups.run("db"))
    await wait_until(lambda: seen, 5, "the next event")
    other.kill()
    other.wait()
    assert seen[0] == ("db", True)
    events.close()


@contextmanager
def listening(script: str, *before: str) -> Iterator[subprocess.Popen[str]]:
    """This script, in a network of its own, which has said that it is ready; it ends when its input does."""
    if not have_root():
        pytest.skip("needs root")
    helper = Path(__file__).with_name("in_network.py")
    with subprocess.Popen(
        [*before, sys.executable, str(helper), sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as listener:
        assert listener.stdin
        assert listener.stdout
        assert listener.stdout.readline() == "ready\n"
        yield listener
        listener.stdin.close()


LISTENER = """
import asyncio, sys
from understudy.events.netlink import NetlinkEvents

async def main():
    events = NetlinkEvents(lambda address: print(address, flush=True))
    events.start()
    events.watch("10.99.0.9")
    events.watch_link("lo")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    events.close()

asyncio.run(main())
"""


def test_addresses_and_their_links_are_told() -> None:
    """Come, go, link down: each wakes for the address it is about, and for no other."""
    with listening(LISTENER) as listener:
        assert listener.stdout

        def ip(*words: str) -> None:
            subprocess.run(["nsenter", f"--net=/proc/{listener.pid}/ns/net", "ip", *words], check=True)

        ip("addr", "add", "10.99.0.7/24", "dev", "eth1")
        for words in (("addr", "add", "10.99.0.9/24", "dev", "eth1"), ("link", "set", "eth1", "down"), ("link", "set", "eth1", "up")):
            ip(*words)
            assert listener.stdout.readline() == "10.99.0.9\n"
        ip("link", "set", "lo", "down")
        line = listener.stdout.readline()
        while line == "10.99.0.9\n":  # eth1's carrier may come late
            line = listener.stdout.readline()
        assert line == "lo\n"


AROUND = """
import asyncio, sys
from understudy.events.mounts import MountEvents
from understudy.events.netlink import NetlinkEvents

async def main():
    links = NetlinkEvents(lambda _: None, lambda kind: print(kind, flush=True))
    mounts = MountEvents(lambda: print("mounts", flush=True), lambda point: print(point, flush=True))
    mounts.watch("/mnt")
    mounts.watch("/srv")
    links.start()
    mounts.start()
    links.watch("10.99.0.9")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    links.close()
    mounts.close()

asyncio.run(main())
"""


def test_what_changes_around_the_resources_is_told() -> None:
    """A base address, a link, a mount: what a resource may have failed over. An address of ours comes and goes by our own doing."""
    with listening(AROUND, "unshare", "--mount") as listener:

        def there(*words: str) -> None:
            subprocess.run(["nsenter", f"--target={listener.pid}", "--net", "--mount", *words], check=True)

        def told(kind: str) -> None:
            assert listener.stdout
            while (line := listener.stdout.readline()) != f"{kind}\n":
                assert line in ("link\n", "network\n"), line  # a carrier may come late

        there("ip", "addr", "add", "10.99.0.9/24", "dev", "eth1")
        there("mount", "-t", "tmpfs", "none", "/mnt")
        told("mounts")
        told("/mnt")
        there("umount", "/mnt")
        told("mounts")
        told("/mnt")
        there("ip", "addr", "del", "10.99.0.2/24", "dev", "eth1")
        told("network")
        there("ip", "link", "set", "eth1", "down")
        told("network")
        there("ip", "link", "set", "eth1", "up")
        told("link")


def test_a_packet_that_is_cut_short_is_read_as_far_as_it_goes() -> None:
    """The kernel would not send it; nothing else may end the daemon's loop either."""
    assert changes(b"") == []
    assert changes(b"\x04\0\0\0" + bytes(12)) == []
