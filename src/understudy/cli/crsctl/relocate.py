"""crsctl relocate."""

from understudy.cli.crsctl.common import CHOSEN
from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "resource": Command(
        'crsctl relocate resource {name ... | -all -s server | -w "filter"}',
        "relocate-resource",
        about="Moves running resources to another server. What must be on the same server moves along only with -f.",
        example="crsctl relocate resource mysqld -n ctr2 -f",
        options={
            **CHOSEN,
            "-n": Option("server", "to this server", kind=VALUE, metavar="server"),
            "-s": Option("source", "only what runs on this server", kind=VALUE, metavar="server"),
        },
    ),
}
