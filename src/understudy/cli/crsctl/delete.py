"""crsctl delete."""

from understudy.cli.crsctl.common import FILTER, IMMEDIATE, PLAIN
from understudy.cli.options import Command

COMMANDS = {
    "resource": Command(
        'crsctl delete resource {name ... | -w "filter"}',
        "delete-resource",
        about="Forgets resources that are stopped and that no other resource names. -f stops them first, and leaves dependents.",
        example="crsctl delete resource mysqld mysql-data",
        options={"-w": FILTER, **PLAIN},
    ),
    "category": Command(
        'crsctl delete category {name ... | -w "filter"}',
        "delete-category",
        about="Forgets server categories that nothing names.",
        example="crsctl delete category big",
        options={"-w": FILTER, "-i": IMMEDIATE},
    ),
    "serverpool": Command(
        "crsctl delete serverpool <name ...>",
        "delete-serverpool",
        about="Forgets server pools that nothing names. What would stop or move is named, and that is done only with -f.",
        example="crsctl delete serverpool controller_sp",
        options=PLAIN,
    ),
    "type": Command(
        "crsctl delete type <name ...>",
        "delete-type",
        about="Forgets resource types that nothing uses.",
        example="crsctl delete type app.web.type",
        options={"-i": IMMEDIATE},
    ),
}
