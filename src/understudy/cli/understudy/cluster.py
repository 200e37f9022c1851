"""understudy cluster."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "export": Command(
        "understudy cluster export",
        "cluster-export",
        about="The intent of the cluster as JSON: servers, voters, pools, types, resources, TARGETs, and the slowest starts seen.",
        example="understudy cluster export",
        options={"--json": Option("json", "on one line")},
    ),
    "status": Command(
        "understudy cluster status",
        "cluster-status",
        about="Leader, voters, servers, and what is wanted but does not run. Exit status 1 if something does not.",
        example="understudy cluster status --json",
        options={"--json": Option("json", "for machines")},
    ),
}
