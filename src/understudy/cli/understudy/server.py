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
    "confirm-off": Command(
        "understudy server confirm-off <name>",
        "confirm-off",
        about="Say that a silent server has no power, for what could not be ended there and waits for it; asks first what it means.",
        example="understudy server confirm-off ctr1\nunderstudy server confirm-off ctr1 -f",
        options={"-f": Option("force", "yes, it is off: somebody has seen it")},
    ),
    "evict": Command(
        "understudy server evict <name>",
        "evict-server",
        about="Grant a server no lease any more, so that what it holds is moved off; it stops everything and rejoins by itself.",
        example="understudy server evict ctr1",
        options={},
    ),
}
