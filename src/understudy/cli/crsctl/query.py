"""crsctl query."""

from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl query crs",
        "query-crs-activeversion",
        about="The version whose vocabulary the cluster speaks.",
        names="activeversion",
        example="crsctl query crs activeversion",
        options={},
    ),
}
