"""Which servers there are, as this server last read it in the registry, on its own disk: `servers.json` in `[server] state_dir`.

Called by: the daemon, which writes it before its guard is sent the same; every process that begins, by `configured.py`, for its word wins
over `[servers]` of understudy.toml. Must never: take a file that cannot be read for one that is not there. Standard library only.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from typing import Any

from understudy.errors import BadSettings
from understudy.linux.files import LARGEST, read_whole
from understudy.model.names import ServerName
from understudy.model.servers import ServerRecord, with_servers
from understudy.model.settings import MOST_SERVERS, Settings

FILE = "servers.json"
FORMAT = 1


def path_of(settings: Settings) -> str:
    """Where it is."""
    return os.path.join(settings.state_dir, FILE)


def merged(settings: Settings) -> Settings:
    """The settings with the servers of the file, if this server has read a registry of this cluster that names them. BadSettings."""
    return with_servers(settings, read(path_of(settings), settings.cluster))


def read(path: str, cluster: str) -> tuple[ServerRecord, ...]:
    """Those of this cluster; empty: this server never read any. BadSettings: it is there and cannot be read."""
    try:
        fields = json.loads(read_whole(path))
        found = tuple(_record(each) for each in fields["servers"][: 2 * MOST_SERVERS])
        return found if fields["cluster"] == cluster else ()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(
            f"{path} cannot be read ({error}). It keeps which servers the registry names. Remove it if [servers] of understudy.toml on this"
            " server names them all: it is written again from the registry"
        ) from None


def write(path: str, cluster: str, servers: Iterable[ServerRecord]) -> None:
    """Whole or not at all, and on the disk when this returns. OSError: it is not."""
    listed = sorted(servers, key=lambda each: each.server)
    text = (json.dumps({"format": FORMAT, "cluster": cluster, "servers": [_fields(each) for each in listed]}, indent=1) + "\n").encode()
    assert len(text) < LARGEST
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if file.read(LARGEST) == text:
            return
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    with open(f"{path}.new", "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fields(record: ServerRecord) -> dict[str, Any]:
    return {"name": record.server, "addresses": list(record.addresses), "witness": record.witness, "etcd": record.etcd}


def _record(fields: dict[str, Any]) -> ServerRecord:
    addresses = tuple(map(str, fields["addresses"]))
    if not addresses:
        raise ValueError(f"{fields['name']} has no address")
    return ServerRecord(
        server=ServerName(str(fields["name"])), addresses=addresses, witness=bool(fields.get("witness")), etcd=str(fields.get("etcd") or "")
    )
