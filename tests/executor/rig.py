"""The two executors behind one set of verbs, so that one contract test runs against both."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from resource import RLIMIT_NOFILE, prlimit

from support import open_to_all, wait_for
from understudy.agents.groups import Groups
from understudy.daemon.execlink import ExecutorLink
from understudy.executor.fake import FakeExecutor
from understudy.executor.runner import Runner
from understudy.holdings.listing import KillListFile
from understudy.linux.cgroups import find_parent, kill, populated
from understudy.linux.libc import libc
from understudy.linux.mounts import cut_off
from understudy.model.actions import Unanswered
from understudy.model.names import Incarnation, ResourceName
from understudy.ports import ActionName, ActionOutcome, ActionRequest, Executor

INCARNATION = Incarnation("0123456789abcdef" * 2)
DB = ResourceName("db")
SOURCE = Path(__file__).parents[2] / "src"
FAR_FUTURE_NS = 1 << 62
_SET_CHILD_SUBREAPER = 36

# How one service behaves is in files beside it: SERVICE.fail.ACTION (a status), SERVICE.hang.ACTION, SERVICE.say.ACTION (text).
SCRIPT = """\
#!/bin/sh
at="{folder}/$_CRS_NAME"
[ -e "$at.say.$1" ] && cat "$at.say.$1"
[ -e "$at.hang.$1" ] && {{ trap '' TERM; sleep 1000; }}
[ "$1" = check ] && [ -e "$at.signal" ] && kill -9 $$
[ -e "$at.fail.$1" ] && exit "$(cat "$at.fail.$1")"
case "$1" in
    start) sleep 1000 & echo $! >"$at.pid" ;;
    stop|clean)
        [ -e "$at.pid" ] && pid=$(cat "$at.pid") && kill -9 "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
        rm -f "$at.pid" ;;
    check) read -r pid <"$at.pid" && kill -0 "$pid" ;;
    *) exit 2 ;;
esac 2>/dev/null || exit 1
"""


class FakeRig:
    """The executor in memory."""

    def __init__(self) -> None:
        self.held: Incarnation | None = INCARNATION
        self.fake = FakeExecutor(lease=lambda: self.held)
        self.executor: Executor = self.fake
        self.script = "/opt/fake.scr"

    def fails(self, resource: ResourceName, action: ActionName, status: int) -> None:
        self.fake.service(resource).fails[action] = status

    def hangs(self, resource: ResourceName, action: ActionName) -> None:
        self.fake.service(resource).hangs.add(action)

    def recovers(self, resource: ResourceName) -> None:
        self.fake.service(resource).hangs.clear()
        self.fake.service(resource).fails.clear()

    def says(self, resource: ResourceName, action: ActionName, *lines: str) -> None:
        self.fake.service(resource).says[action] = lines

    def dies(self, resource: ResourceName) -> None:
        self.fake.die(resource)

    def lapses(self) -> None:
        self.held = None

    @contextmanager
    def silent(self, resource: ResourceName, why: Unanswered) -> Iterator[None]:
        """Its check gives no answer, in this way, for as long as this lasts."""
        service = self.fake.service(resource)
        match why:
            case "overran":
                service.hangs.add("check")
            case "signal":
                service.signals = True
            case _:
                service.unbegun["check"] = why
        yield
        service.behave()

    def returns(self) -> None:
        """The executor is there again."""


class RealRig:
    """understudy-exec as a process, in a control group and a run directory of the test's own."""

    def __init__(self, folder: Path, *, network: bool = False) -> None:
        self.folder = folder
        self.network = network
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self.parent = group_of_ones_own()
        self.groups = Groups(self.parent)
        self.config = folder / "understudy.toml"
        self.config.write_text(
            f'[cluster]\nname = "test"\n[server]\nname = "ctr1"\nrun_dir = "{self.run_dir}"\n'
            f'[servers.ctr1]\naddresses = ["10.99.0.2"]\n[executor]\ncgroup = "{self.parent}"\n'
        )
        self.script = self.write_script("service.scr", SCRIPT.format(folder=folder))
        self.process: subprocess.Popen[bytes] | None = None
        self.lease(INCARNATION)
        self.client = ExecutorLink(self.run_dir / "exec.sock", parent=self.parent, return_s=5.0)
        self.executor: Executor = self.client

    def write_script(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def begin(self) -> None:
        """Start the executor, or start it again."""
        wrapper = [sys.executable, str(Path(__file__).with_name("in_network.py"))] if self.network else []
        with (self.folder / "exec.log").open("ab") as errors:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "understudy.executor.main", "--config", str(self.config)],
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
                stderr=errors,
            )
        wait_for(self._listens, 10, "the executor listens")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(self.run_dir / "exec.sock"))
            return True
        return False

    def crash(self) -> None:
        """kill -9 of the executor alone."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Leave nothing behind: each step is done, also when one before it fails."""
        with ExitStack() as steps:
            for step in (self._remove_groups, self._cut_off_rooms, self._end_processes):
                steps.callback(step)  # the last one first

    def _end_processes(self) -> None:
        try:
            if self.process and self.process.poll() is None:
                self.process.terminate()
                self.process.wait(10)
        finally:
            kill(self.parent)
            wait_for(lambda: not populated(self.parent), 5, "the test's control group is empty")

    def _cut_off_rooms(self) -> None:
        left = [cut_off(str(room)) for room in (self.run_dir / "output").glob("*")]
        assert not any(left), left

    def _remove_groups(self) -> None:
        remove_groups(self.parent)

    def lease(self, incarnation: Incarnation | None) -> None:
        end_ns = FAR_FUTURE_NS if incarnation else 0
        raw = struct.pack("<16sqqq", bytes.fromhex(incarnation or INCARNATION), end_ns, end_ns, 1)
        file = os.open(self.run_dir / "lease", os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(file, raw.ljust(64, b"\0"), 0)  # in place, as a guard does: whoever has it mapped dies of a file that is cut to nothing
        os.close(file)

    def fails(self, resource: ResourceName, action: ActionName, status: int) -> None:
        (self.folder / f"{resource}.fail.{action}").write_text(str(status))

    def hangs(self, resource: ResourceName, action: ActionName) -> None:
        (self.folder / f"{resource}.hang.{action}").touch()

    def recovers(self, resource: ResourceName) -> None:
        for path in (*self.folder.glob(f"{resource}.fail.*"), *self.folder.glob(f"{resource}.hang.*")):
            path.unlink()

    def says(self, resource: ResourceName, action: ActionName, *lines: str) -> None:
        (self.folder / f"{resource}.say.{action}").write_text("".join(f"{line}\n" for line in lines))

    def dies(self, resource: ResourceName) -> None:
        os.kill(int((self.folder / f"{resource}.pid").read_text()), signal.SIGKILL)

    def lapses(self) -> None:
        self.lease(None)

    @contextmanager
    def silent(self, resource: ResourceName, why: Unanswered) -> Iterator[None]:
        assert self.process
        signal_file = self.folder / f"{resource}.signal"
        match why:
            case "overran":
                self.hangs(resource, "check")
                yield
                self.recovers(resource)
            case "signal":
                signal_file.touch()
                yield
                signal_file.unlink()
            case "no-script":
                Path(self.script).chmod(0o644)
                yield
                Path(self.script).chmod(0o755)
            case "not-begun":
                limits = prlimit(self.process.pid, RLIMIT_NOFILE)
                used = {int(path.name) for path in Path(f"/proc/{self.process.pid}/fd").iterdir()}
                lowest_free = min(set(range(len(used) + 1)) - used)
                prlimit(self.process.pid, RLIMIT_NOFILE, (lowest_free, limits[1]))
                yield
                prlimit(self.process.pid, RLIMIT_NOFILE, limits)
            case _:
                self.client._return_s = 0.3
                self.crash()
                yield

    def returns(self) -> None:
        if self.process and self.process.poll() is not None:
            self.client._return_s = 5.0
            self.begin()

    def open_to_all(self) -> None:
        """Any user may reach its scripts."""
        open_to_all(self.folder)

    def in_its_neighbours_network(self, *command: str) -> None:
        assert self.process
        neighbour = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        subprocess.run(["nsenter", f"--net=/proc/{neighbour}/ns/net", *command], check=True)

    def in_its_network(self, *command: str) -> str:
        assert self.process
        words = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout


Rig = FakeRig | RealRig


@contextmanager
def real_rig(folder: Path, *, network: bool = False) -> Iterator[RealRig]:
    """A real executor that runs, and leaves nothing behind."""
    rig = RealRig(folder, network=network)
    try:
        rig.begin()
        yield rig
    finally:
        rig.end()


@contextmanager
def guard_that_says(run_dir: Path, answer: dict[str, object] | None) -> Iterator[list[dict[str, object]]]:
    """A guard.sock that gives this answer to every packet (None: it hangs up instead); yields the packets."""
    asked: list[dict[str, object]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(run_dir / "guard.sock"))
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        request = json.loads(connection.recv(65536))
                        if request["op"] == "hello":
                            continue  # the executor says who it is
                        asked.append(request)
                        if answer is None:
                            continue
                        connection.send(json.dumps({"op": request["op"], "open": request.get("addresses"), **answer}).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        (run_dir / "guard.sock").unlink()


async def act(rig: Rig, action: ActionName, resource: ResourceName = DB, *, timeout_s: float = 10.0, user: str = "root") -> ActionOutcome:
    """One action on a script resource."""
    parameters = {"script": rig.script, **({"custom": action} if action == "custom" else {})}
    request = ActionRequest(resource=resource, action=action, agent="script", parameters=parameters, timeout_s=timeout_s, user=user)
    return await asyncio.wait_for(rig.executor.run(request), timeout_s + 15)


def runner_alone(folder: Path) -> Runner:
    """The executor's Runner in this process, which ends nothing and mounts nothing: its groups are not there."""
    groups = str(folder / "groups")
    return Runner(run_dir=folder, groups=Groups(groups), kill_list=KillListFile(str(folder), cgroup=groups, filesystems=()))


@contextmanager
def with_children(runner: Runner) -> Iterator[Runner]:
    """It has processes of its own, in this process and on the running loop. Afterwards orphans go to init again, as other tests expect."""
    runner.children.begin()
    try:
        yield runner
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
        assert libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def group_of_ones_own() -> str:
    """A parent group that no other test, and no other run on this machine, uses; it is not made yet."""
    return f"{find_parent().rsplit('/', 1)[0]}/understudy-test-{os.getpid()}-{secrets.token_hex(4)}"


def remove_groups(parent: str) -> None:
    """All of them, from the innermost on: they have to be empty."""
    for folder, _, _ in os.walk(parent, topdown=False):
        os.rmdir(folder)


def have_root() -> bool:
    return os.geteuid() == 0 and shutil.which("setpriv") is not None
