"""A real Debian 12 to install packages in: an overlay of the labs' image, in namespaces of its own, with or without systemd as its first
process. Nothing that happens in it reaches the machine, and nothing of it is left afterwards.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from support import wait_for
from understudy.lab import cgroups, image
from understudy.lab.places import labs_root
from understudy.linux.processes import status

EXTRA = ("bash-completion", "lintian", "man-db", "systemd", "systemd-sysv", "zsh")
PLAIN = "exec /usr/bin/sleep infinity"
SYSTEMD = "exec /lib/systemd/systemd --unit=multi-user.target --log-target=null --show-status=no"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_MAKE = """set -e
cd "$1"
root=$1/root
mount -t overlay understudy-package root -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for name in run tmp dev; do mount -t tmpfs "$name" "$root/$name" -o mode=755; done
for device in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do mknod -m 666 "$root/dev/${device% *}" c 1 "${device#* }"; done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666,mode=620
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
cd "$root"
pivot_root . .
umount -l .
ip link set lo up
"""


class DebianRoot:
    """One of them; a context. `extra`: the packages that its image has besides those of every image."""

    def __init__(self, first_process: str = PLAIN, extra: Sequence[str] = EXTRA) -> None:
        self._first = first_process
        self._extra = extra
        self._folder = Path()
        self._holder: subprocess.Popen[bytes] | None = None
        self._group = Path()
        self._inside = 0

    def __enter__(self) -> "DebianRoot":
        base = image.ensure(lambda text: print(text, flush=True), self._extra)
        labs_root().mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="package-", dir=labs_root()))
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        self._group = cgroups.version_2_mount() / self._folder.name
        self._group.mkdir()
        script = f"{_MAKE}exec env -i container=lxc PATH={_PATH} LC_ALL=C.UTF-8 sh -c '{self._first}'"
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--propagation", "private", "--fork", "--kill-child"]
        enter = f'echo 0 > {self._group}/cgroup.procs; exec unshare {" ".join(spaces)} sh -c "$1" sh "$2" "$3"'
        command = ["sh", "-c", enter, "sh", script, str(self._folder), str(base)]
        self._holder = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(self._begun, 30, "a Debian root with its first process")
        self.run("rm", "-f", "/etc/dpkg/dpkg.cfg.d/99mmdebstrap")  # it keeps manual pages and documents out of the labs' image
        return self

    def __exit__(self, *_: object) -> None:
        assert self._holder is not None
        cgroups.kill(self._group)
        self._holder.wait(30)
        cgroups.wait_until_empty(self._group)
        for path, _names, _files in os.walk(self._group, topdown=False):
            os.rmdir(path)
        shutil.rmtree(self._folder)

    def _begun(self) -> bool:
        assert self._holder is not None
        assert self._holder.poll() is None, "the root could not be made: see above"
        for child in Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split():
            if status(child).command in ("sleep", "systemd"):
                self._inside = int(child)
        return bool(self._inside)

    def run(self, *argv: str, check: bool = True, within_s: float = 300, text: str = "") -> str:
        """What a command says in it; with `check` it must end well."""
        done = self.tried(*argv, within_s=within_s, text=text)
        assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def tried(self, *argv: str, within_s: float = 300, text: str = "") -> subprocess.CompletedProcess[str]:
        """The same, with its status."""
        enter = ["nsenter", "--target", str(self._inside), "--all", "env", "-i", f"PATH={_PATH}", "HOME=/root", "LC_ALL=C.UTF-8"]
        enter += ["DEBIAN_FRONTEND=noninteractive", "TERM=xterm", *argv]
        return subprocess.run(enter, capture_output=True, text=True, check=False, timeout=within_s, input=text)

    def shell(self, script: str) -> str:
        """The output of some lines of shell."""
        return self.run("sh", "-ec", script)

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """A file in it."""
        self.run("sh", "-ec", f'mkdir -p "$(dirname {path})"; cat > {path}; chmod {mode:o} {path}', text=content)

    def put(self, *files: Path) -> Sequence[str]:
        """Copies of files of ours, by the paths they have there."""
        for path in files:
            target = Path(f"/proc/{self._inside}/root/var/tmp/{path.name}")
            shutil.copyfile(path, target)
        return [f"/var/tmp/{path.name}" for path in files]

    def install(self, *packages: Path) -> str:
        """dpkg -i."""
        return self.run("dpkg", "-i", *self.put(*packages))

    def listing(self) -> set[str]:
        """Every path in it that could be left behind: not those of packages' own registers and caches, nor what changes by itself."""
        left_out = " -o ".join(f"-path {path}" for path in ("/proc", "/sys", "/run", "/var/tmp", "/var/cache", "/var/log"))
        found = self.shell(f"find / -xdev \\( {left_out} \\) -prune -o -print")
        return {
            line for line in found.splitlines() if not re.match("/var/lib/(dpkg|systemd|mysql|etcd)|/etc/(ld.so.cache|machine-id)", line)
        }

    def wait(self, condition: Callable[[], object], why: str, within_s: float = 60) -> None:
        """Until it holds."""
        wait_for(condition, within_s, why)
