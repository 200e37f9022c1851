"""A directory -> a .deb, by dpkg-deb. Owns what makes two builds alike: modes, owners, times, order, one thread of compression."""

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from makepackage.project import PackageError

USUAL, QUICK = ("-Zxz",), ("-Zxz", "-z0")
"""How dpkg-deb is asked to compress; quickly where the package goes no further than this machine."""
_DIRECTORY = 0o755


class DebianTree:
    """The root of a package while it is put together: every file has its mode from the start, and nothing else of where it came from."""

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self.root = root
        self.modes: dict[Path, int] = {}
        """Of directories, where it is not the usual one."""

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """A file; its directories are made."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def compress(self, name: str, content: str | bytes) -> None:
        """A file `NAME.gz`, as documentation and manual pages are."""
        raw = content.encode() if isinstance(content, str) else content
        self.write(f"{name}.gz", gzip.compress(raw, 9, mtime=0))

    def copy(self, source: Path, name: str) -> None:
        """A file of the checkout or of a dependency; executable only if it begins as a script does."""
        content = source.read_bytes()
        self.write(name, content, 0o755 if os.access(source, os.X_OK) and content.startswith(b"#!") else 0o644)

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def directory(self, name: str, mode: int = 0o755) -> None:
        """A directory that is there although it may be empty."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        self.modes[path] = mode

    def files(self) -> list[str]:
        """All that would be installed besides directories, in order."""
        found = (path for path in self.root.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(name for path in found if not (name := path.relative_to(self.root).as_posix()).startswith("DEBIAN/"))

    def size_kib(self) -> int:
        """As dpkg wants it: each file rounded up, one for each link and directory."""
        paths = [path for path in self.root.rglob("*") if "DEBIAN" not in path.parts]
        return sum(-(-path.stat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1 for path in paths)

    def finish(self, control: str, scripts: dict[str, str]) -> None:
        """The package's control files: what it is (Installed-Size is put in), its scripts, the sums of its files."""
        digests = (name for name in self.files() if not (self.root / name).is_symlink())
        sums = "".join(f"{hashlib.md5((self.root / name).read_bytes()).hexdigest()}  {name}\n" for name in digests)
        self.write("DEBIAN/md5sums", sums)
        for name, text in scripts.items():
            self.write(f"DEBIAN/{name}", text, 0o755)
        self.write("DEBIAN/control", control.replace("@SIZE@", str(self.size_kib())))


def build(tree: DebianTree, target: Path, seconds: int, *, compression: Sequence[str] = USUAL) -> Path:
    """The package of a tree, at `target`; `compression`: as dpkg-deb is asked for it. PackageError."""
    if shutil.which("dpkg-deb") is None:
        raise PackageError("UND-0264: there is no dpkg-deb on this machine: make Debian packages on Debian 12")
    for path in (*tree.root.rglob("*"), tree.root):
        if path.is_dir() and not path.is_symlink():
            path.chmod(tree.modes.get(path, _DIRECTORY))
        os.utime(path, (seconds, seconds), follow_symlinks=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["dpkg-deb", "--root-owner-group", *compression, "--threads-max=1", "--build", str(tree.root), str(target)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds), "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"UND-0265: dpkg-deb cannot make {target.name}: {done.stderr.strip()[-2000:]}")
    return target


def architecture() -> str:
    """Debian's name for this machine's kind. PackageError."""
    try:
        done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise PackageError("UND-0264: there is no dpkg on this machine: make Debian packages on Debian 12") from None
    return done.stdout.strip()
