"""The kill list: what the guard must end when the lease lapses, and the executor with it.

Owned by the executor, read by guard and keeper. Rewritten before every start: what is being started is on it before it exists. Two files
change places, so that a reader never sees half of one and a full /run is not in the way. Must never lose an entry because the executor was
restarted: the file itself is the memory.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy.agents.contract import Claim
from understudy.linux.files import SteadyFile, advice

FORMAT = 1
_ROOM = 16384
"""Bytes: for more than a hundred addresses."""


class KillList:
    """The addresses by resource, and what else the guard must end."""

    def __init__(self, path: Path, *, cgroup: str, filesystems: Sequence[str]) -> None:
        self._path = path
        self._file = SteadyFile(str(path), room=_ROOM)
        self._cgroup = cgroup
        self._filesystems = list(filesystems)
        self._claims: dict[str, Claim] = {}
        self._units: list[str] = []
        self._recall()
        self.write()

    def claim(self, resource: str) -> Claim | None:
        """What this resource has, or may have, on this server outside its control group."""
        return self._claims.get(resource)

    def claims(self) -> Mapping[str, Claim]:
        """All of them, by resource."""
        return dict(self._claims)

    def add(self, resource: str, claim: Claim | None) -> None:
        """To be called before a start: note its claim and write the list."""
        if claim:
            self._claims[resource] = claim
        self.write()

    def remove(self, resource: str) -> None:
        """To be called when what the resource claimed is gone."""
        if self._claims.pop(resource, None):
            self.write()

    def write(self) -> None:
        """Write the list; no fsync: after a power loss nothing of it runs. OSError says what to do."""
        value = {
            "format": FORMAT,
            "cgroup": self._cgroup,
            "addresses": [
                {"address": one.address, "prefix": one.prefix, "interface": one.interface, "resource": resource}
                for resource, one in sorted(self._claims.items())
            ],
            "units": self._units,
            "filesystems": self._filesystems,
        }
        try:
            self._file.write(json.dumps(value).encode())
        except OSError as error:
            raise OSError(error.errno, f"the kill list cannot be written: {advice(error, str(self._path.parent))}") from None

    def _recall(self) -> None:
        try:
            value = json.loads(self._path.read_text())
            self._units = list(value["units"])
            for one in value["addresses"]:
                claim = Claim(one["address"], one["prefix"], one["interface"])
                self._claims[one.get("resource") or claim.address] = claim
        except (OSError, ValueError, KeyError, TypeError):
            return  # none, or not ours: the daemon will start (and so claim) whatever belongs here
