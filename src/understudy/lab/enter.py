"""Runs one command inside a lab host: in its namespaces and its control group; standard library only.

Started as `python -IS enter.py ORDER COMMAND...` by `lab.py` with the order as JSON: pid of the host's first process,
its control group, the directory to start in, additions to the environment. Input, output, terminal and exit status are
the command's; signals sent to this process reach it, and it dies with this process. The command alone is inside: when
the host is frozen, the command is, and this process still obeys.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import json
from typing import NoReturn

from understudy.lab import kernel

_FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH}
_SENT_BY_KERNEL = 0x80
_NAMESPACES = {
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
    "net": kernel.CLONE_NEWNET,
    "cgroup": kernel.CLONE_NEWCGROUP,
    "mnt": kernel.CLONE_NEWNS,
}
_GONE = 255


def main(order_text: str, command: list[str]) -> int:
    """Run the command; its exit status, or 128 and the signal that ended it."""
    order = json.loads(order_text)
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    try:
        doors = {name: os.open(f"/proc/{order['pid']}/ns/{name}", os.O_RDONLY) for name in (*_NAMESPACES, "pid")}
        doors["root"] = os.open(f"/proc/{order['pid']}/root", os.O_RDONLY | os.O_DIRECTORY)
        kernel.setns(doors["pid"], kernel.CLONE_NEWPID)
    except OSError:
        print(f"{order['host']} has just lost its power", file=sys.stderr)
        return _GONE
    child = os.fork()
    if child == 0:
        _become_command(order, doors, command)
    return _wait(child)


def _wait(child: int) -> int:
    while True:
        info = signal.sigwaitinfo({*_FORWARDED, signal.SIGCHLD})
        if info.si_signo != signal.SIGCHLD:
            # What the terminal sends, it sends to the command as well.
            if info.si_code != _SENT_BY_KERNEL:
                os.kill(child, info.si_signo)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _become_command(order: dict[str, str], doors: dict[str, int], command: list[str]) -> NoReturn:
    try:
        kernel.die_with_parent(signal.SIGKILL)
        with open(f"{order['group']}/cgroup.procs", "w") as group:
            group.write("0")
        for name, kind in _NAMESPACES.items():
            kernel.setns(doors[name], kind)
        # the root of a mount namespace is the machine's own where the lab was started in a chroot: take the host's
        os.fchdir(doors["root"])
        os.chroot(".")
        os.chdir(order["directory"])
    except OSError as error:
        print(f"{order['host']} cannot be entered: {error.strerror}", file=sys.stderr)
        os._exit(_GONE)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_FORWARDED, signal.SIGCHLD})
    environment = json.loads(order["environment"])
    os.environ.clear()
    os.environ.update(environment)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(126 if isinstance(error, PermissionError) else 127)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
