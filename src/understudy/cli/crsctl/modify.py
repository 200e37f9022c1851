"""crsctl modify."""

from understudy.cli.crsctl.common import ATTR, DEFINED, FORCE_CHANGE
from understudy.cli.options import Command, Option

COMMANDS = {
    "resource": Command(
        "crsctl modify resource <name>",
        "modify-resource",
        about="Changes attributes. What it would stop, move or restart is named, and that is done only with -f.",
        example='crsctl modify resource mysqld -attr "CHECK_INTERVAL=10, RESTART_ATTEMPTS=3"',
        options={**DEFINED, "-delete": Option("delete", "remove the scoped attribute named, like LOAD@SERVERNAME(ctr1)=")},
    ),
    "category": Command(
        "crsctl modify category <name>",
        "modify-category",
        about="Changes a category of servers. What it would stop or move is named, and that is done only with -f.",
        example='crsctl modify category big -attr "EXPRESSION=(CPU_COUNT > 4)"',
        options=DEFINED,
    ),
    "server": Command(
        "crsctl modify server <name>",
        "modify-server",
        about="Says what a server is: SERVER_LABEL, CPU_EQUIVALENCY, or attributes of one's own, which categories may compare. Without a "
        "value it is taken away. What would stop or move is named, and that is done only with -f.",
        example='crsctl modify server ctr1 -attr "ROOM=north"',
        options={"-attr": ATTR, "-f": FORCE_CHANGE},
    ),
    "serverpool": Command(
        "crsctl modify serverpool <name>",
        "modify-serverpool",
        about="Changes a server pool. What it would stop or move is named, and that is done only with -f.",
        example='crsctl modify serverpool controller_sp -attr "SERVER_NAMES=ctr1 ctr2 ctr3"',
        options=DEFINED,
    ),
    "type": Command(
        "crsctl modify type <name>",
        "modify-type",
        about="Changes or adds attributes of a resource type. What it would stop, move or restart is named, and that is done only with -f.",
        example='crsctl modify type app.web.type -attr "ATTRIBUTE=USR_PORT,TYPE=int,DEFAULT_VALUE=8080"',
        options=DEFINED,
    ),
}
