"""understudy.toml follows the registry: servers and voters that changed are written into it, so that nobody has to.

Called by `daemon/main.py`. Only a file that is just as commands write it, with whatever settings, is touched: what an operator has written
in his own manner stays, and conditions say what differs. Never one of a later voter set: somebody is about to have those accepted.
"""

import asyncio
import functools
from collections.abc import Collection
from dataclasses import replace

from understudy.agents.aside import aside
from understudy.daemon.mirror import Mirror
from understudy.daemon.serversnow import ServersNow
from understudy.errors import BadSettings
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.servers import ServerRecord, with_servers
from understudy.model.settings import Settings, parse_settings
from understudy.model.view import ClusterRecord
from understudy.security.keyfiles import PUBLIC
from understudy.setup.files import NewFile, read_text, write_file
from understudy.setup.written import settings_text

AGAIN_S, WITHIN_S = 10.0, 10.0


async def keep_settings(mirror: Mirror, servers_now: ServersNow, config: str) -> None:
    """Follow the registry until cancelled."""
    said = ""
    while True:
        view = mirror.view
        if view.cluster is not None and view.servers and mirror.read_once and not (view.set_back or view.recovering):
            try:
                work = functools.partial(brought_up_to_date, config, view.cluster, tuple(view.servers.values()))
                if (written := await aside(work, within_s=WITHIN_S, kind="settings")) is not None:
                    servers_now.written(written)
                    log(logevents.SETTINGS_FOLLOWED, voters=", ".join(written.voters))
                said = ""
            except (OSError, TimeoutError) as error:
                why = f"{config}: {getattr(error, 'strerror', None) or 'the disk does not answer'}"
                if why != said:
                    log(logevents.SETTINGS_NOT_FOLLOWED, why=why)
                said = why
                await asyncio.sleep(AGAIN_S)
                continue
        while (mirror.view.cluster, mirror.view.servers) == (view.cluster, view.servers):
            await mirror.changed(mirror.view, AGAIN_S)


def brought_up_to_date(config: str, cluster: ClusterRecord, servers: Collection[ServerRecord]) -> Settings | None:
    """What was written; None: nothing had to be, or may be. OSError."""
    try:
        text = read_text(config)
        before = parse_settings(text)
    except BadSettings:
        return None
    if text != settings_text(before) or before.cluster != cluster.name or cluster.old_voters or before.voter_set > cluster.voter_set:
        return None
    if before.server not in {record.server for record in servers}:
        return None  # it was taken out
    after = with_servers(replace(before, voters=tuple(sorted(cluster.voters)), voter_set=cluster.voter_set), servers)
    if after == before:
        return None
    write_file(NewFile(config, settings_text(after), PUBLIC))
    return after
