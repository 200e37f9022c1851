"""crsctl debug."""

from understudy.cli.crsctl.set import LOG
from understudy.cli.options import Command

COMMANDS = {
    "log": Command(
        'crsctl debug log {res "name:level" ...}',
        "set-log",
        about=LOG,
        example='crsctl debug log res "mysqld:1"',
        options={},
    ),
}
