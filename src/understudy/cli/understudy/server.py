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
        about="Confirm that a silent server has no power, so that what could not be ended there may start elsewhere; asks first.",
        example="understudy server confirm-off ctr1\nunderstudy server confirm-off ctr1 -f",
        options={"-f": Option("force", "yes, it is off: somebody has checked")},
    ),
    "leave": Command(
        "understudy server leave [name]",
        "leave-server",
        about="A server (default: this one) stops everything in order, leaves, and stays out until it joins again.",
        example="understudy server leave ctr1",
        options={"-f": Option("force", "at once: everything is killed and starts elsewhere")},
    ),
    "join": Command(
        "understudy server join [name]",
        "join-server",
        about="Bring this server back after it has left; a boot does that too.",
        example="understudy server join",
        options={},
    ),
    "evict": Command(
        "understudy server evict <name>",
        "evict-server",
        about="Grant a server no lease any more, so that what it holds is moved off; it stops everything and rejoins by itself.",
        example="understudy server evict ctr1",
        options={},
    ),
}
