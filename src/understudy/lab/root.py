"""The root file system of a host at power-on: its disk over the image, fresh /run, /tmp and /dev, the project
read-only unless the host is to be an empty one.

Called by `hosts.py` in the process that becomes the host's first one, inside its own mount namespace; never called on
the machine itself.
"""

import os
import stat
from pathlib import Path

from understudy.lab import SYSTEMD, kernel, storage
from understudy.lab.places import Places, project_root
from understudy.lab.plan import Host

_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "fuse": (10, 229),
    "net/tun": (10, 200),
}
_DEVICE_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_PLAIN = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC


def mount_root(places: Places, of: Host, image: Path) -> Path:
    """Put the host's root together; returns where."""
    host = of.name
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    root = places.host(host) / "root"
    options = f"lowerdir={image},upperdir={places.disk(host)},workdir={places.host(host) / 'work'}"
    kernel.mount(f"disk-of-{host}", str(root), "overlay", options=options)
    kernel.mount("proc", f"{root}/proc", "proc", _PLAIN)
    if of.init == SYSTEMD:
        _protect_kernel(f"{root}/proc")
    kernel.mount("sysfs", f"{root}/sys", "sysfs", _PLAIN | (kernel.MS_RDONLY if of.init == SYSTEMD else 0))
    # With the control group namespace, the host sees its own group as the root of the tree.
    kernel.mount("cgroup2", f"{root}/sys/fs/cgroup", "cgroup2", _PLAIN)
    kernel.mount("run", f"{root}/run", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    kernel.mount("tmp", f"{root}/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    os.mkdir(f"{root}/run/lock")
    os.chmod(f"{root}/run/lock", 0o1777)
    _mount_devices(root / "dev")
    for part in () if of.empty else ("src", "bin"):
        kernel.bind(str(project_root() / part), f"{root}/opt/understudy/{part}", read_only=True)
    for export in storage.EXPORTS:
        target = f"{root}{storage.IN_HOST}/{export}"
        os.makedirs(target, exist_ok=True)
        kernel.bind(str(places.shares / export), target)
    return root


def enter_root(root: Path, of: Host) -> None:
    """Make it the root of this process; the machine's own file systems are out of reach afterwards."""
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".")
    os.chdir("/")
    if of.init == SYSTEMD:  # as systemd has it on a server: what is unmounted goes away for services with a tree of their own, too
        kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_SHARED)


def _protect_kernel(proc: str) -> None:
    """What systemd writes for a whole machine stays out of its reach; settings of networks are the host's own."""
    kernel.bind(f"{proc}/sys", f"{proc}/sys")
    kernel.bind(f"{proc}/sys/net", f"{proc}/sys/net")
    kernel.mount("none", f"{proc}/sys", flags=_PLAIN | kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY)
    if os.path.exists(f"{proc}/sysrq-trigger"):
        kernel.bind(f"{proc}/sysrq-trigger", f"{proc}/sysrq-trigger", read_only=True)


def _mount_devices(devices: Path) -> None:
    kernel.mount("dev", str(devices), "tmpfs", kernel.MS_NOSUID, "mode=755")
    os.makedirs(devices / "net")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(devices / name, 0o666)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, devices / name)
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(devices / name)
    kernel.mount("devpts", str(devices / "pts"), "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    kernel.mount("shm", str(devices / "shm"), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    kernel.mount("mqueue", str(devices / "mqueue"), "mqueue", _PLAIN)
