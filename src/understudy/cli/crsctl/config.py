"""crsctl config."""

from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl config crs",
        "",
        about="Whether Understudy begins at a boot of this server.",
        example="crsctl config crs",
        options={},
        runner="boot",
    ),
}
