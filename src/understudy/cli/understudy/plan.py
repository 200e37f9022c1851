"""understudy plan."""

from understudy.cli.options import Command, Option

OPTIONS = {
    "--prune": Option("prune", "also remove what is registered and does not stand in the file"),
    "--other-cluster": Option("other_cluster", "the file is of a cluster of another name, and that is meant"),
    "-f": Option("force", "even if what runs is stopped, moved or restarted by it; and also what names servers or resources yet to come"),
}
"""Of plan and apply."""
COMMANDS = {
    "": Command(
        "understudy plan <file>",
        "file-plan",
        about="What apply of this file would add (+), change (~) and remove (-), what would stop, start and move by it, and what would be "
        "down for how long. Nothing is changed. Exit status: 0 nothing would be changed, 2 something would, 1 the file is refused.",
        example="understudy plan cluster.toml\nunderstudy plan cluster.toml --prune --json",
        options={**OPTIONS, "--json": Option("json", "for machines")},
        rehearsed=True,
        reader="understudy.cli.clusterfile",
    ),
}
COMMANDS[""].fixed["dry_run"] = True
