"""What is in a named network namespace is mute in a moment, whoever holds the namespace; the server's own network is never touched."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from routers import network_of, routers
from support import wait_for
from understudy.lab.places import project_root
from understudy.linux.interfaces import links
from understudy.linux.libc import libc
from understudy.linux.namespaces import NamespaceDoor, named, own_named, remove

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]
WITHIN_S = 5.0
DROP, SYS_ADMIN = 24, 21
"""prctl(2), capabilities(7)."""


def child(code: str, preexec_fn: Callable[[], object] | None = None) -> str:
    """What another process prints."""
    code = f"from understudy.linux.namespaces import NamespaceDoor, named, own_named, remove; {code}"
    environment = {**os.environ, "PYTHONPATH": str(project_root() / "src")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, preexec_fn=preexec_fn).stdout


def test_those_that_are_wanted_are_mute_and_others_answer() -> None:
    with routers(3, ports=2) as made:
        first, second, third = made.names
        assert all(map(made.answers, made.names))
        home = os.stat("/proc/thread-self/ns/net").st_ino
        door = NamespaceDoor()
        muted = door.mute(lambda name: name in (first, second), within_s=WITHIN_S)
        assert (muted.links, muted.left) == (4, ())
        assert [made.answers(name) for name in made.names] == [False, False, True]
        assert door.mute(lambda name: name in (first, second), within_s=WITHIN_S).links == 0, "twice does no harm"
        assert os.stat("/proc/thread-self/ns/net").st_ino == home
        door.close()
        assert third in named(lambda name: name.startswith(made.tag))


def test_a_process_that_is_in_it_cannot_keep_it_talking() -> None:
    """Neither can one that holds it open under no name."""
    with routers(1) as made:
        name = made.names[0]
        with network_of(name):
            process = subprocess.Popen(["sleep", "1000"])
        held = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            assert remove(lambda found: found == name, within_s=WITHIN_S) == ""
            assert named(lambda found: found == name) == []
            assert not made.answers(name)
        finally:
            os.close(held)
            process.kill()
            process.wait()


def test_nothing_need_be_opened_that_is_not_held() -> None:
    """A process without a free descriptor mutes as always."""
    with routers(1) as made:
        door = NamespaceDoor()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            muted = door.mute(lambda name: name == made.names[0], within_s=WITHIN_S)
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert taken, "there was no limit"
        assert (muted.links, muted.left) == (1, ())
        assert not made.answers(made.names[0])


def test_the_servers_own_network_is_left_alone_whatever_its_name() -> None:
    """Of a process whose network has a name, asked to make it mute."""
    with routers(1) as made:
        name = made.names[0]
        wanted = f"lambda name: name == {name!r}"
        code = f"w = {wanted}; print(named(w), own_named(w), NamespaceDoor().mute(w, within_s=1).links, remove(w, within_s=1))"
        with network_of(name):
            done = child(code)
        assert done == f"[] {name} 0 \n"
        assert made.answers(name)
        assert own_named(lambda found: found == name) == ""


def test_a_file_that_is_no_namespace_is_passed_over(tmp_path: Path) -> None:
    """`ip netns add` makes the file first."""
    (tmp_path / "qrouter-1").touch()
    door = NamespaceDoor()
    assert door.mute(lambda name: True, within_s=WITHIN_S, folder=str(tmp_path)).left == ()
    assert door.mute(lambda name: True, within_s=WITHIN_S, folder=str(tmp_path / "none")).left == ()
    door.close()
    assert remove(lambda name: True, within_s=WITHIN_S, folder=str(tmp_path)) == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_reached_in_time_is_said() -> None:
    with routers(2) as made:
        door = NamespaceDoor()
        left = door.mute(lambda name: name in made.names, within_s=-1).left
        door.close()
        assert left == (f"network namespace {made.names[0]}, and those after it, could not be set down in -1 s",)


def test_who_may_not_enter_says_so_and_stays_where_it_is() -> None:
    with routers(1) as made:
        code = f"print(NamespaceDoor().mute(lambda name: name == {made.names[0]!r}, within_s=1).left)"
        done = child(code, preexec_fn=lambda: libc.prctl(DROP, SYS_ADMIN, 0, 0, 0))
        assert "may answer still: Operation not permitted" in done
        assert made.answers(made.names[0])


def test_the_network_that_a_thread_comes_back_to_is_its_own() -> None:
    """Links of this server are what they were, and a socket made afterwards sees them."""
    with routers(1) as made:
        before = {name: link.up for name, link in links().items()}
        door = NamespaceDoor()
        door.mute(lambda name: name in made.names, within_s=WITHIN_S)
        door.close()
        wait_for(lambda: {name: link.up for name, link in links().items()} == before, WITHIN_S, "this server's links are what they were")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
            asking.settimeout(1)
            assert asking.connect_ex(("127.0.0.1", 9)) == 111
