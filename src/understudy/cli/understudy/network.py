"""understudy network."""

from understudy.cli.options import Command, Option

COMMANDS = {
    "add": Command(
        "understudy network add <number=subnet,interface>",
        "network-add",
        about="Makes a network for virtual addresses, IPv4 or IPv6, while the cluster lives: registers ora.netN.network for all servers.",
        example="understudy network add 2=10.20.0.0/24,eth2\nunderstudy network add 3=fd00:10:20::/64,eth1",
        options={},
    ),
    "list": Command(
        "understudy network list",
        "network-list",
        about="The networks of virtual addresses, and on which servers each is there.",
        example="understudy network list",
        options={"--json": Option("json", "for machines")},
    ),
    "remove": Command(
        "understudy network remove <number>",
        "network-remove",
        about="Forgets a network on which no resource stands any more. Interfaces and their addresses are not touched.",
        example="understudy network remove 2",
        options={},
    ),
}
