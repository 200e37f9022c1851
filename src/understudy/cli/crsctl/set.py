"""crsctl set, and what unset and debug have in common with it."""

from understudy.cli.options import Command, Option

LOG = "Sets LOGGING_LEVEL of resources, as crsctl modify resource does."

COMMANDS = {
    "crs": Command(
        "crsctl set crs {autostart [delay seconds] [servercount number]}",
        "set-crs",
        about="Refused but for delay 0 and servercount 1, which is how it is: what is wanted starts as soon as a server may run it.",
        example="crsctl set crs autostart delay 0 servercount 1",
        options={},
    ),
    "css": Command(
        "crsctl set css {misscount seconds | disktimeout seconds | reboottime seconds}",
        "set-css",
        about="Refused: all times follow from pause_tolerance, which is one setting of the whole cluster.",
        example="crsctl set css misscount 30",
        options={},
    ),
    "log": Command(
        'crsctl set log {res "name=level" ...}',
        "set-log",
        about=LOG,
        example='crsctl set log res "mysqld=1"',
        options={"-f": Option("force", "accepted")},
    ),
    "resource": Command(
        "crsctl set resource {use 0|1}",
        "set-resource-use",
        about="With 0 this server is in the server pool Free and no resource is started on it that is not there already; 1 ends that. "
        "It outlives a boot.",
        example="crsctl set resource use 0",
        options={},
    ),
    "trace": Command(
        "crsctl set trace {module ...}",
        "set-trace",
        about="Refused: everything is logged all the time.",
        example="crsctl set trace all",
        options={},
    ),
}
