"""`./run fuzz`: each parser with inputs that reach new code, for some seconds; what breaks it is kept, and shown.

Coverage-guided by atheris (libFuzzer), one process for each target, as the library ends the process at a finding. Exit status 1: something
was found.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

LONGEST_S, LARGEST_MIB = 5, 1024
"""For one input; and for the process."""


def main() -> int:
    """All targets, or those named; or (`--worker`) one of them, in this process."""
    arguments = _parser().parse_args()
    if arguments.worker:
        _work(arguments.worker, arguments.libfuzzer)
    from fuzz.targets import targets

    known = targets()
    if unknown := [name for name in arguments.target if name not in known]:
        print(f"fuzz: {', '.join(unknown)}: no target; they are {', '.join(known)}", file=sys.stderr)
        return 2
    names, found = arguments.target or list(known), []
    for number, name in enumerate(names, 1):
        corpus = Path(arguments.folder) / name
        corpus.mkdir(parents=True, exist_ok=True)
        for place, seed in enumerate(known[name].seeds):
            (corpus / f"seed-{place}").write_bytes(seed)
        print(f"fuzz: {number} of {len(names)}: {name} ...", end=" ", flush=True)
        began, status, said = time.monotonic(), *_one(name, corpus, arguments.seconds, known[name].longest)
        runs = next((line.split()[1] for line in reversed(said) if line.startswith("Done ")), "?")
        print(f"{runs} inputs in {time.monotonic() - began:.0f} s, {len(list(corpus.iterdir()))} kept" if not status else "FOUND")
        if status:
            found.append(name)
            print("\n".join(said[-40:]), file=sys.stderr)
    print(f"fuzz: {'found something in ' + ', '.join(found) if found else 'nothing found'}")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run fuzz",
        description="Feed parsers of what comes from networks and sockets with inputs that reach new code; what breaks one is kept.",
        epilog="example: ./run fuzz --seconds 60 --target http",
    )
    parser.add_argument("--seconds", type=int, default=20, metavar="N", help="for each target (20)")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="only this one; may be given again")
    parser.add_argument("--folder", default=".cache/fuzz", metavar="DIR", help="where inputs are kept (.cache/fuzz)")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("libfuzzer", nargs="*", help=argparse.SUPPRESS)
    return parser


def _one(name: str, corpus: Path, seconds: int, longest: int) -> tuple[int, list[str]]:
    options = (
        f"-max_total_time={seconds}", f"-max_len={longest}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={LARGEST_MIB}",
        f"-artifact_prefix={corpus.parent}/{name}-", "-print_final_stats=1",
    )  # fmt: skip
    command = (sys.executable, "-m", "fuzz.explore", "--worker", name, "--", *options, str(corpus))
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + 120, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def _work(name: str, options: list[str]) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["understudy"]):
        from fuzz.targets import targets
    target = targets()[name]
    atheris.Setup([sys.argv[0], *options], target.try_one)
    atheris.Fuzz()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
