"""crsctl delete."""

from understudy.cli.crsctl.common import FILTER, PLAIN
from understudy.cli.options import Command

COMMANDS = {
    "resource": Command(
        "crsctl delete resource",
        "delete-resource",
        about="Forgets resources that are stopped and that no other resource names. -f stops them first, and leaves dependents.",
        names='{name ... | -w "filter"}',
        example="crsctl delete resource mysqld mysql-data",
        options={"-w": FILTER, **PLAIN},
    ),
    "serverpool": Command(
        "crsctl delete serverpool",
        "delete-serverpool",
        about="Forgets server pools that nothing names.",
        names="name ...",
        example="crsctl delete serverpool controller_sp",
        options=PLAIN,
    ),
    "type": Command(
        "crsctl delete type",
        "delete-type",
        about="Forgets resource types that nothing uses.",
        names="name ...",
        example="crsctl delete type app.web.type",
        options=PLAIN,
    ),
}
