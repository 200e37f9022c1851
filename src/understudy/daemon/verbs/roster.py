"""`understudy cluster add-server`, `remove-server`: which servers there are; the registry's word alone, which every server follows.

What is decided is `intent/roster.py`'s. Here it is looked whether the new addresses can be reached, and said what comes next.
"""

from understudy.daemon.requests import cluster_addresses
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput
from understudy.intent import roster
from understudy.intent.refusal import Declined
from understudy.model.names import ServerName
from understudy.model.servers import known_servers


async def add(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        wanted = roster.wanted_server(arguments.one_name("server"), witness=arguments.flag("witness"))
        operator, view = world.operator(), world.mirror.view
        own = known_servers(view.servers, world.settings).get(operator.server)
        for ours, theirs in zip(own.addresses if own is not None else (), wanted.addresses, strict=False):
            if why := world.server.no_way(ours, theirs):
                raise Declined(20305, wanted.server, f"{theirs} cannot be reached from {ours} of this server: {why}")
        known = wanted.server in known_servers(view.servers, world.settings)
        await write(world, lambda view: roster.add_server(view, wanted, operator, cluster_addresses(view.resources.values())))
    except BadInput as error:
        world.refuse(error)
        return 1
    voters = world.mirror.view.cluster.voters if world.mirror.view.cluster is not None else ()
    world.output.out(
        f"{wanted.server} {'is one of the servers already' if known else 'is one of the servers now'}"
        f"{', a witness' if wanted.witness else ''}. Next, on {_or(voters)}:\n  understudy cluster token\n"
        f"and on {wanted.server} what that prints"
    )
    return 0


async def remove(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        name, operator = ServerName(arguments.one_name("server")), world.operator()
        if arguments.flag("ask"):
            roster.may_go(await world.mirror.refresh(), name, operator)
            return 0
        await write(world, lambda view: roster.remove_server(view, name, operator))
    except BadInput as error:
        world.refuse(error)
        return 1
    world.output.out(f"{name} is no server of this cluster any more: no guard listens to it, and it gets no new certificate")
    if named := roster.still_named(world.mirror.view, name):
        world.output.out(f"still named by {'; '.join(named)}: crsctl modify takes it out there")
    if name != world.settings.server:
        world.output.out(
            "Its certificate for etcd stays valid until it ends, from its own addresses: if its disk is in other hands, type"
            " understudy cluster rotate-keys"
        )
    return 0


def _or(names: tuple[ServerName, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names) or "a voter"
