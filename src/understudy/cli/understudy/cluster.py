"""understudy cluster."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "accept-settings": Command(
        "understudy cluster accept-settings",
        "accept-settings",
        about="Make this server's voters and pause_tolerance those of a cluster that is stopped everywhere; asks first what it means.",
        example="understudy cluster accept-settings\nunderstudy cluster accept-settings -f",
        options={"-f": Option("force", "yes: it is stopped everywhere, and understudy.toml is the same on all servers")},
    ),
    "export": Command(
        "understudy cluster export",
        "cluster-export",
        about="The intent of the cluster as JSON: servers, voters, pools, types, resources, TARGETs, and the slowest starts seen.",
        example="understudy cluster export",
        options={"--json": Option("json", "on one line")},
    ),
    "rotate-keys": Command(
        "understudy cluster rotate-keys",
        "rotate-keys",
        about="Give the guards of all servers a new key, while everything runs on: each accepts it, then sends with it, then forgets the "
        "old one. Interrupted, the same command goes on.",
        example="understudy cluster rotate-keys",
        options={},
    ),
    "status": Command(
        "understudy cluster status",
        "cluster-status",
        about="Leader, voters, servers, what is wanted but does not run, and what is not as it should be. "
        "Exit status 1: something is down; 3: all runs, but the next fault may not be survived, or not be noticed.",
        example="understudy cluster status --json",
        options={"--json": Option("json", "for machines")},
    ),
}
