"""The demo on servers as operators have them: systemd, nothing of ours beforehand, then packages, `understudy cluster init` and `join`, an
etcd on the voters; and two acts more, of which the client must notice nothing: a member of etcd is killed, all servers are upgraded.

Called by `understudy demo --real`, and by stories of upgrades, on a lab whose servers are empty.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from understudy.demo import acts
from understudy.demo.acts import TRIO, DemoAct, Narrate
from understudy.errors import LabError
from understudy.lab.lab import Lab

MEMBER = "understudy-etcd"
"""The service of a server that runs its member of etcd."""
_TOKEN = re.compile(r"^  understudy cluster join (\S+)$", re.MULTILINE)
_INSTALL_S = 180.0
_SOON_S = 60.0
_POLL_S = 0.05
_SAID = 1_000
"""Characters of what a command said that failed."""


def install(lab: Lab, server: str, package: Path, *, again: bool = False) -> None:
    """`apt install ./FILE` on a server; there is no network that a package could come from. `again`: also where an installation of this
    version was begun, and does not count as one that is missing."""
    there = f"/var/tmp/{package.name}"
    shutil.copyfile(package, lab.host_path(server, there))
    wanted = ["--reinstall", there] if again else [there]
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "install", *wanted]
    done = lab.exec(server, command, check=False, timeout_s=_INSTALL_S)
    if done.returncode != 0:  # apt's last line says only that dpkg failed: what went wrong is above it
        said = f"{done.stdout}{done.stderr}".strip()
        raise LabError(f"{server}: apt-get install {there}: exit status {done.returncode}: {said[-_SAID:]}")


def installed(lab: Lab, server: str) -> str:
    """The version that is installed on a server."""
    return lab.exec(server, ["understudy", "--version"]).stdout.split()[-1]


def make_cluster(lab: Lab, say: Narrate) -> None:
    """One command on the first server, one on each of the others, as an operator types them."""
    first, *others = lab.servers
    say(f"{first}: understudy cluster init {lab.name} ...")
    said = lab.exec(first, init_command(lab), timeout_s=_INSTALL_S).stdout
    for server in others:
        say(f"{server}: understudy cluster join ...")
        lab.exec(server, ["understudy", "cluster", "join", _token(said)], timeout_s=_INSTALL_S)
        said = lab.exec(first, ["understudy", "cluster", "token"]).stdout
    lab.ready(_SOON_S)


def init_command(lab: Lab) -> list[str]:
    """The command that makes a cluster of all servers of a lab, with the network in which virtual addresses come up."""
    command = ["understudy", "cluster", "init", lab.name, "--pause-tolerance", f"{lab.plan.pause_tolerance:g}"]
    for name in lab.servers:
        server = lab.plan.host(name)
        command += ["--server", f"{name}={server.address('interconnect')},{server.address('management')}"]
    return [*command, "--network", "1=10.10.10.0/24,eth1"]


def upgrade(lab: Lab, servers: Sequence[str], package: Path, say: Narrate, *, again: bool = False) -> None:
    """One server after the other: install (see there for `again`), and go on when it is healthy again."""
    for server in servers:
        install(lab, server, package, again=again)
        _await(partial(_healthy, lab, server), f"{server} is healthy in the new version")
        say(f"  {server} is healthy in version {installed(lab, server)}")


def acts_with(newer: Path, say: Narrate) -> tuple[DemoAct, ...]:
    """Those of the demo, and the two that only these servers can show."""

    def upgrade_all(lab: Lab, server: str) -> Callable[[], None]:
        del server
        upgrade(lab, lab.servers, newer, say)
        return _nothing

    *blows, relocation = acts.ACTS
    return (
        *blows,
        DemoAct("member of etcd killed", _kill_member, unnoticed=True),
        DemoAct("rolling upgrade of all servers", upgrade_all, unnoticed=True),
        relocation,
    )


def _kill_member(lab: Lab, server: str) -> Callable[[], None]:
    """Of the active server; a change is accepted all the same, and the member comes back."""
    killed = lab.service_pids(server, MEMBER)
    if not killed:
        raise LabError(f"no member of etcd runs on {server}")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    change = ["crsctl", "modify", "resource", TRIO[-1], "-attr", "DESCRIPTION=changed while a member of etcd was away"]
    _await(lambda: lab.exec(server, change, check=False).returncode == 0, "a change is accepted")
    _await(lambda: set(lab.service_pids(server, MEMBER)) - set(killed), f"the member of etcd on {server} runs again")
    return _nothing


def _nothing() -> None:
    """What there is to repair."""


def _healthy(lab: Lab, server: str) -> bool:
    return lab.is_ready(server) and lab.exec(server, ["crsctl", "check", "crs"], check=False).returncode == 0


def _token(said: str) -> str:
    found = _TOKEN.search(said)
    if found is None:
        raise LabError(f"no token was printed: {said.strip()[-500:]}")
    return found[1]


def _await(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _SOON_S
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"not within {_SOON_S:g} s: {what}")
        time.sleep(_POLL_S)
