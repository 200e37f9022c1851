"""understudy export."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "": Command(
        "understudy export",
        "file-export",
        about="The resource types, server pools and resources of this cluster as a file that people edit; understudy apply reads it again.",
        example="understudy export",
        options={"--json": Option("json", "for machines: the same tables as JSON")},
    ),
}
