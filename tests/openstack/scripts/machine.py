"""A machine on which action scripts are called by hand: a Debian of its own with the guide's addresses, and the scripts where a cluster
has them. Who calls them is no cluster: what they do by themselves is to be seen.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from debianroot import PLAIN, DebianRoot
from understudy.lab import storage
from understudy.lab.places import project_root

SCRIPTS = project_root() / "src/understudy/openstack/scripts"
HOME = "/opt/openstack-ha"
ADDRESSES = tuple(f"10.10.10.{number}" for number in range(11, 19))
UNANSWERED = -9
"""The status of a check that left without one."""


@dataclass(frozen=True, slots=True)
class Called:
    """What became of one action."""

    status: int
    said: str


class ScriptedMachine(DebianRoot):
    """One of them; a context."""

    def __init__(self, packages: Sequence[str] = (), first_process: str = PLAIN) -> None:
        super().__init__(first_process, packages)

    def __enter__(self) -> "ScriptedMachine":
        super().__enter__()
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _prepare(self) -> None:
        adds = "\n".join(f"ip addr add {address}/24 dev lo" for address in ADDRESSES)
        self.shell(f"{adds}\nhostname ctr1\nprintf '127.0.0.1 localhost ctr1\\n10.10.10.12 rabbitvip\\n' >/etc/hosts")
        self.shell("mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; chmod 1777 /tmp /dev/shm; mkdir -p /run/lock")
        self.write(storage.MOUNT_HELPER, storage.MOUNT_HELPER_TEXT, 0o755)
        self.shell(f"mkdir -p {storage.IN_HOST}/cinder_data")
        shutil.copytree(SCRIPTS, Path(f"/proc/{self._inside}/root{HOME}"), ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def network(self) -> Path:
        """Its network namespace."""
        return Path(f"/proc/{self._inside}/ns/net")

    @property
    def namespaces(self) -> str:
        """Where this test finds the machine's named network namespaces."""
        return f"/proc/{self._inside}/root/run/netns"

    def settings(self, **settings: str) -> None:
        """What /etc/openstack-ha-data.conf says."""
        self.write("/etc/openstack-ha-data.conf", "".join(f"{name}='{value}'\n" for name, value in settings.items()))

    def call(self, script: str, action: str, within_s: float = 450, **environment: str) -> Called:
        """One action of one script, as a cluster calls it: a clean environment, no input."""
        pairs = [f"{name}={value}" for name, value in {"_CRS_START_TIMEOUT": "400", **environment}.items()]
        # into a file: what a daemon inherits stays open
        line = 'out=$(mktemp); "$@" >$out 2>&1 </dev/null; status=$?; cat $out; rm $out; exit $status'
        done = self.tried("bash", "-c", line, "bash", "env", *pairs, f"{HOME}/{script}.scr", action, within_s=within_s)
        status = done.returncode - 128 if done.returncode > 128 else done.returncode
        return Called(-status if done.returncode > 128 else status, done.stdout)

    def does(self, script: str, action: str, **environment: str) -> str:
        """The same; it must succeed. What it said."""
        called = self.call(script, action, 450, **environment)
        assert called.status == 0, f"{script} {action}: status {called.status}: {called.said}"
        return called.said
