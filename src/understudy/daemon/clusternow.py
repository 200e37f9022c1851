"""What a server knows of its cluster when another one wants to join, or to become a voter: from its View, or else from its disk.

Called by `main.py` for the join listener. Decides nothing.
"""

import os
from dataclasses import replace

from understudy.daemon.mirror import Mirror
from understudy.guard import serverfile
from understudy.model.servers import LEARNER, MEMBER, members_of
from understudy.model.settings import Settings
from understudy.setup.judge import ClusterNow


def cluster_now(mirror: Mirror, settings: Settings) -> ClusterNow:
    """`settings`: with the servers that there are by now."""
    view = mirror.view
    if view.cluster is None:
        begun = settings.voters if os.path.exists(serverfile.path_of(settings)) else ()  # there is a registry, which does not answer
        return ClusterNow(settings, frozenset(settings.voters), frozenset(begun))
    voters = tuple(sorted(view.cluster.voters))
    looked_after = bool(members_of(view.servers))
    counting = {name for name, record in view.servers.items() if record.etcd == MEMBER}
    learning = {name for name, record in view.servers.items() if record.etcd == LEARNER}
    return ClusterNow(
        settings=replace(settings, voters=voters, voter_set=view.cluster.voter_set),
        voting=frozenset({*voters, *counting, *learning}),
        begun=frozenset(view.present().keys() & (counting if looked_after else {*voters})),
        without=frozenset({*voters} - counting) if looked_after else frozenset(),
    )
