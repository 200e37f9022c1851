"""understudy server."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "list": Command(
        "understudy server list",
        "server-list",
        about="Every server, its state, and what runs on it.",
        names="",
        example="understudy server list",
        options={"--json": Option("json", "for machines")},
    ),
}
