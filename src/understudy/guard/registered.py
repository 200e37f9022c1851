"""What the registry says that the common settings are, on this server's disk: a guard that begins knows it before it votes.

Called by: the daemon (writes what it read), `guard/keeper.py` (reads at its start). The file is `cluster.json` in `[server] state_dir`.
Must never: take a file that cannot be read for one that is not there. That would let a guard vote under settings that somebody edited.
"""

import contextlib
import json
import os
from collections.abc import Iterable

from understudy.errors import BadSettings
from understudy.guard.core import CommonSettings, common_settings
from understudy.model.limits import derive
from understudy.model.settings import Settings

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
        return common(str(fields["cluster"]), fields["voters"], int(fields["voter_set"]), float(fields["pause_tolerance"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, BadSettings) as error:
        raise BadSettings(
            f"{path} cannot be read ({error}). It keeps what the registry says of voters and pause_tolerance, so that nobody votes under"
            " others. Remove it only if understudy.toml of this server is the same as on the others"
        ) from None


def common(cluster: str, voters: Iterable[str], voter_set: int, pause_tolerance: float) -> CommonSettings:
    """As the registry's record has it."""
    return common_settings(cluster, voters, voter_set, derive(pause_tolerance))


def write(path: str, cluster: str, voters: Iterable[str], voter_set: int, pause_tolerance: float) -> None:
    """Whole or not at all, and on the disk when this returns. OSError: it is not."""
    fields = {"format": FORMAT, "cluster": cluster, "voters": sorted(voters), "voter_set": voter_set, "pause_tolerance": pause_tolerance}
    text = (json.dumps(fields) + "\n").encode()
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if file.read(_LONGEST) == text:
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
