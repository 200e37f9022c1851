"""crsctl stop."""

from understudy.cli.crsctl.common import CHOSEN, LEAVE, NAMES, SERVER
from understudy.cli.options import Command

COMMANDS = {
    "resource": Command(
        f"crsctl stop resource {NAMES}",
        "stop-resource",
        about="Stops resources; TARGET becomes OFFLINE. Refused while something that needs them runs, unless -f stops that first.",
        example="crsctl stop resource mysqld",
        options={**CHOSEN, "-n": SERVER, "-l": LEAVE},
    ),
}
