"""crsctl stop."""

from understudy.cli.crsctl.common import CHOSEN, LEFT, NAMES
from understudy.cli.options import VALUE, VALUES, Command, Option

AT_ONCE = Option("force", "at once: everything is killed and starts elsewhere")

COMMANDS = {
    "cluster": Command(
        "crsctl stop cluster",
        "leave-server",
        about="Servers stop everything in order and leave; what may run on another server starts there. TARGETs are kept.",
        example="crsctl stop cluster -all",
        options={
            "-all": Option("all", "every server"),
            "-n": Option("names", "these servers; default: this one", kind=VALUES, metavar="server ..."),
            "-f": AT_ONCE,
        },
    ),
    "crs": Command(
        "crsctl stop crs",
        "leave-server",
        about="This server stops everything in order and leaves; what may run on another server starts there. "
        "It comes back with crsctl start crs.",
        example="crsctl stop crs",
        options={"-f": AT_ONCE},
    ),
    "resource": Command(
        f"crsctl stop resource {NAMES}",
        "stop-resource",
        about="Stops resources; TARGET becomes OFFLINE. Refused while something that needs them runs, unless -f stops that first.",
        example="crsctl stop resource mysqld\ncrsctl stop resource agent -n ctr3",
        options={
            **CHOSEN,
            "-n": Option("server", "only what runs on this server; of a local resource its instance there", kind=VALUE, metavar="server"),
            "-l": LEFT,
        },
    ),
}
