"""crsctl setperm."""

from understudy.cli.crsctl.common import FORCE
from understudy.cli.crsctl.getperm import NAMES
from understudy.cli.options import VALUE, Command, Option

_RIGHTS = {
    "resource": "r: see it; w: change and delete it; x: start, stop, relocate and check it",
    "type": "r: see it; w: change and delete it; x: register resources of it",
    "serverpool": "r: see it; w: change and delete it; x: have resources run on its servers",
}
COMMANDS = {
    kind: Command(
        f"crsctl setperm {kind} <name>",
        "setperm",
        about=f"Changes the access list of a {kind}. {_RIGHTS[kind]}.",
        example=f"crsctl setperm {kind} {NAMES[kind]} -u user:oracle:r-x",
        options={
            "-u": Option("update", "set an entry: user:NAME:rwx, group:NAME:rwx or other::r--", kind=VALUE, metavar="acl"),
            "-x": Option("remove", "remove an entry: user:NAME or group:NAME", kind=VALUE, metavar="acl"),
            "-o": Option("owner", "set the owner, under whom actions run", kind=VALUE, metavar="user"),
            "-g": Option("group", "set the owner's group", kind=VALUE, metavar="group"),
            "-f": FORCE,
        },
    )
    for kind in NAMES
}
for _kind, _command in COMMANDS.items():
    _command.fixed["object"] = _kind
