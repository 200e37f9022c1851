"""crsctl disable."""

from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl disable crs",
        "",
        about="Does not begin Understudy at a boot of this server any more; what runs goes on.",
        example="crsctl disable crs",
        options={},
        runner="boot",
    ),
}
