"""The lab hosts' root file system: Debian 12 with what the project's hosts need, made once and cached.

Called by `understudy lab image` and by `Lab.up`. An image is named by the hash of its recipe; it is made beside its
place and renamed when it is whole, under a lock, so that a half-made one is never used and two makers do not collide.
Nothing is installed on the machine. With extra packages (some have a name, as `openstack`) it is another image, with a name of its own.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from understudy.errors import LabError
from understudy.lab import bootstrap
from understudy.lab.places import project_root

Progress = Callable[[str], None]
CACHE = Path("/var/cache/understudy/lab")
_RECIPE = 2
"""Grows when what is done to the image changes in a way that the lists below do not show."""
_PYTHON = "3.11"
PACKAGES = (
    "apt",
    "ca-certificates",
    "curl",
    "etcd-server",
    "init-system-helpers",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "less",
    "libnftables1",
    "mariadb-client",
    "mariadb-server",
    "mount",
    "netcat-openbsd",
    "nftables",
    "openssl",
    "procps",
    "psmisc",
    "python3",
    "python3-pymysql",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
SETS = {
    "openstack": (
        "cinder-api",
        "cinder-backup",
        "cinder-scheduler",
        "cinder-volume",
        "crudini",
        "glance",
        "keystone",
        "memcached",
        "neutron-dhcp-agent",
        "neutron-l3-agent",
        "neutron-metadata-agent",
        "neutron-openvswitch-agent",
        "neutron-plugin-ml2",
        "neutron-server",
        "nova-api",
        "nova-conductor",
        "nova-consoleproxy",
        "nova-novncproxy",
        "nova-scheduler",
        "openvswitch-switch",
        "placement-api",
        "python3-openstackclient",
        "rabbitmq-server",
        "swift-account",
        "swift-container",
        "swift-object",
        "swift-proxy",
    ),
}
"""Packages that a lab may be brought up with, by name. An image of their own: about 6 minutes and 1.9 GB, the first time."""
_LIBRARIES = "opt/understudy/lib"
_PRESET = "etc/systemd/system-preset/00-lab.preset"
_PRESETS = """# A lab host starts what its lab wants, and nothing because its package is installed.
enable remote-fs.target
disable *
"""
_MASKED = (
    "dev-hugepages.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-journald-audit.socket",
    "systemd-sysctl.service",
)
"""Units that would reach for the machine's kernel."""


def path(extra: Sequence[str] = ()) -> Path:
    """Where the image of the present recipe is, or will be; `extra`: Debian packages besides those of every image."""
    requirements = _requirements().read_bytes()
    recipe = repr((_RECIPE, bootstrap.SUITE, bootstrap.OPTIONS, _packages(extra), _PYTHON, _PRESETS, _MASKED)).encode()
    return CACHE / hashlib.sha256(recipe + requirements).hexdigest()[:16]


def ensure(progress: Progress, extra: Sequence[str] = ()) -> Path:
    """The image, made now if it is not there; minutes, the first time."""
    image = path(extra)
    if image.is_dir():
        return image
    CACHE.mkdir(parents=True, exist_ok=True)
    with _lock(progress):
        if not image.is_dir():
            _make(image, _packages(extra), progress)
    return image


def _packages(extra: Sequence[str]) -> tuple[str, ...]:
    return (*PACKAGES, *sorted(set(extra).difference(PACKAGES)))


def _make(image: Path, packages: Sequence[str], progress: Progress) -> None:
    started = time.monotonic()
    beside = image.with_suffix(".building")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    beside.chmod(0o755)
    root = beside / "root"
    try:
        bootstrap.install(beside, root, packages, lambda text: progress(f"lab image: {text}"))
        with _phase("Python packages", progress):
            _install_libraries(root)
        with _phase("bytecode", progress):
            _run(["chroot", str(root), "/usr/bin/python3", "-m", "compileall", "-q", f"/{_LIBRARIES}"])
        _settle_units(root)
        (root / "etc/machine-id").write_text("")
        root.rename(image)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    progress(f"lab image: complete after {time.monotonic() - started:.0f} s, at {image}")


def _install_libraries(root: Path) -> None:
    carried = project_root() / "lib"
    if carried.is_dir():  # installed from the package, which brings them and no pip
        shutil.copytree(carried, root / _LIBRARIES, ignore=shutil.ignore_patterns("__pycache__"))
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(root / _LIBRARIES), "--python-version", _PYTHON, "--only-binary", ":all:"]
    _run([*command, "--require-hashes", "-r", str(_requirements())])


def _settle_units(root: Path) -> None:
    """Which units a host with systemd starts: none of the packages' own, and none that reaches beyond the host."""
    (root / _PRESET).parent.mkdir(parents=True, exist_ok=True)
    (root / _PRESET).write_text(_PRESETS)
    _run(["chroot", str(root), "systemctl", "--quiet", "preset-all"])
    _run(["chroot", str(root), "systemctl", "--quiet", "mask", *_MASKED])


def _requirements() -> Path:
    return project_root() / "requirements/runtime.txt"


@contextmanager
def _phase(name: str, progress: Progress) -> Iterator[None]:
    started = time.monotonic()
    progress(f"lab image: {name} ...")
    yield
    progress(f"lab image: {name}: {time.monotonic() - started:.1f} s")


@contextmanager
def _lock(progress: Progress) -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("lab image: another command is making it; waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the lab image cannot be made: {command[0]} failed: {done.stderr.strip()[-2000:]}")
