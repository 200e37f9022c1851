"""A file server and its client, each with a Linux of its own (user-mode Linux, as Debian has it): NFS as kernels speak it.

Nothing of it is needed from this machine's kernel, and a power loss of either is the end of its process: what its memory had is lost, what
its disk had stays. Both have the files of one Debian root, through which they get their orders; what they say comes over their consoles.
"""

import itertools
import re
import shutil
import subprocess
import threading
from collections import deque
from pathlib import Path

from debianroot import PLAIN, DebianRoot
from support import wait_for
from understudy.lab.places import project_root

PACKAGES = ("e2fsprogs", "kmod", "nfs-kernel-server", "user-mode-linux")
NAS, CLIENT = "nas", "ctr1"
ADDRESSES = {NAS: "10.9.0.1", CLIENT: "10.9.0.2"}
DISK = "/srv/disk"
"""Where each has its own disk."""
_UP_S, _DONE_S = 180.0, 900.0
_BOOT = f"""#!/bin/sh
# The first process of a machine: `machine` and `address` come from the command line of its kernel.
mount -t proc proc /proc
mount -t sysfs sys /sys
for folder in /run /tmp /var/lib/nfs; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/rpc_pipefs /var/lib/nfs/rpc_pipefs /var/lib/nfs/v4recovery
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
hostname $machine
ip link set lo up
ip addr add $address/24 dev vec0
ip link set vec0 up
modprobe -a nfs nfsv4 nfsd
mount -t ext4 /dev/ubda {DISK}
echo "$machine is up"
while :; do
    for order in /orders/$machine/*.sh; do
        [ -e "$order" ] || continue
        number=$(basename "$order" .sh)
        mv "$order" /run/$number
        {{ sh -e /run/$number 2>&1; echo "status $?"; }} </dev/null | sed -u "s/^/order $number: /" &
    done
    sleep 0.1
done
"""
_NETWORK = f"""
mkdir -p /dev/net /lib/modules {DISK}
mknod -m 666 /dev/net/tun c 10 200
chmod 1777 /dev/shm
ln -sfn /usr/lib/uml/modules/* /lib/modules/
depmod -a "$(ls /lib/modules)"
ip link add lan type bridge
ip link set lan up
"""
_MACHINE = """
ip tuntap add NAME mode tap
ip link set NAME master lan up
mkdir -p /orders/NAME
truncate -s 300M /disk-NAME
mkfs.ext4 -q /disk-NAME
"""
_SERVE = f"""
mkdir -p {DISK}/FOLDER
mount -t nfsd nfsd /proc/fs/nfsd
echo 10 >/proc/fs/nfsd/nfsv4gracetime
exportfs -o rw,sync,fsid=0,no_subtree_check,OPTIONS '*:{DISK}'
rpc.mountd --no-nfs-version 3
rpc.nfsd --no-nfs-version 3 4
"""


class MachineOrder:
    """Some lines of shell that a machine was given."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.status: int | None = None

    @property
    def text(self) -> str:
        """What it has said so far."""
        return "\n".join(self.said)


class NfsMachine:
    """One of the two."""

    def __init__(self, root: "NfsLan", name: str) -> None:
        self.name = name
        self._root = root
        self._orders: dict[str, MachineOrder] = {}
        self._console: deque[str] = deque(maxlen=60)
        self._process: subprocess.Popen[str] | None = None
        self._listener = threading.Thread()
        self._up = threading.Event()

    def boot(self) -> None:
        """Its power is switched on; returns when it takes orders."""
        self._up.clear()
        address = ADDRESSES[self.name]
        words = [f"umid={self.name}", "mem=128M", f"ubda=/disk-{self.name}", "rootfstype=hostfs", "rw", "init=/boot.sh", "con=null"]
        words += ["con0=null,fd:1", f"vec0:transport=tap,ifname={self.name},mac=02:00:00:00:00:0{address[-1]}"]
        self._process = self._root.started("linux.uml", *words, f"machine={self.name}", f"address={address}")
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()
        wait_for(self._up.is_set, _UP_S, f"{self.name} is up; it said {list(self._console)}")

    def lose_power(self) -> None:
        """At once."""
        if self._process is not None:
            self._root.run("pkill", "-KILL", "-f", f"umid={self.name}", check=False)  # in the root's own table of processes
            self._process.wait(30)
            self._listener.join(30)
        self._process = None
        self._orders.clear()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as console:
            for line in console:
                self._console.append(line.rstrip())
                if line.startswith(f"{self.name} is up"):
                    self._up.set()
                if (found := re.match(r"order (\d+): (.*)", line.rstrip())) and (order := self._orders.get(found[1])):
                    if status := re.fullmatch(r"status (\d+)", found[2]):
                        order.status = int(status[1])
                    else:
                        order.said.append(found[2])

    def begin(self, script: str) -> MachineOrder:
        """It goes on by itself."""
        number = self._root.number()
        self._orders[number] = order = MachineOrder()
        at = f"/orders/{self.name}/{number}"
        self._root.write(at, script)
        self._root.run("mv", at, f"{at}.sh")
        return order

    def does(self, script: str, status: int = 0) -> str:
        """What it says until it ends, with this status."""
        order = self.begin(script)
        wait_for(lambda: order.status is not None, _DONE_S, f"{self.name}: {script}: an end")
        assert order.status == status, f"{self.name}: {script}: status {order.status}: {order.text}"
        return order.text


class NfsLan(DebianRoot):
    """Both, on a network of their own, with this project installed; a context. Neither is switched on."""

    def __init__(self) -> None:
        super().__init__(PLAIN, PACKAGES)
        self._numbers = itertools.count(1)
        self.nas, self.client = NfsMachine(self, NAS), NfsMachine(self, CLIENT)

    def __enter__(self) -> "NfsLan":
        super().__enter__()
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *of_the_error: object) -> None:
        for machine in (self.client, self.nas):
            machine.lose_power()
        super().__exit__(*of_the_error)

    def _prepare(self) -> None:
        self.write("/boot.sh", _BOOT, 0o755)
        self.shell(_NETWORK)
        for name in ADDRESSES:
            self.shell(_MACHINE.replace("NAME", name))
        for part in ("src", "bin"):
            ours = Path(f"/proc/{self._inside}/root/opt/understudy/{part}")
            shutil.copytree(project_root() / part, ours, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)

    def number(self) -> str:
        """Of an order."""
        return str(next(self._numbers))

    def started(self, *argv: str) -> "subprocess.Popen[str]":
        """A process in it, whose output is read."""
        enter = ["nsenter", "--target", str(self._inside), "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        return subprocess.Popen(
            [*enter, "TMPDIR=/dev/shm", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def serve(self, folder: str, options: str = "no_root_squash") -> None:
        """The file server exports its disk, with this directory on it."""
        self.nas.does(_SERVE.replace("FOLDER", folder).replace("OPTIONS", options))
