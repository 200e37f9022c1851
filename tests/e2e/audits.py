"""What is looked at after every test, however it went: nothing doubled, nothing odd in any log, nothing left behind."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from e2e import journals
from e2e.harness import Cluster, Thaw
from understudy.errors import LabError
from understudy.lab import cgroups, image, places
from understudy.lab.witness import INTERVAL_S, Sighting
from understudy.model.limits import Limits

_AS_LOGGED = '{"timestamp": '
_ODD = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|never retrieved|Exception ignored|cannot be started|Segmentation")


def doubled(sights: Sequence[Sighting], thaws: Iterable[Thaw], limits: Limits) -> list[str]:
    """Stretches of time in which a witness saw two servers active.

    One thing is no breach (S1): for a guard's wake-up and the kill after a thaw, what was frozen exists on the thawed server; it does not
    answer for the address even then.
    """
    excused_s = limits.pace.lateness_s + limits.pace.kill_s + 2 * INTERVAL_S
    found = []
    ends = [sight.at for sight in sights[1:]] + [float("inf")]
    for sight, end in zip(sights, ends, strict=True):
        thawed = {thaw.server for thaw in thaws if thaw.ordered <= sight.at and end <= thaw.done + excused_s}
        if len(set(sight.active) - (thawed - set(sight.answering))) > 1:
            found.append(f"two servers active until {end}: {sight}")
    return found


def odd_lines(lab: str, expected: Iterable[str] = ()) -> list[str]:
    """What no log of any host should say; `expected` are words of lines that this story brings about."""
    lines = [(f"{name} of {host}", line) for host, name, text in logs(lab) for line in text.splitlines()]
    return [f"{where}: {line}" for where, line in lines if _odd(line) and not any(harmless in line for harmless in expected)]


def _odd(line: str) -> bool:
    """A line of ours says itself that it is of a fault; whatever else is in a log is of something that broke."""
    if line.startswith(_AS_LOGGED):
        return bool(json.loads(line)["level"] == "error")
    return _ODD.search(line) is not None


def logs(lab: str) -> Iterator[tuple[str, str, str]]:
    """Host, name and text of the logs on every host's disk, whether it is on or off, and of those of the lab's hardware."""
    where = places.places_of(lab)
    for disk in sorted((where.root / "hosts").iterdir()):
        for path in sorted((where.disk(disk.name) / "var/log/understudy").glob("*.log")):
            yield disk.name, path.name, path.read_text()
        for unit, text in journals.of_units(where.disk(disk.name), image.path()):
            yield disk.name, unit, text
    yield "the lab", where.log.name, where.log.read_text()


def left_behind(lab: str) -> list[str]:
    """What there is of a lab after its end."""
    found = [str(path) for path in (places.places_of(lab).root, cgroups.group_of(lab)) if path.exists()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            groups = (process / "cgroup").read_text()
            argv = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if process.name != str(os.getpid()) and (f"/{lab}/" in groups or lab.encode() in argv.split(b"\0")):
            found.append(f"process {process.name}: {argv!r}")
    return found


def keep(cluster: Cluster, folder: Path, found: Iterable[str]) -> None:
    """All that shows what happened, in a folder; what was found also where the report shows it."""
    print(f"kept: {folder}", *found, sep="\n", file=sys.stderr)
    name = cluster.lab.name
    for host, log, text in logs(name):
        (folder / host).mkdir(parents=True, exist_ok=True)
        (folder / host / log).write_text(text)
    for number, account in enumerate(cluster.accounts()):
        (folder / f"witness{number}").write_text(account)
    commands = {
        "stat": ["crsctl", "stat", "res", "-t"],
        "history": ["understudy", "history", "-n", "5000"],
        "explain": ["sh", "-c", "for name in $(crsctl stat res | sed -n 's/^NAME=//p'); do understudy explain $name; done"],
    }
    for server in cluster.lab.servers:
        (folder / server).mkdir(parents=True, exist_ok=True)  # nothing ever ran on some
        for what, command in commands.items():
            try:
                done = cluster.lab.exec(server, command, check=False, timeout_s=15)
                (folder / server / what).write_text(done.stdout + done.stderr)
            except (LabError, OSError) as error:  # a server that is off, frozen or wrecked
                (folder / server / what).write_text(f"{error}\n")
