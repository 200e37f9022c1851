"""understudy history."""

from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "": Command(
        "understudy history [resource ...]",
        "history",
        about="What happened, in order: when, where, what, to which resource, how long it took, why. Names choose resources.",
        example="understudy history mysqld -n 20 --follow\nunderstudy history --since 14:05 --until 14:20",
        options={
            "-n": Option("last", "how many of the newest (50)", kind=VALUE, metavar="number"),
            "--since": Option(
                "since", "from this time on: 14:05, 2026-11-28 14:05:30, or 10m (ten minutes ago)", kind=VALUE, metavar="time"
            ),
            "--until": Option("until", "up to this time", kind=VALUE, metavar="time"),
            "--command": Option("command", "what belongs to this command and follows from it, by its id", kind=VALUE, metavar="id"),
            "--follow": Option("follow", "go on with what happens from now on"),
            "--activity": Option("activity", "show of which activity each line is: by it the logs tell more"),
            "--json": Option("json", "for machines: one object per line"),
        },
    ),
}
