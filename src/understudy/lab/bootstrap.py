"""Debian's packages into a directory, without installing anything on the machine.

Called by `image.py`. Uses the machine's own apt configuration (sources, proxy, certificates, credentials) with package
lists and caches of its own, and runs mmdebstrap from its unpacked package. Names no host: where packages come from is
the machine's business.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.errors import LabError

SUITE = "bookworm"
OPTIONS = (
    "--mode=root",
    "--variant=essential",
    "--format=directory",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=APT::Install-Recommends "false"',
)
_STEPS = {
    "I: running apt-get update": "package lists",
    "I: downloading packages": "download",
    "I: extracting archives": "unpack",
    "I: installing essential packages": "essential packages",
    "I: installing remaining packages": "packages",
    "I: cleaning package lists": "clean-up",
}
"""Line of mmdebstrap's output -> the step that begins there."""


def install(workshop: Path, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
    """Make `root` with these packages; `workshop` is an empty directory for what is needed on the way."""
    _require_tools()
    configuration = _apt_configuration(workshop)
    progress("Debian's bootstrap tool ...")
    _run(["apt-get", "-c", str(configuration), "-qq", "update"])
    sources = _debian_sources(configuration)
    tools = _unpack_mmdebstrap(workshop, configuration)
    command = [str(tools / "mmdebstrap"), *OPTIONS, *_credentials(), f"--aptopt={_acquire_settings(workshop)}"]
    command += [f"--include={','.join(packages)}", SUITE, str(root), *sources]
    _follow(command, {**os.environ, "PATH": f"{tools}:{os.environ.get('PATH', os.defpath)}", "LC_ALL": "C"}, progress)


def _require_tools() -> None:
    for tool in ("apt-get", "dpkg-deb", "perl"):
        if shutil.which(tool) is None:
            raise LabError(f"the lab image is made with Debian's own tools, and this machine has no {tool}: use a Debian 12 machine")


def _apt_configuration(workshop: Path) -> Path:
    """A configuration that keeps apt's lists and caches here, and runs none of the machine's hooks."""
    for part in ("lists/partial", "cache/archives/partial"):
        (workshop / part).mkdir(parents=True)
    lines = [
        "#clear APT::Update;",
        f'Dir::State::lists "{workshop}/lists/";',
        f'Dir::Cache "{workshop}/cache/";',
        'APT::Sandbox::User "root";',
    ]
    configuration = workshop / "apt.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return configuration


def _debian_sources(configuration: Path) -> list[str]:
    """The machine's own source files that offer the suite, its updates and its security fixes."""
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    targets = _run(
        ["apt-get", "-c", str(configuration), "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(SOURCESENTRY)", "Created-By: Packages"]
    )
    files = set()
    for line in targets.splitlines():
        origin, codename, entry = line.split("|", 2)
        if origin == "Debian" and codename in wanted:
            files.add(entry.rpartition(":")[0])
    if not files:
        raise LabError(f"this machine's apt sources do not offer Debian 12 ({SUITE}): add them, or use a Debian 12 machine")
    return sorted(files)


def _unpack_mmdebstrap(workshop: Path, configuration: Path) -> Path:
    """The directory of its programs."""
    _run(["apt-get", "-c", str(configuration), "-qq", "download", "mmdebstrap"], directory=workshop)
    (package,) = workshop.glob("mmdebstrap_*.deb")
    _run(["dpkg-deb", "-x", str(package), str(workshop / "tools")])
    return workshop / "tools/usr/bin"


def _acquire_settings(workshop: Path) -> Path:
    """How this machine fetches packages, as a file for the image's apt."""
    settings = [line for line in _run(["apt-config", "dump"]).splitlines() if line.startswith("Acquire::")]
    file = workshop / "acquire.conf"
    file.write_text("\n".join([*settings, 'Acquire::Languages "none";']) + "\n")
    return file


def _credentials() -> list[str]:
    """Lend the image the machine's apt credentials while it is made."""
    found = [str(path) for path in (Path("/etc/apt/auth.conf"), *Path("/etc/apt/auth.conf.d").glob("*.conf")) if path.is_file()]
    if not found:
        return []
    copy = f'--setup-hook=mkdir -p "$1/etc/apt/auth.conf.d" && cp {" ".join(found)} "$1/etc/apt/auth.conf.d/"'
    return [copy, '--customize-hook=rm -rf "$1"/etc/apt/auth.conf.d/*']


def _follow(command: list[str], environment: dict[str, str], progress: Callable[[str], None]) -> None:
    """Run mmdebstrap and report its steps with their seconds."""
    output: list[str] = []
    step, started = "", time.monotonic()
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            output.append(line)
            following = next((name for start, name in _STEPS.items() if line.startswith(start)), None)
            if following:
                if step:
                    progress(f"{step}: {time.monotonic() - started:.1f} s")
                step, started = following, time.monotonic()
                progress(f"{step} ...")
    if run.returncode != 0:
        raise LabError(f"the lab image cannot be made: mmdebstrap failed:\n{''.join(output[-15:])}")
    progress(f"{step}: {time.monotonic() - started:.1f} s")


def _run(command: list[str], directory: Path | None = None) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the lab image cannot be made: {command[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
