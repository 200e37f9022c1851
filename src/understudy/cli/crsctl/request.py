"""crsctl request."""

from understudy.cli.crsctl.common import FILTER, IMMEDIATE
from understudy.cli.options import VALUE, VALUES, Command, Option

COMMANDS = {
    "action": Command(
        'crsctl request action {name -r resource ... | name -w "filter"}',
        "request-action",
        about="Has the action scripts of resources run an action of their own, one of ACTIONS, where they run; shows what it printed.",
        example="crsctl request action backup -r mysqld",
        options={
            "-r": Option("resources", "of these resources", kind=VALUES, metavar="resource ..."),
            "-w": FILTER,
            "-env": Option("environment", "variables that the action finds in its environment", kind=VALUE, metavar='"e1=v1,..."'),
            "-i": IMMEDIATE,
        },
    ),
}
