"""crsctl stop."""

from understudy.cli.crsctl.common import CHOSEN, LEAVE, NAMES, SERVER
from understudy.cli.options import Command

COMMANDS = {
    "resource": Command(
        "crsctl stop resource",
        "stop-resource",
        about="Stops resources; TARGET becomes OFFLINE. Refused while something that needs them runs, unless -f stops that first.",
        names=NAMES,
        example="crsctl stop resource mysqld",
        options={**CHOSEN, "-n": SERVER, "-l": LEAVE},
    ),
}
