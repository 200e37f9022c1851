"""Running one command in a resource's control group, to its end or its deadline.

Owns the way in (a tiny shell that enters the group before it becomes the command, so that nothing ever runs outside) and the way out
(the kill ladder). The runner calls it for agents that run commands. Must never hang: a process that survives SIGKILL (waiting on dead
storage) is reported and left to the kernel. Never reads a pipe: see `capture`.
"""

import asyncio
import functools
import os
import pwd
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from understudy.agents.aside import aside
from understudy.agents.contract import Ended
from understudy.agents.groups import Groups, kill_and_see
from understudy.agents.scriptfile import PATH, Owner
from understudy.executor.capture import Capture
from understudy.executor.children import Child, Children
from understudy.executor.scriptlooks import ScriptLooks
from understudy.guard.strays import MARK, NAME
from understudy.linux.cgroups import populated, processes
from understudy.model.actions import passable
from understudy.ports import ActionRequest

SURVIVOR_S = 0.5
"""How long what was killed may take to be gone before it is called a survivor."""
ABORT_S = 5.0
"""How long an abort entry point may talk to the action that overran."""
MOST_SURVIVORS = 4
"""Of a resource's actions that hang in the kernel: no further one is begun beside them, or dead storage would fill the process table."""
_ACCOUNT_S, _ACCOUNT_KEPT_S = 2.0, 60.0
_NOT_BEGUN = 125
_NO_GROUP, _NO_SCRIPT = "understudy: not begun: ", "understudy: no script: "
_SHELL = "understudy-begin"
"""The name under which the shell complains that it cannot become the script: no script's own complaint begins so."""
_NO_PROCESS = re.compile(r"[Cc]annot fork|fork: .*(temporarily unavailable|Cannot allocate memory)")
"""What shells say last when they cannot begin what a check calls: its status is theirs, and tells nothing of the service."""
_UNSURE = (2, 126, 127)
"""Statuses of shells, env and interpreters that could not do with the script's first line; and of scripts."""

# $1 the group, $2 our process id, or empty, $3 how many files a service may open unless it asks for more. The parent is looked at after the
# group was entered: the guard kills the executor before it empties the groups, so a shell that enters an emptied group finds itself an
# orphan and ends, and nothing starts after a lapse. A check starts nothing and is spared this (0.1 ms). All in words of the shell that need
# no second process.
_ENTER = f"""\
{{ echo 0 >"$1/cgroup.procs"; }} 2>/dev/null || {{ echo "{_NO_GROUP}cannot enter the control group $1"; exit {_NOT_BEGUN}; }}
[ -z "$2" ] || {{
    read -r _ _ _ parent _ </proc/$$/stat
    [ "$parent" = "$2" ] || {{ echo "{_NO_GROUP}the executor has ended"; exit {_NOT_BEGUN}; }}
}}
{{ echo 0 >/proc/self/oom_score_adj; }} 2>/dev/null
ulimit -S -n "$3" 2>/dev/null
shift 3
"""
# The script is looked at here, as the user it runs as: its storage may hang, and then only this process hangs with it.
_BEGIN = f"""\
[ -e "$1" ] || {{ echo "{_NO_SCRIPT}$1 does not exist on this server, or $USER may not reach it"; exit {_NOT_BEGUN}; }}
[ -f "$1" ] || {{ echo "{_NO_SCRIPT}$1 is no file"; exit {_NOT_BEGUN}; }}
[ -s "$1" ] || {{ echo "{_NO_SCRIPT}$1 is empty, and would answer 0 to every action"; exit {_NOT_BEGUN}; }}
[ -x "$1" ] || {{ echo "{_NO_SCRIPT}$1 is not executable for $USER: chmod +x $1"; exit {_NOT_BEGUN}; }}
exec "$@"
"""
# The same of a file of variables, one NAME=value a line: it is read, and nothing in it is run.
_READ = f"""\
[ -f "$1" ] && [ -r "$1" ] || {{ echo "{_NO_SCRIPT}$1 (ENVIRONMENT_FILE) is not there, or $USER may not read it"; exit {_NOT_BEGUN}; }}
while IFS= read -r line || [ -n "$line" ]; do
    case "${{line%%=*}}" in
        "" | *[!A-Za-z0-9_]* | [0-9]* | _CRS_*) ;;
        "$line") ;;
        *) export "$line" ;;
    esac
done <"$1"
shift
"""


class UserAccount(NamedTuple):
    """Who a command runs as. No `struct_passwd` is kept: Python 3.11 writes a SystemError to standard error when it ends with one."""

    uid: int
    gid: int
    home: str


async def run_command(
    request: ActionRequest,
    argv: Sequence[str],
    *,
    groups: Groups,
    children: Children,
    looks: ScriptLooks,
    capture: Capture,
    halted: asyncio.Future[None],
    abort: Callable[[], Awaitable[object]] | None = None,
    begun: Callable[[int], None] = lambda _: None,
) -> Ended:
    """Run it; `halted` ends it early, `abort` is called first when it overran, `begun` with the session of a start.

    OSError: no process, group or file was to be had.
    """
    if (crowd := _crowd(request, groups)) is not None:
        return crowd
    account = await _account(request.user)
    if account is None:
        return Ended(status=None, unanswered="no-script", text=f"there is no user {request.user} on this server, as whom it would run\n")
    if (unsafe := await _unsafe(argv[0], request, account, looks)) is not None:
        return unsafe
    groups.make(request.resource)
    starting = request.action == "start"
    running_before = starting and populated(groups.run(request.resource))
    entered = groups.run(request.resource) if starting else groups.act(request.resource)
    parent = "" if request.action == "check" else str(os.getpid())
    words = _words(request, account, (entered, parent, str(children.files)), argv)
    child = children.spawn(words, environment=_environment(request, groups, account), output=capture.fd)
    if starting:
        begun(child.pid)
    either: set[asyncio.Future[Any]] = {child.ended, halted}
    await asyncio.wait(either, timeout=request.timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if child.ended.done():
        code = child.ended.result()
        why = await looks.why_not_run(argv[0]) if code in _UNSURE else ""
        return _answer(code, capture.text(), request, why_not_run=why)
    overran = not halted.done()
    if overran and abort:
        await abort()
    killed = await _end(request, child, groups, spare_service=running_before and not overran)
    done, _ = await asyncio.wait({child.ended}, timeout=SURVIVOR_S)
    return Ended(status=None, text=capture.text(), unanswered="overran" if overran else "halted", killed=killed and bool(done))


def _called(request: ActionRequest) -> str:
    """What is run, to people."""
    return request.parameters.get("called", "action script")


async def _unsafe(path: str, request: ActionRequest, account: UserAccount, looks: ScriptLooks) -> Ended | None:
    """If others could choose what runs as this user."""
    changeable = await looks.who_may_change(path, Owner(account.uid, account.gid))
    text = f"the {_called(request)} is not run as {request.user}, because others may change it: {changeable}\n"
    return Ended(status=None, unanswered="no-script", text=text) if changeable else None


def _crowd(request: ActionRequest, groups: Groups) -> Ended | None:
    """What hangs in the kernel of actions before this one, if it is too much to begin another beside it."""
    if request.action in ("start", "abort") or not populated(groups.act(request.resource)):
        return None
    left = len(processes(groups.act(request.resource)))
    if left < MOST_SURVIVORS:
        return None
    text = f"{left} processes of its actions before hang in the kernel and wait for storage that does not answer\n"
    return Ended(status=None, unanswered="overran", text=text)


def _answer(code: int, text: str, request: ActionRequest, *, why_not_run: str) -> Ended:
    """An end by a signal is an answer of an action that changes something: it failed, as in a shell. A check that died gave no answer."""
    check, called = request.action == "check", _called(request)
    *_, last = text.rstrip("\n").split("\n")
    if code < 0:
        text = f"{text}ended by signal {-code} ({signal.strsignal(-code)})\n"
        return Ended(status=None, unanswered="signal", text=text) if check else Ended(status=128 - code, text=text)
    if code == _NOT_BEGUN and last.startswith(_NO_GROUP):
        return Ended(status=None, unanswered="not-begun", text=last.removeprefix(_NO_GROUP) + "\n")
    if code == _NOT_BEGUN and last.startswith(_NO_SCRIPT):
        return Ended(status=None, unanswered="no-script", text=f"{called} {last.removeprefix(_NO_SCRIPT)}\n")
    if (check and code and _NO_PROCESS.search(last)) or (code in (126, 127) and last.startswith("setpriv: ")):
        why = "no process could be created for it, or for what it calls: look for what creates so many (ulimit -u of its user, pids.max)"
        return Ended(status=None, unanswered="not-begun", text=f"{text}{why}\n")
    if why_not_run:
        return Ended(status=None, unanswered="no-script", text=f"the {called} cannot be executed: {why_not_run}\n")
    if code in (126, 127) and last.startswith(f"{_SHELL}: "):
        why = f"the {called} cannot be executed ({last.rpartition(': ')[2]}): look at its first line"
        return Ended(status=None, unanswered="no-script", text=f"{why}, which names what should read it, and at its line ends\n")
    return Ended(status=code, text=text)


async def _end(request: ActionRequest, child: Child, groups: Groups, *, spare_service: bool) -> bool:
    """Kill what belongs to the action. A start that overran takes the whole group with it: nobody can tell its parts from the service's."""
    if request.action == "abort" or spare_service:
        child.kill(session=True)  # the action that it was to abort, or the service, goes on
        return True
    child.kill()  # by itself first: it may not have entered the group yet
    path = groups.group(request.resource) if request.action == "start" else groups.act(request.resource)
    return await kill_and_see(path, SURVIVOR_S)


def _words(request: ActionRequest, account: UserAccount, place: Sequence[str], argv: Sequence[str]) -> Sequence[str]:
    """The command: enter the group as root, become the user, read the file of variables if there is one, look at the script, and become
    it."""
    user, variables = request.user, request.parameters.get("ENVIRONMENT_FILE", "")
    begin, argv = (_READ + _BEGIN, (variables, *argv)) if variables else (_BEGIN, argv)
    if user == "root":
        return ("/bin/sh", "-c", _ENTER + begin, _SHELL, *place, *argv)
    become = ("setpriv", "--reuid", user, "--regid", str(account.gid), "--init-groups", "--")
    return ("/bin/sh", "-c", _ENTER + 'exec "$@"', _SHELL, *place, *become, "/bin/sh", "-c", begin, _SHELL, *argv)


def _environment(request: ActionRequest, groups: Groups, account: UserAccount) -> Mapping[str, str]:
    basics = {
        MARK: groups.parent,
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        "HOME": account.home,
        "USER": request.user,
        NAME: str(request.resource),
        "_CRS_EPOCH": str(request.epoch),
        "_CRS_ACTIVITY": request.activity,
        "_CRS_ACTION_SCRIPT": request.parameters.get("script", ""),
    }
    return {**basics, **passable(request.environment), MARK: groups.parent}


_ROOT = UserAccount(0, 0, "/root")
_accounts: dict[str, tuple[float, UserAccount]] = {}


async def _account(user: str) -> UserAccount | None:
    """The user, or None: there is none. Kept for a minute, as a look costs as much as a fork and may ask a server. OSError: no answer."""
    if user == "root":
        return _ROOT
    now = time.monotonic()
    kept = _accounts.get(user)
    if kept is not None and now - kept[0] < _ACCOUNT_KEPT_S:
        return kept[1]
    try:
        found = await aside(functools.partial(pwd.getpwnam, user), within_s=_ACCOUNT_S)
    except KeyError:
        return None
    except TimeoutError:
        if kept is not None:
            return kept[1]  # as last seen: better than not to act
        raise OSError(f"user {user} could not be looked up within {_ACCOUNT_S:g} s") from None
    account = UserAccount(found.pw_uid, found.pw_gid, found.pw_dir)
    _accounts[user] = now, account
    return account
