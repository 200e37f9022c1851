"""understudy status."""

from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "": Command(
        "understudy status [name ...]",
        "stat-resource",
        about="Resources as a table, as crsctl stat res -t.",
        example="understudy status --json\nunderstudy status --at 14:05:30",
        options={
            "--at": Option(
                "at", "as it was at this time: 14:05, 2026-11-28 14:05:30, or 10m (ten minutes ago)", kind=VALUE, metavar="time"
            ),
            "--json": Option("json", "for machines"),
        },
    ),
}
COMMANDS[""].fixed["table"] = True
