"""understudy status."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "": Command(
        "understudy status",
        "stat-resource",
        about="Resources as a table, as crsctl stat res -t.",
        names="[name ...]",
        example="understudy status --json",
        options={"--json": Option("json", "for machines")},
    ),
}
COMMANDS[""].fixed["table"] = True
