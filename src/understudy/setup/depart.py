"""What `understudy cluster leave` takes off a server that is none of the cluster's any more: its settings, keys and memory of the cluster.

Called by `cli/understudy/cluster_leave.py`, last of all. understudy.toml goes last: until then the same command goes on from where it was
interrupted. Must never touch anything but the project's own files.
"""

import os
import shutil
from collections.abc import Callable

from understudy.errors import BadInput
from understudy.guard import registered, serverfile
from understudy.model.messages import words
from understudy.model.settings import Settings
from understudy.security.keyfiles import KeyFiles
from understudy.setup.places import SetupPlaces, tokens_file

HELD, PAST = "held.json", "past"


def own_files(settings: Settings, places: SetupPlaces) -> list[str]:
    """Files and directories, in the order in which they go, whether they are there or not."""
    keys, tokens = KeyFiles(places.keys), tokens_file(settings.state_dir)
    return [
        *(keys.authority_key, keys.key, keys.guard, keys.forgotten, keys.certificate, keys.authority),
        *(places.etcd, places.registry),
        *(f"{settings.state_dir}/{name}" for name in ("etcd", "etcd.removed")),
        *(tokens, f"{tokens}.lock", f"{settings.state_dir}/{HELD}", f"{settings.state_dir}/{PAST}"),
        *(registered.path_of(settings), serverfile.path_of(settings)),
        places.config,
    ]


def remove_all(paths: list[str], progress: Callable[[str], None]) -> None:
    """Each that is there. BadInput says which cannot be removed, and the same command goes on from there."""
    for path in paths:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            else:
                continue
        except OSError as error:
            raise BadInput(words(20314, path, error.strerror), code=20314) from None
        progress(f"removed: {path}")
