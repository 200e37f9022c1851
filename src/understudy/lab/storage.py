"""The lab's shared storage: directories that every host can mount by the name of a file server.

Each export is mounted once, by the power process, under the name a client of the file server would see; the hosts'
mount helper shows it elsewhere. So /proc/self/mountinfo in a host names `myfileserv.example.com:/mysql_data`, and locks
hold between hosts, as with a network file system. Called by `disk.py`, `power.py` and `root.py`; never looks into what
the hosts keep there.
"""

import os
from pathlib import Path

from understudy.lab import kernel
from understudy.lab.places import Places

FILE_SERVER = "myfileserv.example.com"
EXPORTS = {"mysql_data": "mysql", "rabbitmq_data": "root", "glance_data": "root", "cinder_data": "root"}
"""Export -> user of the image that owns it: but for the first they are as a file server gives them, and who uses them must see to it."""
IN_HOST = "/srv/exports"
MOUNT_HELPER = "/usr/sbin/mount.nfs"

# mount(8) calls this with SOURCE TARGET [OPTIONS] and an empty environment.
MOUNT_HELPER_TEXT = f"""#!/bin/sh
# Stands in for a network file system: shows one of the lab's exports at TARGET.
PATH=/usr/sbin:/usr/bin
source=$1 target=$2
server=${{source%%:*}} export=${{source#*:}}
options=
shift 2
while [ $# -gt 0 ]; do
    case $1 in
        -o) case ,$2, in *,ro,*) options=",ro" ;; esac; shift ;;
    esac
    shift
done
if [ "$server" != {FILE_SERVER} ]; then
    echo "mount.nfs: Failed to resolve server $server: Name or service not known" >&2
    exit 32
fi
case $export in
    /*/* | */..* | /) found= ;;
    *) found={IN_HOST}$export ;;
esac
if [ -z "$found" ] || [ ! -d "$found" ]; then
    echo "mount.nfs: access denied by server while mounting $source" >&2
    exit 32
fi
if [ ! -d "$target" ]; then
    echo "mount.nfs: mount point $target does not exist" >&2
    exit 32
fi
mount --no-canonicalize --internal-only --bind -o "bind$options" "$found" "$target" || exit 32
[ -z "$options" ] || mount --internal-only -o "remount,bind,ro" "$target" || exit 32
"""


def make_exports(places: Places, image: Path) -> None:
    """Make the directories that are shared; they belong to users of the image."""
    for name, user in EXPORTS.items():
        uid, gid = _ids_of(user, image)
        for part in ("data", "work", "empty"):
            (places.exports / name / part).mkdir(parents=True)
        data = places.exports / name / "data"
        data.chmod(0o755)
        os.chown(data, uid, gid)
        (places.shares / name).mkdir(parents=True)


def mount_exports(places: Places) -> None:
    """Mount every export under its network name, in this process's mount namespace."""
    for name in EXPORTS:
        own = places.exports / name
        options = f"lowerdir={own / 'empty'},upperdir={own / 'data'},workdir={own / 'work'}"
        kernel.mount(f"{FILE_SERVER}:/{name}", str(places.shares / name), "overlay", options=options)


def _ids_of(user: str, image: Path) -> tuple[int, int]:
    for line in (image / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == user:
            return int(fields[2]), int(fields[3])
    raise KeyError(user)
