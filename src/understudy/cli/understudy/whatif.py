"""understudy whatif."""

from understudy.cli.options import Command, Option

_JSON = {"--json": Option("json", "for machines")}

COMMANDS = {
    "lose": Command(
        "understudy whatif lose <name,...>",
        "lose-servers",
        about="What would happen if these servers lost their power at once: what starts where, what is down for how long, what is lost.",
        example="understudy whatif lose ctr1,ctr3",
        options=_JSON,
        rehearsed=True,
    ),
    "return": Command(
        "understudy whatif return <name,...>",
        "return-servers",
        about="What would move if servers that are out joined again.",
        example="understudy whatif return ctr1",
        options=_JSON,
        rehearsed=True,
    ),
    "fail": Command(
        "understudy whatif fail <name ...>",
        "fail-resource",
        about="What would be restarted, stopped and moved if resources ended by themselves.",
        example="understudy whatif fail mysqld",
        options={"-n": Option("server", "where it runs on this server", kind="value", metavar="server"), **_JSON},
        rehearsed=True,
    ),
}
for _command in COMMANDS.values():
    _command.fixed["dry_run"] = True
