"""crsctl relocate."""

from understudy.cli.crsctl.common import IMMEDIATE, MOVED
from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "server": Command(
        "crsctl relocate server <name ...>",
        "relocate-server",
        about="Moves servers to another top-level server pool, as far as SERVER_NAMES and sizes allow; there they stay.",
        example="crsctl relocate server ctr4 -c web_sp",
        options={
            "-c": Option("pool", "to this top-level pool, or to Free", kind=VALUE, metavar="pool"),
            "-f": Option("force", "what runs there and may not run in that pool is stopped or moved"),
            "-i": IMMEDIATE,
        },
    ),
    "resource": Command(
        'crsctl relocate resource {name ... | -all -s server | -w "filter"}',
        "relocate-resource",
        about="Moves running resources to another server. What must be on the same server moves along only with -f.",
        example="crsctl relocate resource mysqld -n ctr2 -f",
        options={
            **MOVED,
            "-n": Option("server", "to this server", kind=VALUE, metavar="server"),
            "-s": Option("source", "only what runs on this server", kind=VALUE, metavar="server"),
        },
    ),
}
