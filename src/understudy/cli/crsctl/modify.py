"""crsctl modify."""

from understudy.cli.crsctl.common import DEFINED
from understudy.cli.options import Command, Option

COMMANDS = {
    "resource": Command(
        "crsctl modify resource <name>",
        "modify-resource",
        about="Changes attributes. What would have to restart is named, and restarted only with -f.",
        example='crsctl modify resource mysqld -attr "CHECK_INTERVAL=10, RESTART_ATTEMPTS=3"',
        options={**DEFINED, "-delete": Option("delete", "remove the scoped attribute named, like LOAD@SERVERNAME(ctr1)=")},
    ),
    "serverpool": Command(
        "crsctl modify serverpool <name>",
        "modify-serverpool",
        about="Changes a server pool. Refused without -f where running resources would have to move.",
        example='crsctl modify serverpool controller_sp -attr "SERVER_NAMES=ctr1 ctr2 ctr3"',
        options=DEFINED,
    ),
    "type": Command(
        "crsctl modify type <name>",
        "modify-type",
        about="Changes or adds attributes of a resource type.",
        example='crsctl modify type app.web.type -attr "ATTRIBUTE=USR_PORT,TYPE=int,DEFAULT_VALUE=8080"',
        options=DEFINED,
    ),
}
