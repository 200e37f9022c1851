"""understudy explain."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "": Command(
        "understudy explain <name>",
        "explain",
        about="Why a resource is where it is; for every server whether it may run there, by which rule, and what would change it.",
        example="understudy explain mysqld",
        options={"--json": Option("json", "for machines")},
    ),
}
