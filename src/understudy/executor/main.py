"""understudy-exec: listens on exec.sock and runs what the daemon asks for.

Wires the runner to the socket; started by systemd (or the lab host's init) and restarted whenever it ends. One daemon at a time: the newest
hello wins, ends every action in flight and is sent what runs. Its own process is never in a resource's group. It keeps nothing that its
successor needs.
"""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy import __version__
from understudy.agents.groups import Groups
from understudy.errors import BadInput, BadSettings, UnderstudyError
from understudy.events.netlink import NetlinkEvents
from understudy.executor.actionlog import ActionLog
from understudy.executor.gate import stay_known
from understudy.executor.lines import Overlong, read_line
from understudy.executor.runner import Runner
from understudy.executor.wire import (
    LONGEST_LINE,
    TOO_LONG,
    activity_from_wire,
    decode,
    encode,
    outcome_to_wire,
    request_from_wire,
    resource_from_wire,
    site_places_from_wire,
)
from understudy.guard.configured import make_run_dir, raise_limit, read_settings, unusable
from understudy.guard.lapse import start_second_line
from understudy.guard.log import end, fault, log, running
from understudy.holdings.listing import KillListFile
from understudy.linux.cgroups import find_parent
from understudy.linux.files import advice
from understudy.linux.lease import read_lease
from understudy.linux.paths import CONFIG
from understudy.linux.processes import write_own_pid
from understudy.model import logevents
from understudy.model.names import ResourceName
from understudy.model.settings import Settings
from understudy.ports import ActionOutcome, ActionRequest

_TRIM_BUSY_S, _TRIM_IDLE_S = 0.2, 2.0


class Server:
    """exec.sock: who the daemon is, and its requests."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        runner.waits.answered = self._send_answered
        self._actions = ActionLog()
        self._daemon: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends or another daemon says hello."""
        try:
            while line := await read_line(reader):
                task = asyncio.create_task(self._answer(line, writer))
                self._tasks.add(task)  # the loop itself holds tasks only weakly
                task.add_done_callback(self._done)
        except ConnectionError as error:
            log(logevents.CONNECTION_LOST, why=str(error))
        finally:
            writer.close()

    def _send_answered(self, resource: str) -> None:
        """Of our own accord: what this resource's start failed over is so no more."""
        if self._daemon is not None and not self._daemon.is_closing():
            self._daemon.write(encode({"event": "neighbour", "resource": resource}))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # a broken invariant: end, and let a successor start from what is on the machine
            fault(error, "a request")
            end()
            os._exit(70)

    async def _answer(self, line: bytes | Overlong, writer: asyncio.StreamWriter) -> None:
        message: dict[str, Any] = {}
        try:
            if isinstance(line, Overlong):
                message = {} if line.id is None else {"id": line.id}
                raise BadInput(TOO_LONG)
            message = decode(line)
            answer = await self._do(message, writer)
        except BadInput as error:
            answer = {"error": str(error)}
        if "id" in message:
            answer = {"id": message["id"], **answer}
        with suppress(ConnectionError):  # the daemon is gone: its successor asks anew
            writer.write(encode(answer))
            await writer.drain()

    async def _do(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any]:
        op = message.get("op")
        if op == "hello":
            return await self._hello(writer)
        if writer is not self._daemon:
            raise BadInput("say hello first, or another daemon has said it since")
        match op:
            case "ping":
                return {"cannot": await self._runner.trial.why_not()}
            case "running":
                return self._running()
            case "run":
                return outcome_to_wire(await self._run(request_from_wire(message)))
            case "kill":
                return {"empty": await self._killed(resource_from_wire(message), activity_from_wire(message))}
            case "empty":
                return {"empty": await self._emptied(op, resource_from_wire(message))}
            case "site-places":
                return {"answer": await self._runner.site_places.perform(*site_places_from_wire(message))}
        raise BadInput(f"op is {op!r}; it is one of hello, ping, running, run, kill, empty, site-places")

    async def _run(self, request: ActionRequest) -> ActionOutcome:
        self._actions.begun(request)
        outcome = await self._runner.run(request)
        self._actions.ended(request, outcome)
        return outcome

    async def _killed(self, resource: ResourceName, activity: str) -> bool:
        self._actions.kill_begun(resource, activity)
        empty = await self._emptied("kill", resource)
        self._actions.kill_ended(resource, activity, empty=empty)
        return empty

    async def _emptied(self, op: str, resource: ResourceName) -> bool:
        try:
            return await self._runner.kill(resource) if op == "kill" else self._runner.empty(resource)
        except OSError as error:  # no descriptor to be had, say: what was not seen empty is not
            log(logevents.NOT_SEEN_EMPTY, resource=resource, why=str(error))
            return False

    async def _hello(self, writer: asyncio.StreamWriter) -> dict[str, Any]:
        former, self._daemon = self._daemon, writer
        if former is not None and former is not writer:
            former.close()
        await self._runner.abandon()
        return {"op": "hello", "pid": os.getpid(), "incarnation": self._held(), **self._running()}

    def _held(self) -> str | None:
        try:
            lease = read_lease(str(self._runner.run_dir / "lease"))
        except OSError as error:
            log(logevents.LEASE_NOT_READ, why=str(error))
            return None
        return lease.incarnation.hex() if lease.left_s() > 0 else None

    def _running(self) -> dict[str, Any]:
        try:
            return {"running": _first(self._runner.running(), LONGEST_LINE // 8)}
        except OSError as error:  # no descriptor to be had, say: nothing is claimed of what was not seen
            log(logevents.NOT_SEEN_RUNNING, why=str(error))
            return {}


def _first(names: Sequence[str], most: int) -> list[str]:
    """As many of them as fit into so many characters: the answer has to be a line."""
    found: list[str] = []
    for name in names:
        most -= len(name) + 4
        if most < 0:
            break
        found.append(name)
    return found


def _groups(settings: Settings) -> Groups:
    """The control groups of the resources. BadSettings where their parent cannot be."""
    groups = Groups(find_parent(settings.cgroup))
    try:
        os.makedirs(groups.parent, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadSettings(f"[executor] cgroup: {groups.parent} cannot be made: {error.strerror}") from None
    return groups


async def serve(settings: Settings, groups: Groups) -> None:
    """Serve until SIGTERM or SIGINT."""
    run_dir = Path(settings.run_dir)
    kill_list = KillListFile(settings.run_dir, cgroup=groups.parent, filesystems=settings.filesystems)
    runner = Runner(run_dir=run_dir, groups=groups, kill_list=kill_list, keep=(*settings.places(), groups.parent))
    runner.rooms.unbounded = lambda why: log(logevents.OUTPUT_WITHOUT_BOUND, folder=str(run_dir / "output"), why=why)
    await runner.adopt()
    path = run_dir / "exec.sock"
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(Server(runner).serve, path, limit=LONGEST_LINE)
    path.chmod(0o600)
    start_second_line(settings, after_s=0.0, ended=lambda sentences: log(logevents.SECOND_LINE, why="; ".join(sentences)))
    known = asyncio.create_task(stay_known(runner.guard_socket), name="known to the guard")
    links = NetlinkEvents(lambda _: None, lambda kind: runner.link_came_up() if kind == "link" else None)
    links.start()
    log(logevents.LISTENING, at=str(path), cgroup=groups.parent, running=runner.running())
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    while not asked_to_end.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(asked_to_end.wait(), _TRIM_BUSY_S if runner.busy() else _TRIM_IDLE_S)
        runner.trim()
    links.close()
    server.close()
    known.cancel()
    await runner.abandon()


def main(argv: Sequence[str] | None = None) -> int:
    """understudy-exec [--config F]; 0: asked to end; 1: it cannot begin now; 2: its settings cannot be used."""
    arguments = _parser().parse_args(argv)
    try:
        settings = read_settings(arguments.config)
        make_run_dir(settings)
        groups = _groups(settings)
        lock, unwritten = _be_the_only_one(Path(settings.run_dir))
    except BadSettings as error:
        return unusable("understudy-exec", error)
    except (OSError, UnderstudyError) as error:
        print(f"understudy-exec: {error}", file=sys.stderr)
        return 1
    kept = _be_normal()
    raise_limit()
    with running("understudy-exec", server=settings.server):
        if unwritten:
            log(logevents.PID_NOT_WRITTEN, why=unwritten)
        if kept:
            log(logevents.PRIORITY_KEPT, why=kept)
        asyncio.run(serve(settings, groups))
        log(logevents.ENDED)
    os.close(lock)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy-exec",
        description="Run the actions of this server's resources, each in a control group of its own, as the daemon asks on exec.sock.",
        epilog="example: understudy-exec --config /etc/understudy/understudy.toml",
    )
    parser.add_argument("--version", action="version", version=f"understudy {__version__}", help="which version this is")
    parser.add_argument("--config", default=CONFIG, metavar="F", help=f"settings (default {CONFIG})")
    return parser


def _be_the_only_one(run_dir: Path) -> tuple[int, str]:
    """Take the lock that ends with this process, and say who we are; or why that cannot be written, for the guard knows us by our
    connection and our lock as well. UnderstudyError if another executor runs."""
    lock = os.open(run_dir / "understudy-exec.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UnderstudyError(f"another understudy-exec runs in {run_dir}") from None
    try:
        write_own_pid(str(run_dir / "understudy-exec.pid"))
    except OSError as error:
        return lock, advice(error, str(run_dir))
    return lock, ""


def _be_normal() -> str:
    """What services inherit must not depend on how we were started. Why it does all the same: not root, services run with what we have."""
    os.umask(0o022)
    os.chdir("/")
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except PermissionError as error:
        return str(error.strerror)
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
