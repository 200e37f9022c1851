"""crsctl add."""

from understudy.cli.crsctl.common import ATTR, DEFINED, FROM_FILE, IMMEDIATE
from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "resource": Command(
        "crsctl add resource <name>",
        "add-resource",
        about="Registers a resource. It is not started.",
        example='crsctl add resource mysqld -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/mysqld.scr,PLACEMENT=restricted,'
        'SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(mysql-data),STOP_DEPENDENCIES=hard(mysql-data)"',
        options={"-type": Option("type", "resource type", kind=VALUE, metavar="type"), **DEFINED},
    ),
    "category": Command(
        "crsctl add category <name>",
        "add-category",
        about="Registers a category of servers: those are of it of which EXPRESSION is true, and without one all. SERVER_CATEGORY of "
        "server pools and resources names it.",
        example="crsctl add category big -attr \"EXPRESSION='(CPU_COUNT > 2) AND (MEMORY_SIZE > 2048)'\"",
        options={"-attr": ATTR, "-file": FROM_FILE, "-i": IMMEDIATE},
    ),
    "serverpool": Command(
        "crsctl add serverpool <name>",
        "add-serverpool",
        about="Registers a server pool.",
        example='crsctl add serverpool controller_sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"',
        options=DEFINED,
    ),
    "type": Command(
        "crsctl add type <name>",
        "add-type",
        about="Registers a resource type. Keywords: ATTRIBUTE, TYPE, DEFAULT_VALUE, FLAGS, in that order.",
        example='crsctl add type app.web.type -basetype cluster_resource -attr "ATTRIBUTE=USR_PORT,TYPE=int,DEFAULT_VALUE=80,FLAGS=CONFIG"',
        options={
            "-basetype": Option("basetype", "type it descends from", kind=VALUE, metavar="type"),
            **DEFINED,
        },
    ),
}
