"""understudy explain."""

from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "": Command(
        "understudy explain <name>",
        "explain",
        about="Why a resource is where it is; for every server whether it may run there, by which rule, and what would change it.",
        example="understudy explain mysqld\nunderstudy explain mysqld --at 14:05:30",
        options={
            "--at": Option(
                "at", "as it was at this time: 14:05, 2026-11-28 14:05:30, or 10m (ten minutes ago)", kind=VALUE, metavar="time"
            ),
            "--json": Option("json", "for machines"),
        },
    ),
}
