"""The command behind `./run package`: makes all that can be installed and says where it is."""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from makepackage import deb, libraries, oracle, project, understudy, units, wheel
from makepackage.project import PackageError

_WHAT = ("understudy", "oracle-paths", "wheel")


def main(argv: Sequence[str] | None = None) -> int:
    """0: made; 1: something was missing, and nothing that is only half there bears its final name."""
    arguments = _parser().parse_args(argv)
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    if project.changed():
        print("package: this checkout differs from its commit, so nobody else can make the same bytes", file=sys.stderr)
    if not units.units():
        print("package: packaging/systemd has no units, so the package starts nothing at a boot", file=sys.stderr)
    try:
        version = project.version() if arguments.local is None else project.local_version(arguments.local)
        wanted = arguments.only or [what for what in _WHAT if what != "wheel" or arguments.local is None]
        if arguments.local is not None and "wheel" in wanted:
            raise PackageError("UND-0346: the version of a wheel is always that of the sources: leave --local out, or --only wheel")
        made = _make(wanted, version, arguments, progress)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.stat().st_size:>9}  {path}")
    return 0


def _make(wanted: list[str], version: str, arguments: argparse.Namespace, progress: Callable[[str], None]) -> list[Path]:
    compression = deb.QUICK if arguments.quick else deb.USUAL
    libraries.CACHE.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    with tempfile.TemporaryDirectory(dir=libraries.CACHE) as folder:
        workshop = Path(folder)
        if "understudy" in wanted:
            made.append(understudy.build(workshop, workshop, progress, version=version, compression=compression))
        if "oracle-paths" in wanted:
            made.append(oracle.build(workshop, workshop, progress, version=version))
        if "wheel" in wanted:
            made.append(wheel.build(workshop / "wheel", progress))
        arguments.output.mkdir(parents=True, exist_ok=True)
        return [path.rename(arguments.output / path.name) for path in made]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run package",
        description="Makes the Debian packages and the wheel; the same commit gives the same bytes.",
        epilog="example: ./run package --only understudy --output /tmp/packages",
    )
    parser.add_argument("--output", type=Path, default=project.ROOT / "dist", metavar="DIRECTORY", help="where to (default: dist)")
    parser.add_argument(
        "--local", metavar="WORD", help="make VERSION+WORD, an upgrade of VERSION, from the same sources: a build of your own (no wheel)"
    )
    parser.add_argument("--only", action="append", choices=_WHAT, help="only this one; may be given again")
    parser.add_argument("--quick", action="store_true", help="hardly compress them: to try them on this machine")
    return parser


if __name__ == "__main__":
    sys.exit(main())
