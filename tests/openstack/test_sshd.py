"""A server that is reached by ssh, with Debian's OpenSSH at both ends: the contract of all ways, and what is said when it fails."""

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from debianroot import PLAIN, DebianRoot
from executor.rig import have_root
from openstack import test_ground
from openstack.test_ground import WayThere
from support import wait_for
from understudy.openstack.core.states import Absent, FileState
from understudy.openstack.ground import NotDone, NotReached, Worker, by_ssh

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not have_root(), reason="needs root"),
]
TARGET = "root@127.0.0.1"
KEY = "/etc/keys/openstack"
KNOWN = "~/.ssh/known_hosts"


class SshMachine(DebianRoot):
    """A host with sshd, and a user's side on it: a key that is not ssh's own choice."""

    def __init__(self) -> None:
        super().__init__(PLAIN, ("openssh-client", "openssh-server"))

    def __enter__(self) -> "SshMachine":
        super().__enter__()
        try:
            self.shell(
                f"mkdir -p /run/sshd ~/.ssh {os.path.dirname(KEY)} && ssh-keygen -q -t ed25519 -N '' -f {KEY}\n"
                f"cp {KEY}.pub ~/.ssh/authorized_keys && chmod 700 ~/.ssh && ip link set lo up\n"
                "ls /etc/ssh/ssh_host_ed25519_key >/dev/null 2>&1 || ssh-keygen -A >/dev/null; /usr/sbin/sshd"
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def root(self) -> Path:
        """Its files, as they are seen from here."""
        return Path(f"/proc/{self._inside}/root")

    def trust(self) -> None:
        """Its key is known."""
        self.shell(f"awk '{{print \"127.0.0.1\", $1, $2}}' /etc/ssh/ssh_host_*_key.pub >{KNOWN}")

    def program(self, folder: Path) -> str:
        """`ssh` of that host, for a process here."""
        path = folder / "ssh"
        enter = f"nsenter --target {self._inside} --all --wd=/root env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin ssh"
        path.write_text(f'#!/bin/sh\nexec {enter} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def reached(self, folder: Path, key: str = KEY, answer_s: float = 30.0) -> Worker:
        return by_ssh("ctr2", TARGET, key, program=self.program(folder), answer_s=answer_s)


@pytest.fixture(scope="module")
def machine() -> Iterator[SshMachine]:
    with SshMachine() as made:
        yield made


@pytest.fixture
def way(machine: SshMachine, tmp_path: Path) -> Iterator[WayThere]:
    """An empty root of the contract's, on that host."""
    machine.trust()
    machine.shell("rm -rf /srv/x && mkdir -p /srv/x/etc")
    worker = machine.reached(tmp_path)
    yield WayThere(worker, machine.root / "srv/x", "/srv/x")
    worker.close()


test_a_file_is_made_changed_and_removed = test_ground.test_a_file_is_made_changed_and_removed
test_what_somebody_else_has_changed_meanwhile_stays = test_ground.test_what_somebody_else_has_changed_meanwhile_stays
test_a_file_that_a_crash_left_beside_is_no_obstacle = test_ground.test_a_file_that_a_crash_left_beside_is_no_obstacle
test_links_devices_and_what_is_too_large_are_not_touched = test_ground.test_links_devices_and_what_is_too_large_are_not_touched
test_a_directory_needs_one_above_it = test_ground.test_a_directory_needs_one_above_it
test_keys_are_the_same_set_afterwards = test_ground.test_keys_are_the_same_set_afterwards
test_a_path_that_is_none_is_refused = test_ground.test_a_path_that_is_none_is_refused
test_a_user_that_is_not_there_is_named = test_ground.test_a_user_that_is_not_there_is_named


def test_a_host_key_that_is_not_known_is_refused(machine: SshMachine, tmp_path: Path) -> None:
    """Nobody is asked, nothing is sent, and what to do is said; the same for one that has changed."""
    said = rf"Host key verification failed\.; its key is not known here, or has changed: ssh {TARGET} once by hand"
    for known in ("", "127.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDuGSQ2ncbMIYwmu2rvHBIRZ4nX7G+a8mxyWiIcE0sNT\n"):
        machine.write(KNOWN, known)
        worker = machine.reached(tmp_path)
        with pytest.raises(NotReached, match=said):
            worker.look([("/etc/x", False)])
        worker.close()


def test_a_key_that_is_not_accepted_is_named(machine: SshMachine, tmp_path: Path) -> None:
    """No password is asked for."""
    machine.trust()
    machine.shell(f"rm -f {KEY}.other && ssh-keygen -q -t ed25519 -N '' -f {KEY}.other")
    worker = machine.reached(tmp_path, f"{KEY}.other")
    with pytest.raises(NotReached, match=r"Permission denied.*; no key that it accepts: ssh-copy-id .*\[servers.ctr2\] ssh_key"):
        worker.look([("/etc/x", False)])
    worker.close()


def test_a_shell_that_greets_is_no_answer(machine: SshMachine, way: WayThere) -> None:
    """What it says at its beginning is passed over."""
    machine.shell("cp ~/.bashrc ~/bashrc.kept 2>/dev/null; printf 'echo welcome\\necho to this server\\n' >~/.bashrc")
    try:
        assert way.look("/etc/x") == Absent()
    finally:
        machine.shell("rm ~/.bashrc; mv ~/bashrc.kept ~/.bashrc 2>/dev/null || :")


def test_a_server_that_hangs_in_the_middle_is_given_up(machine: SshMachine, tmp_path: Path) -> None:
    """While a file is being written: within the time for an answer; the file is the old one or the new one, and the same change goes on."""
    machine.trust()
    machine.shell("rm -rf /srv/x && mkdir -p /srv/x/etc")
    worker = machine.reached(tmp_path, answer_s=3.0)
    new = FileState(owned=test_ground.mine(WayThere(worker, machine.root / "srv/x", "/srv/x"), "0600"), content=b"new")
    hands = hands_in(machine)
    os.kill(hands, signal.SIGSTOP)
    with pytest.raises(NotReached, match="ctr2 cannot be reached: it has not answered for 3 s"):
        worker.put("/srv/x/etc/x", Absent(), new)
    worker.close()
    os.kill(hands, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{hands}").exists(), 10, "it ends")
    assert not (machine.root / "srv/x/etc/x").exists()
    again = machine.reached(tmp_path)
    assert again.put("/srv/x/etc/x", Absent(), new)
    with pytest.raises(NotDone):
        again.put("/srv/x/etc/x", Absent(), FileState(owned=new.owned, content=b"other"))
    again.close()


def hands_in(machine: SshMachine) -> int:
    """The process on the other side, by its number here."""
    inside = machine.run("pgrep", "-f", "python3 -I -c").split()
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _is(path, inside)]
    assert numbers, shlex.join(inside)
    return max(numbers)


def _is(path: Path, inside: list[str]) -> bool:
    try:
        status, command = (path / "status").read_text(), (path / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(numbers) > 1 and numbers[-1] in inside and command[:2] == [b"python3", b"-I"]
