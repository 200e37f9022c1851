"""crsctl stat, and crsctl status."""

from understudy.cli.crsctl.common import CARDINALITY, DEGREE, FILTER, JSON, SERVER
from understudy.cli.options import VALUE, Command, Option

_SHOWN = {
    "-p": Option("profile", "every attribute"),
    "-v": Option("verbose", "run-time attributes"),
    "-f": Option("full", "every attribute and the state"),
    "-g": Option("registered", "only whether it is registered"),
    "-w": FILTER,
    "-attr": Option("only", "only these attributes, alone or of -p, -v or -f", kind=VALUE, metavar='"NAME,..."'),
    "-noname": Option("noname", "with -attr: only the values"),
    "--json": JSON,
}

_CATEGORY = Option("category", "only those of this category; ora.hub.category has all servers", kind=VALUE, metavar="category")
_OF_SERVER = Option("of_server", "those that this server is of", kind=VALUE, metavar="server")

COMMANDS = {
    "resource": Command(
        "crsctl stat resource [name ...]",
        "stat-resource",
        about="What is known of resources: of all, of those named, or of those that match.",
        example='crsctl stat res -t\ncrsctl stat res -w "(TYPE = cluster_resource) AND (STATE != ONLINE)"\ncrsctl stat res mysqld -p\n'
        'crsctl stat res -attr "NAME,STATE" -noname',
        options={
            "-t": Option("table", "as a table"),
            **_SHOWN,
            "-l": Option("all_values", "every instance's values"),
            "-e": Option("evaluate", "with -p, -f or -attr: scoped attributes as they count for each instance"),
            "-n": SERVER,
            "-k": CARDINALITY,
            "-d": DEGREE,
            "-s": Option("targets", "where it might be relocated"),
            "-dependency": Option("dependency", "what it depends on when it starts"),
            "-stop": Option("stop", "with -dependency: what it depends on when it stops"),
            "-pullup": Option("pullup", "with -dependency: what pulls it up"),
        },
    ),
    "category": Command(
        'crsctl stat category {[name ...] | -w "filter" | -server server}',
        "stat-category",
        about="Categories of servers, with their expressions.",
        example="crsctl stat category -server ctr1",
        options={"-w": FILTER, "-server": _OF_SERVER, "--json": JSON},
    ),
    "server": Command(
        "crsctl stat server [name ...]",
        "stat-server",
        about="What is known of servers.",
        example="crsctl stat server -f",
        options={**_SHOWN, "-category": _CATEGORY},
    ),
    "serverpool": Command(
        "crsctl stat serverpool [name ...]",
        "stat-serverpool",
        about="Server pools and the servers that are in them now.",
        example="crsctl stat serverpool controller_sp -f",
        options=_SHOWN,
    ),
    "type": Command(
        "crsctl stat type [name ...]",
        "stat-type",
        about="Resource types and their bases; -p with every attribute's default.",
        example="crsctl stat type app.appvip_net1.type -p",
        options=_SHOWN,
    ),
}
