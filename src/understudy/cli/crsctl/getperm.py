"""crsctl getperm."""

from understudy.cli.crsctl.common import JSON
from understudy.cli.options import VALUE, Command, Option

NAMES = {"resource": "mysqlVIP", "type": "app.appvip_net1.type", "serverpool": "controller_sp"}
COMMANDS = {
    kind: Command(
        f"crsctl getperm {kind} <name>",
        "getperm",
        about=f"The access list of a {kind}, or what one user or group may do.",
        example=f"crsctl getperm {kind} {NAMES[kind]} -u oracle",
        options={
            "-u": Option("user", "what this user may, with all groups that the user is in on this server", kind=VALUE, metavar="user"),
            "-g": Option("group", "only this group's rights", kind=VALUE, metavar="group"),
            "--json": JSON,
        },
    )
    for kind in NAMES
}
for _kind, _command in COMMANDS.items():
    _command.fixed["object"] = _kind
