"""Options that several verbs of crsctl share."""

from understudy.cli.options import FILE, VALUE, Option

NAMES = '{name ... | -w "filter" | -all}'

FORCE = Option("force", "stop or relocate what is in the way")
FORCE_CHANGE = Option("force", "do it although something stops, moves or restarts, or a name is not known yet")
IMMEDIATE = Option("immediate", "accepted: this command never waits for another")
AT_ONCE = Option("immediate", "fail at once, and say by whom it is locked, if the command would have to wait for another")
FILTER = Option("filter", "instead of names: 'attribute operator value', with AND, OR and parentheses", kind=VALUE, metavar='"filter"')
ALL = Option("all", "every resource that is not the cluster's own")
SERVER = Option("server", "on this server", kind=VALUE, metavar="server")
CARDINALITY = Option("cardinality", "the instance of this number (those of a local resource are named by -n)", kind=VALUE, metavar="cid")
DEGREE = Option("degree", "with -k: the instance of this degree, which is 1", kind=VALUE, metavar="did")
ENVIRONMENT = Option("environment", "refused: crsctl modify resource sets attributes for every server", kind=VALUE, metavar='"e1=v1,..."')
BEGIN = Option("begin", "refused: there are no groups of commands")
END = Option("end", "refused: there are no groups of commands")
LEAVE = Option("leave", "if it fails, leave TARGETs and what has come up as they are then")
LEFT = Option("leave", "accepted: what has been stopped is always left so")
JSON = Option("json", "for machines")
ATTR = Option("attr", "attributes; a value with commas belongs in single quotes", kind=VALUE, metavar='"NAME=value,..."')
FROM_FILE = Option("file", "the same from a file, one NAME=value per line, without quotes", kind=FILE, metavar="file")
PLAIN = {"-f": FORCE, "-i": IMMEDIATE}
DEFINED = {"-attr": ATTR, "-file": FROM_FILE, "-f": FORCE_CHANGE, "-i": IMMEDIATE}
MOVED = {"-w": FILTER, "-all": ALL, "-k": CARDINALITY, "-d": DEGREE, "-env": ENVIRONMENT, "-f": FORCE, "-i": AT_ONCE}
CHOSEN = {**MOVED, "-begin": BEGIN, "-end": END}
