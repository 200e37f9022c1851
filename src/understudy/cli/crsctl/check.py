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
    "css": Command(
        "crsctl check css",
        "check-css",
        about="Whether this server holds its lease: it is a member of the cluster.",
        example="crsctl check css",
        options={},
    ),
    "evm": Command(
        "crsctl check evm",
        "check-evm",
        about="Whether this server receives the events of the cluster.",
        example="crsctl check evm",
        options={},
    ),
    "has": Command(
        "crsctl check has", "check-has", about="Whether the daemon answers.", example="crsctl check has", options={"--json": JSON}
    ),
    "resource": Command(
        'crsctl check resource {name ... | -w "filter"}',
        "check-resource",
        about="Has resources checked at once, on this server or the one that -n names; prints nothing.",
        example="crsctl check resource mysqld\ncrsctl check resource mysqld -n ctr2",
        options={"-w": FILTER, "-n": SERVER, "-k": CARDINALITY, "-d": DEGREE},
        runner="elsewhere",
    ),
}
