"""What the registry says that the common settings are, on this server's disk: a guard that begins knows it before it votes.

Called by: the daemon (writes what it read), `guard/keeper.py` (reads at its start). The file is `cluster.json` in `[server] state_dir`.
Must never: take a file that cannot be read for one that is not there. That would let a guard vote under settings that somebody edited. Nor
go back to voters of a lower number: then the registry was set back, and the cluster has to learn that it was.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from understudy.errors import BadSettings
from understudy.guard.core import CommonSettings, common_settings
from understudy.model.limits import derive
from understudy.model.settings import Settings

if TYPE_CHECKING:
    from understudy.model.view import ClusterRecord

FILE = "cluster.json"
FORMAT = 1
_LONGEST = 1 << 16


def path_of(settings: Settings) -> str:
    """Where it is."""
    return os.path.join(settings.state_dir, FILE)


def read(path: str) -> CommonSettings | None:
    """What was last written; None: this server never read a registry. BadSettings: it is there and cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            fields = json.loads(file.read(_LONGEST))
        return of_record(fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, BadSettings) as error:
        raise BadSettings(
            f"{path} cannot be read ({error}). It keeps what the registry says of voters and pause_tolerance, so that nobody votes under"
            " others. Remove it only if understudy.toml of this server is the same as on the others"
        ) from None


def fields_of(record: "ClusterRecord") -> dict[str, Any]:
    """What a guard has to know of the registry's record: in the file, and when its daemon passes it on."""
    voters, old_voters = sorted(record.voters), sorted(record.old_voters)
    fields = {"cluster": record.name, "voters": voters, "voter_set": record.voter_set, "pause_tolerance": record.pause_tolerance}
    return {**fields, "old_voters": old_voters}


def of_record(fields: Mapping[str, Any]) -> CommonSettings:
    """The same for the guard. KeyError, TypeError, ValueError, BadSettings: these are not such fields. An older version names no old
    voters."""
    cluster, voters, old_voters = str(fields["cluster"]), map(str, fields["voters"]), map(str, fields.get("old_voters", ()))
    return common_settings(cluster, voters, int(fields["voter_set"]), derive(float(fields["pause_tolerance"])), old_voters)


def write(path: str, record: "ClusterRecord") -> None:
    """Whole or not at all, and on the disk when this returns. OSError: it is not."""
    fields = {"format": FORMAT, **fields_of(record)}
    before = b""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        before = file.read(_LONGEST)
    with contextlib.suppress(ValueError, KeyError, TypeError, BadSettings):
        known = json.loads(before)
        if of_record(known).phase > of_record(fields).phase:
            fields |= {name: known[name] for name in ("voters", "voter_set", "old_voters")}
    text = (json.dumps(fields) + "\n").encode()
    if before == text:
        return
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    fresh = f"{path}.new"
    with open(fresh, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
