"""understudy status."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "": Command(
        "understudy status [name ...]",
        "stat-resource",
        about="Resources as a table, as crsctl stat res -t.",
        example="understudy status --json",
        options={"--json": Option("json", "for machines")},
    ),
}
COMMANDS[""].fixed["table"] = True
