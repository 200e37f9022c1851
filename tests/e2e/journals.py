"""The journals of hosts with systemd, read where their disks are: also of a host that is off.

Called by `audits.py`. Reads with the image's journalctl, so that this machine needs none.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OURS = "understudy"


def of_units(disk: Path, image: Path) -> Iterator[tuple[str, str]]:
    """For each of our units what it has written, oldest first."""
    folder = disk / "var/log/journal"
    if not folder.is_dir():
        return
    command = ["/usr/bin/journalctl", "--directory", ".", "--merge", "--output", "json", "--output-fields", "MESSAGE,_SYSTEMD_UNIT"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, preexec_fn=lambda: os.chroot(image))
    written: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        entry = json.loads(line)
        unit = entry.get("_SYSTEMD_UNIT", "")
        if unit.startswith(OURS):
            written.setdefault(unit, []).append(_text(entry["MESSAGE"]))
    for unit, lines in sorted(written.items()):
        yield unit, "\n".join(lines)


def _text(message: Any) -> str:
    """journalctl gives what is no text as a list of bytes."""
    return bytes(message).decode(errors="replace") if isinstance(message, list) else str(message)
