"""understudy history."""

from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "": Command(
        "understudy history [resource ...]",
        "history",
        about="What happened, in order: when, where, what, to which resource, how long it took, why. Names choose resources.",
        example="understudy history mysqld -n 20 --follow",
        options={
            "-n": Option("last", "how many of the newest (50)", kind=VALUE, metavar="number"),
            "--follow": Option("follow", "go on with what happens from now on"),
            "--activity": Option("activity", "show of which activity each line is: by it the logs tell more"),
            "--json": Option("json", "for machines: one object per line"),
        },
    ),
}
