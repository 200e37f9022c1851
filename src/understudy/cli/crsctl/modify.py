"""crsctl modify."""

from understudy.cli.crsctl.common import DEFINED
from understudy.cli.options import Command, Option

COMMANDS = {
    "resource": Command(
        "crsctl modify resource <name>",
        "modify-resource",
        about="Changes attributes. What it would stop, move or restart is named, and that is done only with -f.",
        example='crsctl modify resource mysqld -attr "CHECK_INTERVAL=10, RESTART_ATTEMPTS=3"',
        options={**DEFINED, "-delete": Option("delete", "remove the scoped attribute named, like LOAD@SERVERNAME(ctr1)=")},
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
