"""understudy cluster."""

from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "accept-settings": Command(
        "understudy cluster accept-settings",
        "accept-settings",
        about="Make this server's voters and pause_tolerance those of a cluster that is stopped everywhere; asks first what it means.",
        example="understudy cluster accept-settings\nunderstudy cluster accept-settings -f",
        options={"-f": Option("force", "yes: it is stopped everywhere, and understudy.toml is the same on all servers")},
    ),
    "add-server": Command(
        "understudy cluster add-server <name=address,...>",
        "add-server",
        about="One more server, with its address on each network, in the order in which the other servers have them; then it joins with a "
        "token.",
        example="understudy cluster add-server ctr5=10.10.20.5,10.10.10.5\n"
        "understudy cluster add-server wit1=10.10.20.9,10.10.10.9 --witness",
        options={"--witness": Option("witness", "it is to vote, and runs no resources")},
    ),
    "add-voter": Command(
        "understudy cluster add-voter <name>...",
        "add-voter",
        about="Servers of the cluster vote from now on, and run members of etcd; a cluster has 1, 3 or 5 voters. Typed again, it goes on "
        "from where it was interrupted.",
        example="understudy cluster add-voter ctr4 ctr5",
        options={},
    ),
    "export": Command(
        "understudy cluster export",
        "cluster-export",
        about="The intent of the cluster as JSON: servers, voters, pools, types, resources, TARGETs, and the slowest starts seen.",
        example="understudy cluster export",
        options={"--json": Option("json", "on one line")},
    ),
    "remove-server": Command(
        "understudy cluster remove-server <name>",
        "remove-server",
        about="Take a server out for good that runs nothing any more: it has left, is fenced, or was confirmed off. On a server that "
        "lives, type understudy cluster leave.",
        example="understudy cluster remove-server ctr5",
        options={},
    ),
    "remove-voter": Command(
        "understudy cluster remove-voter <name>...",
        "remove-voter",
        about="Servers do not vote any more, and run no member of etcd; 1, 3 or 5 voters stay. Typed again, it goes on from where it was "
        "interrupted.",
        example="understudy cluster remove-voter ctr4 ctr5",
        options={},
    ),
    "replace-voter": Command(
        "understudy cluster replace-voter <name>",
        "replace-voter",
        about="Another server votes instead of a voter, which may be lost; or a voter that lost its disk gets a new member of etcd. Typed "
        "again, it goes on from where it was interrupted.",
        example="understudy cluster replace-voter ctr1 --by ctr4\nunderstudy cluster replace-voter ctr1",
        options={"--by": Option("by", "who votes instead; without it, the voter itself, set up anew", kind=VALUE, metavar="NAME")},
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
