"""A lapse takes away what resources have mounted, and storage that does not answer holds up nothing of the rest."""

import os
import subprocess
from pathlib import Path

import pytest

from executor.hung import hung_storage
from guard.hosts import Hosts
from support import wait_for
from understudy.holdings.holding import MountHolding
from understudy.holdings.listing import KillListFile
from understudy.linux.mounts import cut_off, is_mounted

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces and mounts")]
OUT_S = 2.0


def test_a_lapse_cuts_off_what_is_mounted_and_dead_storage_holds_up_nothing(servers: Hosts, tmp_path: Path) -> None:
    """One mount in use, one on storage that answers nothing; the processes die as always, and the server comes back."""
    host, busy = servers[1], tmp_path / "busy"
    busy.mkdir()
    service = host.resource()
    subprocess.run(["mount", "-t", "tmpfs", "fs", str(busy)], check=True)
    try:
        with hung_storage(tmp_path / "dead") as dead, (busy / "open").open("w"):
            listing = KillListFile(str(host.run_dir), cgroup=host.resources, filesystems=())
            listing.add("db", (MountHolding(str(dead)),))
            listing.add("fs", (MountHolding(str(busy)),))
            host.cut()
            assert service.wait(OUT_S) == -9
            wait_for(lambda: not is_mounted(str(busy)) and not is_mounted(str(dead)), OUT_S, "both are cut off")
            host.cut(away=False)
            wait_for(host.holds, 5, f"rejoined; its log: {host.log.read_text()}")
    finally:
        cut_off(str(busy))
