"""A guard that cannot listen says why once, and ends in order."""

import os
import socket
from pathlib import Path

import pytest

from guard.hosts import hosts
from support import wait_for
from understudy.guard.notice import read_notice

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")]


def test_a_port_that_somebody_has_is_said_once_and_everything_is_stopped(tmp_path: Path) -> None:
    with hosts(tmp_path, 1, pause_tolerance=0.5) as made:
        host = made[1]
        taken = host.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with taken:
            taken.bind((host.address, 7401))
            host.start()
            assert host.keeper is not None
            assert host.keeper.wait(10) == 2
        why = f"[servers.ctr1] addresses, [guard] port: cannot listen on {host.address}, UDP port 7401: Address already in use"
        wait_for(lambda: why in host.log.read_text(), 5, "the scribe writes it")
        log = host.log.read_text()
        assert log.count(why) == 1
        assert log.count("\n") <= 4, log
        assert "Traceback" not in log
        assert why in read_notice(str(host.run_dir))[0]

        host.start()
        wait_for(host.holds, 5, "it begins when the port is free")
        wait_for(lambda: read_notice(str(host.run_dir)) == (), 3, "and nothing is said any more")
