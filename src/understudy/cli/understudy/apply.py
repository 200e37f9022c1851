"""understudy apply."""

from understudy.cli.options import Command
from understudy.cli.understudy.plan import OPTIONS

COMMANDS = {
    "": Command(
        "understudy apply <file>",
        "file-apply",
        about="Make the cluster what the file says, in one commit where one holds it. All that is wrong with the file is said before "
        "anything is done; a second apply has nothing to do. What runs is not stopped, moved or restarted without -f, and nothing is "
        "removed without --prune.",
        example="understudy apply cluster.toml\nunderstudy apply cluster.toml --dry-run\nunderstudy apply cluster.toml --prune",
        options=OPTIONS,
        reader="understudy.cli.clusterfile",
    ),
}
