"""crsctl restart."""

from understudy.cli.crsctl.common import CHOSEN, NAMES
from understudy.cli.options import VALUE, Command, Option

COMMANDS = {
    "resource": Command(
        f"crsctl restart resource {NAMES}",
        "restart-resource",
        about="Stops resources and starts them where they ran; with -f what depends on them too.",
        example="crsctl restart resource mysqld\ncrsctl restart resource agent -n ctr3",
        options={
            **CHOSEN,
            "-n": Option("server", "only what runs on this server; of a local resource its instance there", kind=VALUE, metavar="server"),
        },
    ),
}
