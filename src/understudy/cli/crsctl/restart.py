"""crsctl restart."""

from understudy.cli.crsctl.common import CHOSEN, NAMES
from understudy.cli.options import Command

COMMANDS = {
    "resource": Command(
        f"crsctl restart resource {NAMES}",
        "restart-resource",
        about="Stops resources and starts them where they ran; with -f what depends on them too.",
        example="crsctl restart resource mysqld",
        options=CHOSEN,
    ),
}
