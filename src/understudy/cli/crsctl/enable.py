"""crsctl enable."""

from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl enable crs",
        "",
        about="Begins Understudy at each boot of this server.",
        example="crsctl enable crs",
        options={},
        runner="boot",
    ),
}
