"""What commands ask of their own server: the real one and the stand-in of the stories answer alike."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from daemon.cluster import StandInServer
from understudy.daemon.ownserver import LinuxServer
from understudy.guard.leave import STAY_OUT
from understudy.model.settings import NetworkSettings
from understudy.ports import OwnServer

LOOPBACK = NetworkSettings(number=1, subnet="127.0.0.0/8", interface="lo")
NOWHERE = NetworkSettings(number=2, subnet="127.0.0.0/8", interface="no-such-link")


class AskedServer(NamedTuple):
    """A server to ask, and a hand on what it stands on."""

    server: OwnServer
    take_out: Callable[[str], object]


def scripts(folder: Path) -> dict[str, str]:
    """A script of every sort, and what is to be said of it."""
    ready, plain = folder / "ready.scr", folder / "plain.scr"
    ready.write_text("#!/bin/sh\n")
    ready.chmod(0o755)
    plain.write_text("#!/bin/sh\n")
    plain.chmod(0o644)
    return {str(ready): "ok", str(plain): "not executable", str(folder / "none.scr"): "missing"}


@pytest.fixture(params=["linux", "stand-in"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> AskedServer:
    if request.param == "linux":
        return AskedServer(LinuxServer(str(tmp_path)), lambda by: (tmp_path / STAY_OUT).write_text(f"{by}\n"))
    stand_in = StandInServer(scripts(tmp_path), {"127.0.0.1": "this server"})
    return AskedServer(stand_in, lambda by: setattr(stand_in, "stays_out", by))


async def test_a_script_is_ready_or_it_is_said_why_not(asked: AskedServer, tmp_path: Path) -> None:
    for path, answer in scripts(tmp_path).items():
        assert await asked.server.script(path) == answer


async def test_users_and_groups_are_known_or_not(asked: AskedServer) -> None:
    server = asked.server
    assert (await server.user_exists("root"), await server.user_exists("nobody-has-this-name")) == (True, False)
    assert (await server.group_exists("root"), await server.group_exists("nobody-has-this-name")) == (True, False)
    assert await server.names_of(0, 0) == ("root", "root")
    assert await server.names_of(4_000_000_001, 4_000_000_002) == ("4000000001", "4000000002")


async def test_who_answers_for_an_address(asked: AskedServer) -> None:
    """What cannot be asked from here is no reason to refuse: the start asks again, where it matters."""
    assert await asked.server.in_use("127.0.0.1", LOOPBACK) == "this server"
    assert await asked.server.in_use("127.0.0.99", NOWHERE) is None


async def test_a_server_that_was_taken_out_comes_back_once(asked: AskedServer) -> None:
    assert (asked.server.taken_out_by(), asked.server.come_back()) == ("", False)
    asked.take_out("by root@ctr1")
    assert (asked.server.taken_out_by(), asked.server.come_back()) == ("by root@ctr1", True)
    assert (asked.server.taken_out_by(), asked.server.come_back()) == ("", False)
