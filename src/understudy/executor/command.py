"""Running one command in a resource's control group, to its end or its deadline.

Owns the way in (a tiny shell that enters the group before it becomes the command, so that nothing ever runs outside) and the way out
(the kill ladder). The runner calls it for agents that run commands. Must never hang: a process that survives SIGKILL (waiting on dead
storage) is reported and left to the kernel. Never reads a pipe: see `capture`.
"""

import asyncio
import functools
import os
import pwd
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from understudy.agents.contract import Ended
from understudy.agents.groups import Groups, kill_and_see, populated
from understudy.executor.capture import Capture
from understudy.executor.children import Child, Children
from understudy.ports import ActionRequest

SURVIVOR_S = 0.5
"""How long what was killed may take to be gone before it is called a survivor."""
ABORT_S = 5.0
"""How long an abort entry point may talk to the action that overran."""
_NOT_ENTERED = 125
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# $1 the group, $2 our process id, or empty. The parent is looked at after the group was entered: the guard kills the executor before it
# empties the groups, so a shell that enters an emptied group finds itself an orphan and ends, and nothing starts after a lapse. A check
# starts nothing and is spared this (0.1 ms). All in words of the shell that need no second process.
_ENTER = f"""\
{{ echo 0 >"$1/cgroup.procs"; }} 2>/dev/null || {{ echo "cannot enter the control group $1"; exit {_NOT_ENTERED}; }}
[ -z "$2" ] || {{
    read -r _ _ _ parent _ </proc/$$/stat
    [ "$parent" = "$2" ] || {{ echo "cannot go on: the executor has ended"; exit {_NOT_ENTERED}; }}
}}
{{ echo 0 >/proc/self/oom_score_adj; }} 2>/dev/null
shift 2
exec "$@"
"""


async def run_command(
    request: ActionRequest,
    argv: Sequence[str],
    *,
    groups: Groups,
    children: Children,
    capture: Capture,
    halted: asyncio.Future[None],
    abort: Callable[[], Awaitable[object]] | None = None,
) -> Ended:
    """Run it; `halted` ends it early, `abort` is called first when it overran. OSError: it could not be started."""
    groups.make(request.resource)
    starting = request.action == "start"
    running_before = starting and populated(groups.run(request.resource))
    entered = groups.run(request.resource) if starting else groups.act(request.resource)
    parent = "" if request.action == "check" else str(os.getpid())
    words = ("/bin/sh", "-c", _ENTER, "sh", entered, parent, *_as_user(request.user, argv))
    child = children.spawn(words, environment=_environment(request), output=capture.fd)
    either: set[asyncio.Future[Any]] = {child.ended, halted}
    await asyncio.wait(either, timeout=request.timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if child.ended.done():
        return _answer(child.ended.result(), capture, told=request.action != "check")
    overran = not halted.done()
    if overran and abort:
        await abort()
    killed = await _end(request, child, groups, spare_service=running_before and not overran)
    done, _ = await asyncio.wait({child.ended}, timeout=SURVIVOR_S)
    return Ended(status=None, text=capture.text(), timed_out=overran, killed=killed and bool(done))


def _answer(code: int, capture: Capture, *, told: bool) -> Ended:
    """`told`: an end by a signal is an answer, and says that the action failed (as in a shell). A check that died has told nothing."""
    text = capture.text()
    if code < 0:
        return Ended(status=128 - code if told else None, text=f"{text}ended by signal {-code} ({signal.strsignal(-code)})\n")
    if code == _NOT_ENTERED and text.startswith("cannot "):
        return Ended(status=None, text=text)
    return Ended(status=code, text=text)


async def _end(request: ActionRequest, child: Child, groups: Groups, *, spare_service: bool) -> bool:
    """Kill what belongs to the action. A start that overran takes the whole group with it: nobody can tell its parts from the service's."""
    if request.action == "abort" or spare_service:
        child.kill(session=True)  # the action that it was to abort, or the service, lives on
        return True
    child.kill()  # by itself first: it may not have entered the group yet
    path = groups.group(request.resource) if request.action == "start" else groups.act(request.resource)
    return await kill_and_see(path, SURVIVOR_S)


def _as_user(user: str, argv: Sequence[str]) -> Sequence[str]:
    """Become this user inside the shell's child: the group must be entered as root."""
    if user == "root":
        return argv
    try:
        group = _account(user).pw_gid
    except KeyError:
        raise OSError(f"there is no user {user} on this server") from None
    return ("setpriv", "--reuid", user, "--regid", str(group), "--init-groups", "--", *argv)


def _environment(request: ActionRequest) -> Mapping[str, str]:
    basics = {
        "PATH": _PATH,
        "LC_ALL": "C.UTF-8",
        "HOME": _home(request.user),
        "USER": request.user,
        "_CRS_NAME": str(request.resource),
        "_CRS_EPOCH": str(request.epoch),
        "_CRS_ACTION_SCRIPT": request.parameters.get("script", ""),
    }
    # what cannot be passed at all must not fail the action: a NUL or "=" in a name, a NUL in a value
    given = {name: value for name, value in request.environment.items() if "=" not in name and "\0" not in name + value}
    return {**basics, **given}


def _home(user: str) -> str:
    try:
        return _account(user).pw_dir
    except KeyError:
        return "/"


@functools.cache
def _account(user: str) -> pwd.struct_passwd:
    """Kept: a look into /etc/passwd costs as much as a fork. One that is not there (KeyError) is looked for again."""
    return pwd.getpwnam(user)
