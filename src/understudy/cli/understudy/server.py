"""understudy server."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "list": Command(
        "understudy server list",
        "server-list",
        about="Every server, its state, and what runs on it.",
        example="understudy server list",
        options={"--json": Option("json", "for machines")},
    ),
    "evict": Command(
        "understudy server evict <name>",
        "evict-server",
        about="Grant a server no lease any more, so that what it holds is moved off; it stops everything and rejoins by itself.",
        example="understudy server evict ctr1",
        options={},
    ),
}
