"""The kill list: what is held on this server, by resource; what whoever ends everything here must end.

Written by the executor before every start, read by guard, keeper and the second line. This module alone knows its formats: it writes the
present one, with the keys that a guard of the version before goes by, and reads both. Two files change places, so that a reader never sees
half of one and a full /run is not in the way. Must never lose an entry because the executor was restarted: the file itself is the memory.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from understudy.holdings.holding import AddressHolding, GroupHolding, Holding, MountHolding, NamespaceHolding, UnitHolding
from understudy.linux.files import SteadyFile, advice

NAME = "kill-list.json"
FORMAT = 2
_SETTLED_NS = 100_000_000
"""A file that was written longer ago than this would show another time if it were written again; the kernel's clock of files is coarse."""
_ROOM = 16384
"""Bytes: for more than a hundred holdings."""
_SORTS: dict[str, tuple[type[Holding], str]] = {
    "group": (GroupHolding, "path"),
    "unit": (UnitHolding, "name"),
    "address": (AddressHolding, "address"),
    "namespace": (NamespaceHolding, "pattern"),
    "mount": (MountHolding, "point"),
}
"""Sort of holding in the file -> its class, and the field that says which."""
_SORT_OF = {cls: (sort, which) for sort, (cls, which) in _SORTS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class KillList:
    """What to end."""

    cgroup: str
    """The parent of all resources' control groups."""
    held: Mapping[str, tuple[Holding, ...]] = field(default_factory=dict)
    """By resource."""
    filesystems: tuple[str, ...] = ()
    """Local file systems that are shut down, so that nothing unwritten is written."""
    readable: bool = True

    @property
    def groups(self) -> tuple[str, ...]:
        """Control groups outside the parent."""
        return tuple(holding.path for holding in self._all() if isinstance(holding, GroupHolding))

    @property
    def units(self) -> tuple[str, ...]:
        """Units of systemd."""
        return tuple(holding.name for holding in self._all() if isinstance(holding, UnitHolding))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses, on whatever interface."""
        return tuple(holding.address for holding in self._all() if isinstance(holding, AddressHolding))

    @property
    def namespaces(self) -> tuple[NamespaceHolding, ...]:
        """Network namespaces, by patterns of their names."""
        return tuple(dict.fromkeys(holding for holding in self._all() if isinstance(holding, NamespaceHolding)))

    @property
    def mounts(self) -> tuple[str, ...]:
        """Mount points."""
        return tuple(holding.point for holding in self._all() if isinstance(holding, MountHolding))

    def _all(self) -> list[Holding]:
        return [holding for _, holdings in sorted(self.held.items()) for holding in holdings]


def read_kill_list(run_dir: str, known: KillList, *, filesystems: Sequence[str] = ()) -> KillList:
    """The list as it stands in its file; what was known before where there is none, or where it cannot be read. `filesystems` are on it
    whatever it says."""
    try:
        raw: dict[str, Any] = json.loads(_content(run_dir))
        return KillList(
            cgroup=raw.get("cgroup") or known.cgroup,
            held=_held(raw),
            filesystems=tuple(dict.fromkeys((*raw.get("filesystems", ()), *filesystems))),
        )
    except FileNotFoundError:
        return known
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return replace(known, readable=False)


class KillListReader:
    """For who looks again and again: the file is read where it may be another than it was."""

    def __init__(self, run_dir: str, known: KillList, *, filesystems: Sequence[str] = ()) -> None:
        self._run_dir, self._filesystems = run_dir, filesystems
        self._known = known
        self._seen: tuple[int, ...] | None = None
        """The file of which `_known` was read, and need not be again."""

    def look(self) -> KillList:
        """The list now. A reading that failed is made again at the next look, whether the file has changed or not."""
        try:
            now = os.stat(os.path.join(self._run_dir, NAME))
        except OSError:
            self._known, self._seen = self._read(), None
            return self._known
        seen = (now.st_ino, now.st_mtime_ns, now.st_size)
        if seen != self._seen:
            settled = abs(time.time_ns() - now.st_mtime_ns) > _SETTLED_NS
            self._known = self._read()
            self._seen = seen if settled and self._known.readable else None
        return self._known

    def _read(self) -> KillList:
        return read_kill_list(self._run_dir, self._known, filesystems=self._filesystems)


class KillListFile:
    """The file, as its one writer keeps it."""

    def __init__(self, run_dir: str, *, cgroup: str, filesystems: Sequence[str]) -> None:
        self._run_dir = run_dir
        self._file = SteadyFile(os.path.join(run_dir, NAME), room=_ROOM)
        before = read_kill_list(run_dir, KillList(cgroup=cgroup))
        self._held: dict[str, tuple[Holding, ...]] = dict(before.held)
        self._cgroup = cgroup
        self._filesystems = tuple(filesystems)
        self.write()

    def of(self, resource: str) -> tuple[Holding, ...]:
        """What this resource has, or may have, on this server outside its control group."""
        return self._held.get(resource, ())

    def held(self) -> Mapping[str, tuple[Holding, ...]]:
        """All of it, by resource."""
        return dict(self._held)

    def add(self, resource: str, holdings: tuple[Holding, ...]) -> None:
        """To be called before a start: note what it may leave, beside what is left of former ones, and write the list."""
        self._set(resource, tuple(dict.fromkeys((*self.of(resource), *holdings))))
        self.write()

    def found(self, resource: str, holdings: tuple[Holding, ...]) -> None:
        """It runs here, whoever started it: written if it was not on the list."""
        if set(holdings) - set(self.of(resource)):
            self.add(resource, holdings)

    def keep(self, resource: str, left: tuple[Holding, ...]) -> None:
        """To be called when the resource was stopped: all but this is gone."""
        if left != self.of(resource):
            self._set(resource, left)
            self.write()

    def write(self) -> None:
        """Write the list; no fsync: after a power loss nothing of it runs. OSError says what to do."""
        listed = KillList(cgroup=self._cgroup, held=self._held, filesystems=self._filesystems)
        try:
            self._file.write(json.dumps(_written(listed)).encode())
        except OSError as error:
            raise OSError(error.errno, f"the kill list cannot be written: {advice(error, self._run_dir)}") from None

    def _set(self, resource: str, holdings: tuple[Holding, ...]) -> None:
        self._held.pop(resource, None)
        if holdings:
            self._held[resource] = holdings


def _content(run_dir: str) -> bytes:
    with open(os.path.join(run_dir, NAME), "rb") as file:
        return file.read()


def _written(listed: KillList) -> dict[str, Any]:
    """Beside the holdings, `addresses` and `units` as format 1 had them: a guard of that version ends what it knows of."""
    rows = [(resource, holding) for resource, holdings in sorted(listed.held.items()) for holding in holdings]
    return {
        "format": FORMAT,
        "cgroup": listed.cgroup,
        "holdings": [_row(resource, holding) for resource, holding in rows],
        "addresses": [
            {"address": holding.address, "prefix": 0, "interface": "", "resource": resource}
            for resource, holding in rows
            if isinstance(holding, AddressHolding)
        ],
        "units": list(listed.units),
        "filesystems": list(listed.filesystems),
    }


def _row(resource: str, holding: Holding) -> dict[str, str]:
    sort, which = _SORT_OF[type(holding)]
    return {"resource": resource, "sort": sort, which: getattr(holding, which)}


def _held(raw: Mapping[str, Any]) -> dict[str, tuple[Holding, ...]]:
    """Of either format. A sort of holding that only a newer version knows is for that version to end."""
    found: dict[str, tuple[Holding, ...]] = {}
    if "holdings" in raw:
        for row in raw["holdings"]:
            known = _SORTS.get(row["sort"])
            if known is not None:
                cls, which = known
                found[row["resource"]] = (*found.get(row["resource"], ()), cls(str(row[which])))
        return found
    for row in raw["addresses"]:
        address = str(row["address"])
        name = row.get("resource") or address
        found[name] = (*found.get(name, ()), AddressHolding(address))
    for unit in raw.get("units", ()):
        found[f"unit {unit}"] = (UnitHolding(str(unit)),)
    return found
