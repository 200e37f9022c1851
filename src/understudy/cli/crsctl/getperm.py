"""crsctl getperm."""

from understudy.cli.crsctl.common import JSON
from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    kind: Command(
        f"crsctl getperm {kind} <name>",
        "getperm",
        about=f"The access list of a {kind}, or what one user or group may do.",
        example=f"crsctl getperm {kind} {'mysqlVIP' if kind == 'resource' else 'controller_sp'} -u oracle",
        options={
            "-u": Option("user", "only this user's rights", kind=VALUE, metavar="user"),
            "-g": Option("group", "only this group's rights", kind=VALUE, metavar="group"),
            "--json": JSON,
        },
    )
    for kind in ("resource", "serverpool")
}
for _kind, _command in COMMANDS.items():
    _command.fixed["object"] = _kind
