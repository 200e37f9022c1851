"""crsctl check."""

from understudy.cli.crsctl.common import CARDINALITY, DEGREE, FILTER, JSON, SERVER
from understudy.cli.options import VALUES, Command, Option

COMMANDS = {
    "cluster": Command(
        "crsctl check cluster",
        "check-cluster",
        about="Whether the clusterware is healthy on this server, on those named, or on all. Exit status 0: well; 1: something is down; "
        "3: all runs, but the next fault may not be survived, or not be noticed.",
        example="crsctl check cluster -all",
        options={
            "-all": Option("all", "every server"),
            "-n": Option("names", "these servers", kind=VALUES, metavar="server ..."),
            "--json": JSON,
        },
    ),
    "crs": Command(
        "crsctl check crs",
        "check-crs",
        about="Whether this server is healthy, and the cluster as it sees it. Exit status as of check cluster.",
        example="crsctl check crs",
        options={"--json": JSON},
    ),
    "has": Command(
        "crsctl check has", "check-has", about="Whether the daemon answers.", example="crsctl check has", options={"--json": JSON}
    ),
    "resource": Command(
        'crsctl check resource {name ... | -w "filter"}',
        "check-resource",
        about="Has resources checked at once on this server; prints nothing.",
        example="crsctl check resource mysqld",
        options={"-w": FILTER, "-n": SERVER, "-k": CARDINALITY, "-d": DEGREE},
    ),
}
