"""`understudy cluster accept-settings`: voters and pause_tolerance of a cluster that is stopped are from now on those of this server.

Voters of a living cluster are fixed: guards whose settings are not the registry's take no part (`guard/core/common.py`). So whoever wants
others stops the cluster on every server, edits understudy.toml on all, starts it, and says so here, once. With a question, for a server
that still runs under the old settings could be called lost by voters that never granted it anything; and refused while anybody leads.
"""

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput, Refused
from understudy.intent.servers import accept_settings, accepted, the_cluster
from understudy.model.messages import words
from understudy.model.view import ClusterRecord, View

WATCH_S = 5.0
"""A cluster in which anybody leads writes a beat within this."""


async def run(world: CommandContext, arguments: Arguments) -> int:
    """The whole command; its exit status."""
    try:
        view = await world.mirror.refresh()
        present, wanted = the_cluster(view), accepted(view, world.settings)
        if wanted == present:
            world.output.out("understudy.toml of this server says what the registry says: there is nothing to accept")
            return 0
        await _nobody_leads(world, view)
        if not arguments.flag("force"):
            world.output.out(_question(present, wanted))
            return 1
        operator = world.operator()
        await write(world, lambda view: accept_settings(view, operator))
    except BadInput as error:
        world.refuse(error)
        return 1
    world.output.out(f"the cluster's settings are now {_in_words(wanted)}; servers that have the same join by themselves")
    return 0


async def _nobody_leads(world: CommandContext, first: View) -> None:
    """Refused as soon as a leader shows itself."""
    until, view = world.clock.monotonic() + WATCH_S, first
    while (left := until - world.clock.monotonic()) > 0:
        view = await world.mirror.wait(view.revision, left)
        if view.beat != first.beat or view.leader != first.leader:
            raise Refused(words(20121, view.leader.server if view.leader else "another server"), code=20121)


def _question(present: ClusterRecord, wanted: ClusterRecord) -> str:
    return (
        f"The registry says {_in_words(present)}; understudy.toml of this server says {_in_words(wanted)}.\n"
        "Is the cluster stopped on every server, and is understudy.toml the same on all of them? A server that still runs under the old\n"
        "settings may be called lost while it runs; what it runs would then run twice.\n"
        "If everything is stopped: understudy cluster accept-settings -f"
    )


def _in_words(cluster: ClusterRecord) -> str:
    voters = ", ".join(sorted(cluster.voters))
    return f"cluster {cluster.name}, voters {voters}, voter_set {cluster.voter_set}, pause_tolerance {cluster.pause_tolerance:g} s"
