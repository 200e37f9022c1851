"""crsctl unset."""

from understudy.cli.options import Command

COMMANDS = {
    "css": Command(
        "crsctl unset css {misscount | disktimeout | reboottime}",
        "set-css",
        about="Refused as crsctl set css is.",
        example="crsctl unset css misscount",
        options={},
    ),
}
