"""crsctl start."""

from understudy.cli.crsctl.common import CHOSEN, LEAVE, NAMES, SERVER
from understudy.cli.options import Command

COMMANDS = {
    "crs": Command(
        "crsctl start crs",
        "join-server",
        about="This server joins again after crsctl stop crs; a boot does that too.",
        example="crsctl start crs",
        options={},
    ),
    "resource": Command(
        f"crsctl start resource {NAMES}",
        "start-resource",
        about="Starts resources, after all they need; TARGET becomes ONLINE. Without -n the best server by profile. "
        "If it fails, TARGETs are as they were before.",
        example="crsctl start resource mysqlVIP mysql-data mysqld -n ctr1",
        options={**CHOSEN, "-n": SERVER, "-l": LEAVE},
    ),
}
