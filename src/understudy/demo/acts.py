"""The demo itself: the guide's server pools and MySQL trio registered with the guide's own commands, and what happens to them.

Called by `understudy demo`, on a lab that is up; `real.py` has the acts that need servers of their own kind.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from understudy.demo.traffic import Traffic
from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.lab.witness import Witness
from understudy.linux.cgroups import processes

ADDRESS = "10.10.10.11"
TRIO = ("mysqlVIP", "mysql-data", "mysqld")

POOLS = (
    ["crsctl", "add", "serverpool", "controller_sp", "-attr", "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"],
    ["crsctl", "add", "serverpool", "network_sp", "-attr", "PARENT_POOLS=Generic, SERVER_NAMES=ctr3 ctr4"],
)
RESOURCES = (
    ["appvipcfg", "create", "-network=1", f"-ip={ADDRESS}", "-vipname=mysqlVIP", "-user=root"],
    [
        "crsctl", "add", "resource", "mysql-data", "-type", "cluster_resource", "-attr",
        "ACTION_SCRIPT=/opt/openstack-ha/mysql-data.scr,MOUNT_POINT=/var/lib/mysql,PLACEMENT=restricted,SERVER_POOLS=controller_sp,"
        "CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(mysqlVIP),STOP_DEPENDENCIES=hard(mysqlVIP) ",
    ],
    [
        "crsctl", "add", "resource", "mysqld", "-type", "cluster_resource", "-attr",
        "ACTION_SCRIPT=/opt/openstack-ha/mysqld.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,"
        "CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(mysqlVIP,mysql-data),STOP_DEPENDENCIES=hard(mysqlVIP,mysql-data) ",
    ],
)  # fmt: skip
START = ["crsctl", "start", "resource", *TRIO, "-n", "ctr1"]
_BACK_S = 60.0
"""Within this a repaired server has joined."""
SETUP_SQL = (
    "create database demo; create table demo.rows_written (id int primary key) engine=innodb;"
    "create user 'demo'@'%' identified by 'demo'; grant all on demo.* to 'demo'@'%';"
)


@dataclass(frozen=True, slots=True)
class ActRow:
    """One line of the table at the end."""

    act: str
    outage_ms: float
    acknowledged: int
    lost: int
    active: int
    failed: int = 0
    """Writes that failed in an act of which the client must notice nothing."""

    @property
    def good(self) -> bool:
        """Nothing lost, never two at once, the client really wrote on both sides of the act, and noticed nothing where there was nothing
        to notice."""
        return self.lost == 0 and self.active <= 1 and self.acknowledged > 0 and self.failed == 0


@dataclass(frozen=True, slots=True)
class DemoAct:
    """One thing that happens to the active server."""

    title: str
    strike: Callable[[Lab, str], Callable[[], None]]
    """Strikes at the active server; answers how to repair it."""
    unnoticed: bool = False
    """The client must not notice: no write may fail."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    act: DemoAct
    begun: float
    struck: float
    ended: float


Narrate = Callable[[str], None]


def perform(lab: Lab, say: Narrate, acts: Sequence[DemoAct]) -> list[ActRow]:
    """Everything, on a lab that is up. LabError if an act could not be played or the service did not come back."""
    register(lab, say)
    traffic = Traffic(lab, ADDRESS)
    try:
        begun = time.monotonic()
        traffic.await_flow(begun, 30)
        with Witness(lab, ADDRESS, TRIO) as witness:
            stretches = [_play(lab, traffic, act, say) for act in acts]
        say("reading every row back")
        lost = traffic.finish()
        return [_row(stretch, traffic, lost, witness) for stretch in stretches]
    finally:
        traffic.close()


def register(lab: Lab, say: Narrate) -> None:
    """The guide's commands, and a database for the client to write to."""
    for command in (*POOLS, *RESOURCES):
        say(f"ctr1: {' '.join(command[:4])} ...")
        lab.exec("ctr1", command)
    say(f"ctr1: {' '.join(START)}")
    lab.exec("ctr1", START, timeout_s=120)
    lab.exec(active_server(lab), ["mariadb", "-e", SETUP_SQL])


def active_server(lab: Lab) -> str:
    """Where the database runs, by the word of `crsctl stat res`; LabError if nowhere."""
    for server in lab.servers:
        answer = lab.exec(server, ["crsctl", "stat", "res", "mysqld"], check=False)
        if found := re.search(r"STATE=ONLINE on (\S+)", answer.stdout):
            return found[1]
    raise LabError("mysqld is ONLINE nowhere")


# --- the acts -------------------------------------------------------------------------------------------------------


def _kill(lab: Lab, server: str) -> Callable[[], None]:
    pids = processes(str(lab.resources_cgroup(server) / "mysqld"))
    if not pids:
        raise LabError(f"no process of mysqld on {server}")
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return lambda: None


def _power_loss(lab: Lab, server: str) -> Callable[[], None]:
    lab.crash(server)

    def repair() -> None:
        lab.boot(server)
        lab.ready(_BACK_S, [server])

    return repair


def _cut(lab: Lab, server: str) -> Callable[[], None]:
    lab.cut(server)

    def repair() -> None:
        lab.heal(server)
        lab.ready(_BACK_S, [server])

    return repair


def _relocate(lab: Lab, server: str) -> Callable[[], None]:
    other = "ctr2" if server == "ctr1" else "ctr1"
    lab.exec(server, ["crsctl", "relocate", "resource", "mysqld", "-n", other, "-f"], timeout_s=120)
    return lambda: None


ACTS = (
    DemoAct("database process killed", _kill),
    DemoAct("active server loses power", _power_loss),
    DemoAct("active server cut from the network", _cut),
    DemoAct("planned relocation", _relocate),
)


def _play(lab: Lab, traffic: Traffic, act: DemoAct, say: Narrate) -> _Stretch:
    begun = time.monotonic()
    traffic.await_flow(begun, 30)
    server = active_server(lab)
    say(f"{act.title}: {server}")
    struck = time.monotonic()
    repair = act.strike(lab, server)
    traffic.await_flow(struck, 60)
    waited_ms = traffic.outage_ms(struck, time.monotonic())
    if act.unnoticed:
        say(f"  the client waited {waited_ms:.0f} ms at most")
    else:
        say(f"  the client writes again after {waited_ms:.0f} ms; repairing {server}")
    repair()
    return _Stretch(act, begun, struck, time.monotonic())


def _row(stretch: _Stretch, traffic: Traffic, lost: set[int], witness: Witness) -> ActRow:
    rows = traffic.acknowledged(stretch.begun, stretch.ended)
    return ActRow(
        act=stretch.act.title,
        outage_ms=traffic.outage_ms(stretch.struck, stretch.ended),
        acknowledged=len(rows),
        lost=len(lost & set(rows)),
        active=witness.most_active(stretch.begun, stretch.ended),
        failed=traffic.failures(stretch.begun, stretch.ended) if stretch.act.unnoticed else 0,
    )
