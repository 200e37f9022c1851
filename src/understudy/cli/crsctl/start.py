"""crsctl start."""

from understudy.cli.crsctl.common import CHOSEN, LEAVE, NAMES
from understudy.cli.options import VALUE, VALUES, Command, Option

COMMANDS = {
    "cluster": Command(
        "crsctl start cluster",
        "join-server",
        about="Servers that were taken out (crsctl stop crs or cluster) join again: this one, those named, or all. A boot does that too.",
        example="crsctl start cluster -all",
        options={
            "-all": Option("all", "every server"),
            "-n": Option("names", "these servers; default: this one", kind=VALUES, metavar="server ..."),
        },
        runner="elsewhere",
    ),
    "crs": Command(
        "crsctl start crs",
        "join-server",
        about="This server joins again after crsctl stop crs; a boot does that too.",
        example="crsctl start crs",
        options={
            "-wait": Option("wait", "until it is ONLINE (the default)"),
            "-waithas": Option("nowait", "until its daemon has taken the word: the daemon runs all the time here"),
            "-nowait": Option("nowait", "the same"),
            "-noautostart": Option("no_autostart", "refused: what is wanted starts where it may"),
        },
    ),
    "resource": Command(
        f"crsctl start resource {NAMES}",
        "start-resource",
        about="Starts resources, after all they need; TARGET becomes ONLINE. Without -n the best server by profile. "
        "If it fails, TARGETs are as they were before.",
        example='crsctl start resource mysqlVIP mysql-data mysqld -n ctr1\ncrsctl start resource web -s "web_sp spare_sp"',
        options={
            **CHOSEN,
            "-n": Option("server", "on this server and no other; of a local resource its instance there", kind=VALUE, metavar="server"),
            "-s": Option("pools", "on the best server of these server pools and no other", kind=VALUE, metavar='"pool ..."'),
            "-l": LEAVE,
        },
    ),
}
