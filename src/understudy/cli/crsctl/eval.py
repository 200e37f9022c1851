"""crsctl eval: what another command, or a failure, would do. Each takes that command's options; it is rehearsed, and nothing is changed."""

from understudy.cli.crsctl import add, delete, modify, relocate, start, stop
from understudy.cli.crsctl.common import ATTR, FILTER, FORCE, FROM_FILE, JSON, SERVER
from understudy.cli.options import VALUE, Command, Option

_EXPLAIN = {"-explain": Option("explain", "say of each action why"), "--json": JSON}
_ADMIN = {
    "-admin": Option("admin", "also which servers each server pool has"),
    "-l": Option("level", "with -admin: only these", kind=VALUE, metavar="serverpools|resources|all"),
    "-x": Option("differing", "with -admin: only server pools that differ, and with -a only such resources"),
    "-a": Option("every", "with -admin: where every resource is now and then, also where nothing is done"),
}
_FAIL = 'crsctl eval fail resource {name ... | -w "filter"}'


def _of(command: Command, about: str, **more: Option) -> Command:
    """The same command, rehearsed."""
    skipped = {"--dry-run", "--json", "-i", "-env", "-l", "-k", "-d", "-begin", "-end"}
    options = {name: option for name, option in command.options.items() if name not in skipped}
    words = command.usage.split(" ", 1)[1]
    return _rehearsed(f"crsctl eval {words}", command.verb, about, command.example.replace("crsctl ", "crsctl eval "), {**options, **more})


def _rehearsed(usage: str, verb: str, about: str, example: str, options: dict[str, Option]) -> Command:
    made = Command(usage, verb, about=about, example=example, options={**options, **_EXPLAIN}, rehearsed=True)
    made.fixed |= {"dry_run": True, "form": "eval"}
    return made


COMMANDS = {
    "activate policy": _rehearsed(
        "crsctl eval activate policy <name>", "activate-policy", "Refused: there are none here.", "crsctl eval activate policy night",
        {"-f": FORCE, **_ADMIN},
    ),
    "add resource": _of(add.COMMANDS["resource"], "What adding a resource would do."),
    "add server": _rehearsed(
        "crsctl eval add server <name>", "return-servers", "What would move when a server joins, again or for the first time.",
        'crsctl eval add server ctr4 -attr "CPU_COUNT=8,ROOM=north"',
        {"-attr": ATTR, "-file": FROM_FILE, "-f": Option("force", "accepted: nothing is in the way of a server that joins"), **_ADMIN},
    ),
    "add serverpool": _of(add.COMMANDS["serverpool"], "What adding a server pool would do.", **_ADMIN),
    "delete server": _rehearsed(
        "crsctl eval delete server <name>", "leave-server", "What would stop and move when a server leaves in order; -f: at once.",
        "crsctl eval delete server ctr4", {"-f": FORCE, **_ADMIN},
    ),
    "delete serverpool": _of(delete.COMMANDS["serverpool"], "What deleting server pools would do.", **_ADMIN),
    "fail resource": _rehearsed(
        _FAIL, "fail-resource", "What would be restarted, stopped and moved when a resource ends by itself.",
        "crsctl eval fail resource mysqld", {"-w": FILTER, "-n": SERVER},
    ),
    "modify resource": _of(modify.COMMANDS["resource"], "What changing attributes would stop, move or restart."),
    "modify serverpool": _of(modify.COMMANDS["serverpool"], "What changing a server pool would stop or move.", **_ADMIN),
    "relocate resource": _of(relocate.COMMANDS["resource"], "What moving resources would do."),
    "relocate server": _rehearsed(
        "crsctl eval relocate server <name ...>", "relocate-server", "What would stop and move when servers change pools.",
        "crsctl eval relocate server ctr4 -to web_sp",
        {"-to": Option("pool", "to this top-level pool, or to Free", kind=VALUE, metavar="pool"), "-f": FORCE, **_ADMIN},
    ),
    "start resource": _of(start.COMMANDS["resource"], "What starting resources would do."),
    "stop resource": _of(stop.COMMANDS["resource"], "What stopping resources would do."),
}  # fmt: skip
COMMANDS["add server"].fixed["new"] = True
