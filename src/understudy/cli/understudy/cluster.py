"""understudy cluster."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "status": Command(
        "understudy cluster status",
        "cluster-status",
        about="Leader, voters, servers, and what is wanted but does not run. Exit status 1 if something does not.",
        example="understudy cluster status --json",
        options={"--json": Option("json", "for machines")},
    ),
}
