"""What only the real executor can show: processes, control groups, files."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from executor.rig import DB, INCARNATION, SOURCE, RealRig, act
from support import wait_for, wait_until
from understudy.errors import Unreachable
from understudy.linux.cgroups import populated, processes
from understudy.model.names import ResourceName
from understudy.ports import ActionName, ActionRequest

pytestmark = pytest.mark.lab

ESCAPING = """\
#!/bin/sh
# forks twice, leaves its session, ignores TERM, holds our output open and writes to it
[ "$1" = start ] || exit 1
setsid sh -c '
    trap "" TERM HUP PIPE
    (trap "" TERM; while :; do sleep 0.05; echo still here; done) &
    while :; do sleep 1000; done
' &
echo started
exit 0
"""


async def test_a_service_that_escapes_its_session_is_killed_with_its_group(real: RealRig) -> None:
    """cgroup.kill leaves nobody, where killing a process group leaves half."""
    real.script = real.write_script("escaping.scr", ESCAPING)
    assert (await act(real, "start")).status == 0
    await wait_until(lambda: len(processes(real.groups.run(DB))) >= 3, 5, "the service has forked")
    assert await real.executor.kill(DB)
    assert processes(real.groups.group(DB)) == []


async def test_a_service_that_keeps_our_output_open_does_not_delay_the_answer(real: RealRig) -> None:
    """And it goes on living, and printing, when the executor is killed."""
    real.script = real.write_script("escaping.scr", ESCAPING)
    outcome = await act(real, "start")
    assert outcome.status == 0
    assert outcome.output[0] == "started"
    assert outcome.duration_s < 1
    real.crash()
    real.begin()
    printed = real.run_dir / "output" / "of-root" / "db.out"
    size = printed.stat().st_size
    await wait_until(lambda: printed.stat().st_size > size, 5, "the service still prints")
    assert not await real.executor.empty(DB)


async def test_runaway_output_is_cut_down_and_its_end_kept(real: RealRig) -> None:
    """A script that prints without end costs no more than a bounded file."""
    real.script = real.write_script("loud.scr", '#!/bin/sh\n[ "$1" = start ] || exit 1\nyes loud & echo\n')
    assert (await act(real, "start")).status == 0
    printed = real.run_dir / "output" / "of-root" / "db.out"
    sizes: list[int] = []

    def was_cut() -> bool:
        sizes.append(printed.stat().st_size)
        return len(sizes) > 1 and sizes[-1] < sizes[-2]

    await wait_until(was_cut, 10, "the file was cut")
    await real.executor.kill(DB)


FLOODING = """\
#!/bin/sh
case $1 in
start) (while :; do head -c 700m /dev/zero 2>/dev/null; sleep 0.01; done) & exit 0 ;;
check) head -c 200m /dev/zero; echo; echo CRS_STATE_DETAILS:flooded ;;
esac
"""


async def test_what_one_owner_prints_uses_up_no_room_of_others(real: RealRig) -> None:
    """At once and again and again: it stays within a room of its own, and another owner's start has all that it needs."""
    real.open_to_all()
    honest, real.script = real.script, real.write_script("flooding.scr", FLOODING)
    assert (await act(real, "start", user="nobody")).status == 0
    room = real.run_dir / "output" / "of-nobody"
    await wait_until(lambda: os.statvfs(room).f_bavail == 0, 10, "the room is full")
    outcome = await act(real, "check", user="nobody", timeout_s=30)
    assert outcome.unanswered is None
    sizes = [os.statvfs(path) for path in (real.run_dir / "output").iterdir()]
    assert all(size.f_blocks * size.f_frsize <= 64 << 20 for size in sizes)
    real.script = honest
    real.says(ResourceName("web"), "start", "begins")
    started = await act(real, "start", ResourceName("web"))
    assert (started.status, started.output) == (0, ("begins",))
    real.crash()
    real.begin()
    assert not await real.executor.empty(DB)
    await real.executor.kill(DB)
    await wait_until(lambda: os.statvfs(room).f_bavail * 2 > os.statvfs(room).f_blocks, 10, "its successor has cut it back")


async def test_output_lines_reach_the_daemon(real: RealRig) -> None:
    """The last twenty lines of both streams, and the details."""
    lines = [f"line {number}" for number in range(30)]
    real.says(DB, "check", *lines, "CRS_STATE_DETAILS:half of it")
    outcome = await act(real, "check")
    assert outcome.details == "half of it"
    assert len(outcome.output) == 20
    assert outcome.output[0] == "line 11"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda rig: str(rig.folder / "none.scr"), "does not exist on this server"),
        (lambda rig: rig.write_script("plain.scr", "#!/bin/sh\n"), "is not executable for {user}: chmod +x"),
        (lambda rig: str(rig.folder), "is no file"),
        (lambda rig: "none.scr", "must be an absolute path"),
        (lambda rig: rig.write_script("dos.scr", "#!/bin/sh\r\nexit 0\r\n"), "its first line ends with a carriage return (DOS"),
        (lambda rig: rig.write_script("dos.scr", "#!/bin/sh -e\r\nexit 0\r\n"), "its first line ends with a carriage return (DOS"),
        (lambda rig: rig.write_script("dos.scr", "#!/usr/bin/env sh\r\nexit 0\r\n"), "(DOS line ends)"),
        (lambda rig: rig.write_script("odd.scr", "#!/no/such/interpreter\n"), "its interpreter /no/such/interpreter does not exist"),
        (lambda rig: rig.write_script("odd.scr", "#!/usr/bin/env nosuchthing\n"), "its interpreter nosuchthing is not in /usr/local/sbin:"),
        (lambda rig: rig.write_script("empty.scr", ""), "is empty, and would answer 0 to every action"),
    ],
)
@pytest.mark.parametrize("user", ["root", "nobody"])
async def test_a_script_that_cannot_be_run_is_said_to_be_so(real: RealRig, make: Callable[[RealRig], str], says: str, user: str) -> None:
    """It could not be asked, and no exit status pretends that it was."""
    real.open_to_all()
    real.script = make(real)
    if real.script.endswith("plain.scr"):
        Path(real.script).chmod(0o644)
    outcome = await act(real, "check", user=user)
    assert (outcome.status, outcome.evidence, outcome.unanswered) == (None, "silent", "no-script")
    assert says.format(user=user) in outcome.output[-1]


@pytest.mark.parametrize("action", ["check", "start", "clean"])
async def test_a_script_that_others_may_change_is_not_run(real: RealRig, action: ActionName) -> None:
    """It is said who may, and what to do; and once that is done it runs, at once."""
    real.open_to_all()
    real.script = real.write_script("loose.scr", f"#!/bin/sh\necho $1 >>{real.folder}/ran\n")
    Path(real.script).chmod(0o777)
    outcome = await act(real, action)
    assert (outcome.status, outcome.unanswered) == (None, "no-script")
    assert "not run as root, because others may change it" in outcome.output[0]
    assert f"{real.script} may be written by everybody: chmod o-w {real.script}" in outcome.output[0]
    assert not (real.folder / "ran").exists()
    Path(real.script).chmod(0o755)
    assert (await act(real, action)).status == 0
    assert (real.folder / "ran").read_text() == f"{action}\n"


@pytest.mark.parametrize("status", [2, 125, 126, 127])
async def test_a_script_may_end_as_a_shell_does_that_finds_no_script(real: RealRig, status: int) -> None:
    """Its own status is an answer."""
    real.script = real.write_script("odd.scr", f"#!/bin/sh\necho 'sh: 1: exec: not found'\nexit {status}\n")
    outcome = await act(real, "check")
    assert (outcome.status, outcome.evidence, outcome.unanswered) == (status, "answered", None)


@pytest.mark.parametrize("name", ["a/b", "*", "100%", "$x`id`", "x" * 240, "漢" * 80, "/" * 80])
async def test_whatever_name_is_registered_can_be_started(real: RealRig, name: str) -> None:
    """Directories, files and control groups are named after it; an older version may have registered it."""
    real.script = real.write_script("named.scr", '#!/bin/sh\n[ "$1" = check ] && { echo "$_CRS_NAME"; exit 0; }\nsleep 1000 &\n')
    resource = ResourceName(name)
    started = await act(real, "start", resource)
    assert (started.status, started.housed) == (0, True), started.output
    assert (await act(real, "check", resource)).output == (name,)
    real.crash()
    real.begin()
    assert not await real.executor.empty(resource)
    assert await real.executor.kill(resource)
    assert await real.executor.empty(resource)


async def test_the_script_sees_a_clean_environment(real: RealRig) -> None:
    """What the daemon sends and the basics; nothing of the executor's own."""
    real.script = real.write_script("env.scr", "#!/bin/sh\nenv | sort\nid -u\npwd\ncat /proc/self/oom_score_adj\n")
    request = ActionRequest(
        resource=DB,
        action="check",
        agent="script",
        parameters={"script": real.script},
        environment={"_CRS_CHECK_INTERVAL": "30", "_USR_SIDE": "left = right", "BAD=NAME": "x"},
        epoch=7,
        activity="3f9a1c2e-1f",
    )
    lines = (await real.executor.run(request)).output
    assert "_CRS_ACTIVITY=3f9a1c2e-1f" in lines
    assert "_CRS_CHECK_INTERVAL=30" in lines
    assert "_USR_SIDE=left = right" in lines
    assert "_CRS_EPOCH=7" in lines
    assert "_CRS_NAME=db" in lines
    assert f"_CRS_ACTION_SCRIPT={real.script}" in lines
    assert "LC_ALL=C.UTF-8" in lines
    assert not any(line.startswith(("PYTHONPATH", "VIRTUAL_ENV", "BAD")) for line in lines)
    assert lines[-3:] == ("0", "/", "0")


async def test_an_action_is_found_in_the_log_by_its_activity(real: RealRig) -> None:
    """What was asked, what came of it, how long it took and what was printed; and nothing but lines of JSON is in that log."""
    real.script = real.write_script("fails.scr", "#!/bin/sh\necho 'no disk: \033[2J'\nexit 3\n")
    script = {"script": real.script}
    request = ActionRequest(resource=DB, action="clean", agent="script", parameters=script, epoch=7, activity="3f9a1c2e-1f")
    outcome = await real.executor.run(request)
    path = real.folder / "exec.log"
    await wait_until(lambda: "action-ended-badly" in path.read_text(), 10, "a thread writes it")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    begun, ended = (line for line in lines if line.get("activity") == "3f9a1c2e-1f")
    assert (begun["event"], ended["event"]) == ("action-begun", "action-ended-badly")
    assert {"resource": "db", "action": "clean", "epoch": 7, "status": outcome.status, "observed": "failed"}.items() <= ended.items()
    assert ended["output"].startswith("no disk: ")
    assert ended["seconds"] >= 0
    assert {line["process"] for line in lines} == {"understudy-exec"}
    assert {line["server"] for line in lines} == {"ctr1"}


async def test_the_last_rung_is_found_in_the_log_by_its_activity(real: RealRig) -> None:
    """A stop that had to end everything by force says so, under the activity of that stop."""
    assert await real.executor.kill(DB, "3f9a1c2e-2a")
    path = real.folder / "exec.log"
    await wait_until(lambda: "action-ended" in path.read_text(), 10, "a thread writes it")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [(line["event"], line["action"], line["resource"]) for line in lines if line.get("activity") == "3f9a1c2e-2a"]
    assert found == [("action-begun", "kill", "db"), ("action-ended", "kill", "db")]


async def test_an_action_runs_as_its_owner(real: RealRig) -> None:
    """With that user's groups and home, and its control group entered all the same."""
    real.open_to_all()
    real.script = real.write_script("who.scr", "#!/bin/sh\nid -un; id -gn; echo $HOME; cat /proc/self/cgroup; echo oops >>/dev/stderr\n")
    outcome = await act(real, "check", user="nobody")
    assert outcome.status == 0
    assert outcome.output[:3] == ("nobody", "nogroup", "/nonexistent")
    assert any(line.endswith("/db/act") for line in outcome.output)
    assert "oops" in outcome.output
    outcome = await act(real, "start", user="no-such-user")
    assert outcome.output == ("there is no user no-such-user on this server, as whom it would run",)
    assert outcome.unanswered == "no-script"


async def test_what_a_check_leaves_behind_is_ended(real: RealRig) -> None:
    """Only a start may leave something: else `empty` would never be true."""
    real.script = real.write_script("messy.scr", "#!/bin/sh\nsetsid sleep 1000 &\nexit 0\n")
    assert (await act(real, "check")).status == 0
    assert await real.executor.empty(DB)


async def test_an_overrunning_start_is_told_to_abort_first(real: RealRig) -> None:
    """The script may end its own work in an orderly way."""
    mark = real.folder / "aborted"
    text = f"#!/bin/sh\ncase $1 in start) sleep 1000;; abort) echo $1 >{mark}; exit 0;; esac\nexit 1\n"
    real.script = real.write_script("slow.scr", text)
    outcome = await act(real, "start", timeout_s=0.2)
    assert outcome.timed_out
    assert outcome.killed
    assert mark.read_text() == "abort\n"


async def test_the_kill_list_is_written_before_the_action_begins(real: RealRig) -> None:
    """Whatever a start makes is on the list before it exists."""
    seen = real.folder / "seen"
    real.script = real.write_script("copy.scr", f'#!/bin/sh\n[ "$1" = start ] && cp {real.run_dir}/kill-list.json {seen}\nexit 0\n')
    (real.run_dir / "kill-list.json").unlink()
    await act(real, "start")
    nothing: dict[str, list[str]] = {"holdings": [], "addresses": [], "units": [], "filesystems": []}
    assert json.loads(seen.read_text()) == {"format": 2, "cgroup": real.parent, **nothing}


async def test_actions_of_an_executor_that_died_are_silent_and_ended(real: RealRig) -> None:
    """The service stays alive; the next executor adopts it."""
    await act(real, "start")
    real.hangs(DB, "stop")
    stop = asyncio.create_task(act(real, "stop", timeout_s=60))
    await wait_until(lambda: populated(real.groups.act(DB)), 5, "the stop is in flight")
    real.crash()
    outcome = await stop
    assert (outcome.status, outcome.unanswered, outcome.housed) == (None, "executor-away", True)
    real.begin()
    real.recovers(DB)
    assert not populated(real.groups.act(DB))
    assert (await act(real, "check")).status == 0
    service = int((real.folder / "db.pid").read_text())
    real.dies(DB)
    await wait_until(lambda: not Path(f"/proc/{service}").exists(), 10, "init has reaped the service")
    assert (await act(real, "check")).evidence == "gone"


async def test_a_half_done_start_does_not_outlive_its_executor(real: RealRig) -> None:
    """It would go on beside the clean that the lane orders next."""
    real.hangs(DB, "start")
    start = asyncio.create_task(act(real, "start", timeout_s=60))
    await wait_until(lambda: populated(real.groups.run(DB)), 5, "the start is in flight")
    real.crash()
    assert (await start).evidence == "silent"
    real.begin()
    assert await real.executor.empty(DB)


async def test_a_check_in_flight_is_asked_again_of_the_next_executor(real: RealRig) -> None:
    """It changes nothing, so that the end of an executor is no news about any resource."""
    await act(real, "start")
    real.hangs(DB, "check")
    check = asyncio.create_task(act(real, "check", timeout_s=60))
    await wait_until(lambda: populated(real.groups.act(DB)), 5, "the check is in flight")
    real.recovers(DB)
    real.crash()
    real.begin()
    assert (await check).status == 0


async def test_a_thousand_started_resources_cost_no_descriptors(real: RealRig) -> None:
    """And the executor may open all that the hard limit allows, while services get what was usual."""
    assert real.process
    descriptors = Path(f"/proc/{real.process.pid}/fd")
    names = [ResourceName(f"db{number}") for number in range(300)]
    assert (await act(real, "start", names[0])).status == 0  # from here on it has opened what it needs for itself
    before, own = len(list(descriptors.iterdir())), len(os.listdir("/proc/self/fd"))
    for some in (names[first : first + 20] for first in range(1, len(names), 20)):
        assert all(action_outcome.status == 0 for action_outcome in await asyncio.gather(*(act(real, "start", name) for name in some)))
    assert len(list(descriptors.iterdir())) <= before + 2
    assert len(os.listdir("/proc/self/fd")) <= own + 2  # the daemon's end
    soft, hard = resource.prlimit(real.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard
    service = int((real.folder / "db3.pid").read_text())
    assert resource.prlimit(service, resource.RLIMIT_NOFILE)[0] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert all(await asyncio.gather(*(real.executor.kill(name) for name in names)))


async def test_what_runs_nowhere_has_no_group(real: RealRig) -> None:
    """Thousands of resources that run elsewhere are looked at here: the kernel keeps nothing of them, and nobody watches it."""
    await act(real, "check")
    assert real.groups.resources() == []
    await act(real, "start")
    assert (await act(real, "check")).status == 0
    assert real.groups.resources() == [DB]
    assert (await act(real, "stop")).status == 0
    assert real.groups.resources() == []
    await act(real, "start")
    real.dies(DB)
    await wait_until(lambda: not populated(real.groups.run(DB)), 5, "it has died")
    for _ in range(2):
        assert (await act(real, "check")).evidence == "gone", "that it has run here is known without its group, too"
        assert real.groups.resources() == []


@pytest.mark.parametrize("text", ["ls / >/dev/null || exit 1", "(exit 0); true"])
async def test_a_check_without_a_process_to_be_had_has_told_nothing(real: RealRig, text: str) -> None:
    """Its owner has used up the processes that a user may have: that is no news of the service. Once there is room it is asked again."""
    assert real.process
    real.open_to_all()
    real.script = real.write_script("forking.scr", f'#!/bin/sh\n[ "$1" = start ] && {{ sleep 1000 & exit 0; }}\n{text}\n')
    assert (await act(real, "start", user="nobody")).status == 0
    limits = resource.prlimit(real.process.pid, resource.RLIMIT_NPROC)
    resource.prlimit(real.process.pid, resource.RLIMIT_NPROC, (1, limits[1]))
    outcome = await act(real, "check", user="nobody")
    assert (outcome.status, outcome.unanswered, outcome.housed) == (None, "not-begun", True), outcome.output
    assert "process" in outcome.output[-1]
    resource.prlimit(real.process.pid, resource.RLIMIT_NPROC, limits)
    assert (await act(real, "check", user="nobody")).status == 0


async def test_without_an_executor_only_the_kernel_can_be_asked(real: RealRig) -> None:
    """It is said that nobody runs actions here, in the client's time, with what the kernel sees of the service."""
    await act(real, "start")
    real.crash()
    real.client._return_s = 0.3
    outcome = await act(real, "check")
    assert (outcome.unanswered, outcome.housed) == ("executor-away", True)
    assert "understudy-exec does not answer" in outcome.output[0]
    with pytest.raises(Unreachable):
        await real.executor.empty(DB)


@pytest.mark.parametrize("hiding", ["", "exec env -i "])
async def test_processes_that_left_their_group_are_found_counted_and_killed(real: RealRig, hiding: str) -> None:
    """A service that moved itself is no empty group, and no release may be built on it; nor on one that has cleared its environment."""
    elsewhere = f"{real.parent}-elsewhere"
    Path(elsewhere).mkdir()
    try:
        text = f"""#!/bin/sh
case $1 in
start) ({hiding}sleep 1000) & echo $! >{real.folder}/moved.pid; echo $! >{elsewhere}/cgroup.procs ;;
check) kill -0 "$(cat {real.folder}/moved.pid)" ;;
*) exit 1 ;;
esac
"""
        real.script = real.write_script("moving.scr", text)
        started = await act(real, "start")
        pid = int((real.folder / "moved.pid").read_text())
        assert (started.status, started.housed, len(started.strays)) == (0, None, 1)  # it may not have become `sleep` yet
        assert f"(pid {pid})" in started.strays[0]
        assert len((await act(real, "check")).strays) == 1
        assert not await real.executor.empty(DB)
        if not hiding:
            real.crash()  # its successor finds them by their mark
            real.begin()
            assert not await real.executor.empty(DB)
        assert await real.executor.kill(DB)
        assert await real.executor.empty(DB)
        wait_for(lambda: not populated(elsewhere), 5, "it is gone")
    finally:
        wait_for(lambda: not populated(elsewhere), 5, "nothing is left there")
        Path(elsewhere).rmdir()


def test_a_new_daemon_ends_what_the_former_had_in_flight(bare: RealRig) -> None:
    """And the former is cut off."""
    bare.hangs(DB, "check")
    with _daemon(bare) as former, _daemon(bare) as later, _daemon(bare) as stranger:
        assert _ask(former, {"op": "hello", "id": 1})["incarnation"] == INCARNATION
        check = {"op": "run", "id": 2, "resource": "db", "action": "check", "agent": "script", "parameters": {"script": bare.script}}
        _send(former, check)
        wait_for(lambda: populated(bare.groups.act(DB)), 5, "the check is in flight")
        assert _ask(later, {"op": "hello", "id": 1})["running"] == []
        assert not populated(bare.groups.act(DB))
        assert "error" in _ask(stranger, {"op": "kill", "id": 3, "resource": "db"})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not a line of JSON"),
        (b"[]", "not an object"),
        (b'{"op":"fly"}', "op is 'fly'"),
        (b'{"op":"run","resource":"..","action":"check","agent":"script"}', "is no name"),
        (b'{"op":"run","resource":"db","action":"jump","agent":"script"}', "action is 'jump'"),
        (b'{"op":"run","resource":"db","action":"check","agent":"script","timeout_s":0}', "timeout_s is 0"),
        (b'{"op":"run","resource":"db","action":"check","agent":"script","parameters":{"script":1}}', "parameters is"),
    ],
)
def test_a_malformed_line_is_answered_with_what_is_wrong(bare: RealRig, line: bytes, says: str) -> None:
    """And the connection stays open."""
    with _daemon(bare) as daemon:
        _ask(daemon, {"op": "hello"})
        daemon.sendall(line + b"\n")
        assert says in str(_answer(daemon)["error"])
        assert _ask(daemon, {"op": "empty", "resource": "db", "id": 5}) == {"id": 5, "empty": True}


def test_its_pid_file_names_it_beyond_doubt(bare: RealRig) -> None:
    """PID and start time: a reused pid is never killed."""
    assert bare.process
    pid, started = (bare.run_dir / "understudy-exec.pid").read_text().split()
    assert int(pid) == bare.process.pid
    assert started == Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]


def test_a_second_executor_is_refused(bare: RealRig) -> None:
    """Two would kill each other's actions."""
    first = bare.process
    assert first
    second = subprocess.run(
        [sys.executable, "-m", "understudy.executor.main", "--config", str(bare.config)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert second.returncode == 1
    assert second.stderr == f"understudy-exec: another understudy-exec runs in {bare.run_dir}\n"
    assert first.poll() is None


def _daemon(rig: RealRig) -> socket.socket:
    daemon = socket.socket(socket.AF_UNIX)
    daemon.settimeout(10)
    daemon.connect(str(rig.run_dir / "exec.sock"))
    return daemon


def _send(daemon: socket.socket, message: dict[str, object]) -> None:
    daemon.sendall(json.dumps(message).encode() + b"\n")


def _answer(daemon: socket.socket) -> dict[str, object]:
    received = b""
    end = time.monotonic() + 10
    while not received.endswith(b"\n"):
        assert time.monotonic() < end
        received += daemon.recv(65536)
    answer = json.loads(received)
    assert isinstance(answer, dict)
    return answer


def _ask(daemon: socket.socket, message: dict[str, object]) -> dict[str, object]:
    _send(daemon, message)
    return _answer(daemon)
