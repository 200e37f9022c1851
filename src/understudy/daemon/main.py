"""understudyd: the only place that wires adapters. Reads the settings, makes the real clock, registry client, guard link and executor
client, runs the Node's loops and the API until a signal ends it, or until this server has become a new incarnation.
"""

import argparse
import asyncio
import contextlib
import fcntl
import functools
import gc
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from understudy import __version__
from understudy.agents.aside import aside
from understudy.daemon.alerts import Alerts
from understudy.daemon.api import serve
from understudy.daemon.clock import SystemClock
from understudy.daemon.clusternow import cluster_now
from understudy.daemon.enrol import let_join
from understudy.daemon.etcdmember import keep_member
from understudy.daemon.execlink import ExecutorLink
from understudy.daemon.guardlink import GuardLink
from understudy.daemon.keystore import FileKeys
from understudy.daemon.memberwatch import MemberWatch
from understudy.daemon.node import Node, Superseded
from understudy.daemon.ownmember import OwnMember
from understudy.daemon.ownserver import LinuxServer
from understudy.daemon.past import Past
from understudy.daemon.pastfile import FOLDER, PastFiles
from understudy.daemon.remembered import FileDisk
from understudy.daemon.renewal import keep_certificate
from understudy.daemon.settingsfile import keep_settings
from understudy.daemon.sight import Sight
from understudy.errors import BadSettings
from understudy.guard.configured import make_run_dir, raise_limit, read_settings, unusable
from understudy.guard.lapse import start_second_line
from understudy.guard.log import fault, log, running
from understudy.linux.files import advice
from understudy.linux.hardware import read_hardware
from understudy.linux.keys import read_key
from understudy.linux.logline import LEVELS
from understudy.linux.paths import CONFIG
from understudy.linux.processes import be_served_first, write_own_pid
from understudy.model import logevents
from understudy.model.limits import Limits, derive
from understudy.model.logevents import Level
from understudy.model.settings import Settings
from understudy.model.view import ServerHardware
from understudy.registry.engines import RegistryConnection, engine_named
from understudy.registry.rotation import nearest_first
from understudy.registry.wire import Unreadable
from understudy.setup.files import remove_leftovers
from understudy.setup.places import SetupPlaces

COLLECT_AFTER = (5_000, 10, 10)
"""New objects before the interpreter looks for cycles among the youngest, and its own two ratios. By then what a View leaves behind, and
an action that has ended, is gone by itself. With its usual 700 so much was found alive while a thousand resources were started that all
objects were looked through again and again, up to 0.1 s at a time: a sixth of the daemons' processor time, and with this half of that."""
BEHIND_THE_EXECUTOR_S = 0.01
"""The executor's second line comes first; ours may find it done."""
LEFTOVERS_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0: asked to end; 1: a failure (systemd, or the lab host's init, starts it again); 2: settings or key cannot be used."""
    arguments = _parser().parse_args(argv)
    try:
        return _begin(arguments.config, arguments.log_level)
    finally:
        gc.freeze()  # nothing is collected at the end: a decoder's type information says two lines of SystemError when it is


def _begin(config: str, least: Level) -> int:
    try:
        settings = read_settings(config)
        limits = derive(settings.pause_tolerance)
        key = read_key(settings.guard_key)
        make_run_dir(settings)
    except BadSettings as error:
        return unusable("understudyd", error)
    except OSError as error:
        print(f"understudyd: cannot begin in {settings.run_dir}: {advice(error, settings.run_dir)}", file=sys.stderr)
        return 1
    raise_limit()
    be_served_first()
    gc.set_threshold(*COLLECT_AFTER)
    with running("understudyd", server=settings.server, least=least):
        return asyncio.run(_run(settings, limits, key))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudyd",
        description="The daemon of one server: joins the cluster, decides if it leads, and keeps what is assigned to this server running.",
        epilog="example: understudyd --config /etc/understudy/understudy.toml",
    )
    parser.add_argument("--version", action="version", version=f"understudy {__version__}", help="which version this is")
    parser.add_argument("--config", default=CONFIG, help=f"settings (default {CONFIG})")
    parser.add_argument("--log-level", default="info", choices=LEVELS, help="the least that is logged (info)")
    return parser


async def _run(settings: Settings, limits: Limits, key: bytes) -> int:
    lock = _write_pid(settings.run_dir)
    number = sorted(server.name for server in settings.servers).index(settings.server)
    endpoints = nearest_first(settings.registry, settings.peer(settings.server).addresses, number)
    registry = engine_named(settings.engine).connect(
        endpoints, cluster=settings.cluster, dice=random.Random(), key=key, tls=settings.registry_tls
    )
    guard = GuardLink.of(settings, round_s=limits.round_s)
    executor = ExecutorLink.of(settings)
    disk = FileDisk(Path(settings.state_dir) / "held.json")
    tls = settings.registry_tls
    keys = None if tls is None else FileKeys(settings.guard_key, tls.key)
    hardware = ServerHardware(**read_hardware()._asdict())
    clock, past = SystemClock(), PastFiles(Path(settings.state_dir) / FOLDER)
    node = Node(
        settings, limits, clock=clock, registry=registry, guard=guard, executor=executor, disk=disk, keys=keys, hardware=hardware,
        past=Past(past, clock),
    )  # fmt: skip
    node.servers_now.on_change = lambda present: registry.reach(present.registry)
    await executor.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, _log_tasks)
    broken = asyncio.Event()
    loop.set_exception_handler(lambda _, context: _break(context, broken))
    start_second_line(settings, after_s=BEHIND_THE_EXECUTOR_S, ended=_second_line)
    log(logevents.STARTED, cluster=settings.cluster)
    try:
        return await _until_stopped(node, settings, registry, stop, broken, executor=executor)
    finally:
        await executor.close()
        await guard.close()
        await registry.close()
        if lock >= 0:
            os.close(lock)


def _break(context: dict[str, object], broken: asyncio.Event) -> None:
    """A task that nobody awaits has failed: an invariant is broken. The process ends; its successor begins from the registry."""
    error, what = context.get("exception"), str(context.get("message"))
    if isinstance(error, BaseException):
        fault(error, what)
    else:
        log(logevents.FAULT, what=what)
    broken.set()


def _second_line(sentences: list[str]) -> None:
    log(logevents.SECOND_LINE, why="; ".join(sentences))


def _log_tasks() -> None:
    """SIGUSR1: where every task of the daemon stands, into the log."""
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=4)
        stands = " < ".join(f"{frame.f_code.co_name}:{frame.f_lineno}" for frame in reversed(frames))
        log(logevents.TASK, what=task.get_name(), stands=stands)


async def _until_stopped(
    node: Node, settings: Settings, registry: RegistryConnection, stop: asyncio.Event, broken: asyncio.Event, *, executor: ExecutorLink
) -> int:
    """0 when stopped, 1 when a loop ended: what cannot go on ends the process, and its successor begins from the registry."""
    alerts = Alerts(Path(settings.log_dir) / "alert.log", settings.server)
    sight = Sight(node)
    server = LinuxServer(settings.run_dir)
    members = engine_named(settings.engine).members(lambda: node.settings.registry, settings.registry_tls)
    own_member = OwnMember(lambda: node.settings, members, lambda: registry.endpoint, go_over=registry.prefer)
    member_watch = MemberWatch(lambda: node.settings, members, lambda: registry.endpoint, node.clock)
    sight.members_away, member_watch.silent = member_watch.away, lambda: sight.own().unheard()
    sight.alert, sight.unwritten, sight.taken_out_by = alerts.write, alerts.unwritten, server.taken_out_by
    work = [
        asyncio.create_task(node.run(), name="node"),
        asyncio.create_task(serve(node, sight, settings, server, members, places=executor), name="api"),
        asyncio.create_task(keep_member(node.mirror, lambda: node.settings, SetupPlaces()), name="member of etcd"),
        asyncio.create_task(own_member.watch(), name="own member of etcd"),
        asyncio.create_task(member_watch.watch(), name="members of etcd"),
        asyncio.create_task(keep_settings(node.mirror, node.servers_now, SetupPlaces().config), name="settings"),
        asyncio.create_task(_remove_leftovers(SetupPlaces(), settings.state_dir), name="leftovers"),
        asyncio.create_task(sight.run(), name="sight"),
        asyncio.create_task(let_join(settings, lambda: cluster_now(node.mirror, node.settings)), name="join listener"),
        asyncio.create_task(keep_certificate(lambda: node.settings), name="certificate"),
        asyncio.create_task(alerts.follow(node.mirror), name="alerts"),
        asyncio.create_task(broken.wait(), name="what nobody awaits"),
    ]
    stopping = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait([*work, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in (*work, stopping):
        if task not in done:
            task.cancel()
    for task in (*work, stopping):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    for task in done - {stopping}:
        _report(task)
    if stopping in done:
        log(logevents.ENDED)
    return 0 if stopping in done else 1


async def _remove_leftovers(places: SetupPlaces, state_dir: str) -> None:
    """What writers of our files that were killed have left there; once, and beside the loop."""
    for folder in (places.folder, places.keys, state_dir):
        with contextlib.suppress(TimeoutError):
            await aside(functools.partial(remove_leftovers, folder), within_s=LEFTOVERS_S, kind="leftovers")
    await asyncio.Event().wait()


def _report(task: "asyncio.Task[object]") -> None:
    error = task.exception() if not task.cancelled() else None
    if task.get_name() == "what nobody awaits":
        return  # logged when it happened
    if isinstance(error, BaseExceptionGroup) and error.split(Superseded)[1] is None:
        log(logevents.SUPERSEDED, why=str(error.exceptions[0]))
    elif isinstance(error, BaseExceptionGroup) and error.split(Unreadable)[1] is None:
        log(logevents.UNREADABLE, why=str(error.exceptions[0]))
    elif error is not None:
        fault(error, task.get_name())
    else:
        log(logevents.FAULT, what=task.get_name(), why="it ended by itself")


def _write_pid(run_dir: str) -> int:
    """Say who we are: the guard ends exactly this process at a lapse, never one that has its number later. It knows us by our connection as
    well, and by the lock that is returned (-1: there is none), so a full disk is no reason not to begin."""
    lock = -1
    try:
        lock = os.open(f"{run_dir}/understudyd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError):  # a predecessor that is about to end
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_own_pid(f"{run_dir}/understudyd.pid")
    except OSError as error:
        log(logevents.PID_NOT_WRITTEN, why=advice(error, run_dir))
    return lock
